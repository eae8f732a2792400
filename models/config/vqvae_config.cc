#include "models/config/vqvae_config.h"

namespace halfmoon {

double IndexPriorConfig::PriorKmac() const {
  const auto k = static_cast<double>(codes), e = static_cast<double>(context_channels),
             h1 = static_cast<double>(context_hidden), h2 = static_cast<double>(context_out);
  return static_cast<double>(stages) * (9 * e * h1 + h1 * h2 + h2 * k) / 256 / 1000;
}

void VqvaeConfig::VisitFields(FieldVisitor& f) {
  transforms.VisitFields(f);
  f.Whole("codes", codes, 2, 256);
  f.Whole("dim", dim, 1, 768);
  f.Whole("code_dim", code_dim, 1, 768);
  f.Whole("stages", stages, 1, 64);
  f.Whole("context_channels", context_channels, 2, 512);
  f.Whole("context_hidden", context_hidden, 4, 1024);
  f.Whole("context_out", context_out, 4, 1024);
  f.Whole("analysis_level", analysis_level, 0, AeConfig::kLevels - 1);
  f.Whole("first_level", first_level, 0, AeConfig::kLevels - 1);
  f.Whole("last_level", last_level, 0, AeConfig::kLevels - 1);
}

Status VqvaeConfig::Rules() const {
  auto bad = [](const std::string& text) { return Status(StatusCode::kInvalidArgument, text); };
  if (dim > transforms.latent_channels)
    return bad("model field 'dim' must not exceed 'latent_channels'");
  if (code_dim > dim) return bad("model field 'code_dim' must not exceed 'dim'");
  if (transforms.ms_ssim_share != 0)
    return bad("model field 'ms_ssim_share' must be 0: a VQ-VAE is trained for PSNR");
  if (transforms.weight_bits != 16)
    return bad("model field 'weight_bits' must be 16: a VQ-VAE's weights are half floats");
  return transforms.Rules();
}

}  // namespace halfmoon
