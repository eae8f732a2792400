#include "models/config/ae_config.h"

#include <limits>

#include "models/config/integer_path.h"

namespace halfmoon {
namespace {

// Of multiply-accumulates per pixel.
constexpr double kAt4 = 1.0 / 16, kAt8 = 1.0 / 64, kAt16 = 1.0 / 256, kAt32 = 1.0 / 1024,
                 kAt64 = 1.0 / 4096;

double Product(std::int64_t a, std::int64_t b) {
  return static_cast<double>(a) * static_cast<double>(b);
}

// Of a depth-wise block (networks/layers.h) at a position.
double Block(std::int64_t channels) {
  const auto c = static_cast<double>(channels);
  return 6 * c * c + 9 * c;
}

// A linear path between pixels and latent.
double Linear(const AeConfig& c) { return Product(c.lapped ? 3072 : 768, c.latent_channels); }

double Refinement(const AeConfig& c) {
  if (c.refine_blocks == 0) return 0;
  return 2 * Product(48, c.refine_channels) + Product(c.block_channels, c.refine_channels) +
         static_cast<double>(c.refine_blocks) * Block(c.refine_channels);
}

}  // namespace

double AeConfig::AnalysisKmac() const {
  const std::int64_t w = hyper_width;
  const double g_a = kAt8 * (Product(192, block_channels) +
                             static_cast<double>(analysis_blocks) * Block(block_channels)) +
                     kAt16 * (Product(4 * block_channels, trunk_channels) +
                              static_cast<double>(analysis_trunk_blocks) * Block(trunk_channels) +
                              Product(trunk_channels, latent_channels) + Linear(*this));
  const double h_a = kAt16 * Product(latent_channels, w) + kAt32 * (Product(4 * w, w) + Block(w)) +
                     kAt64 * (Product(4 * w, w) + Block(w) + Product(w, hyper_channels));
  return (g_a + h_a) / 1000;
}

double AeConfig::SynthesisKmac() const {
  return (kAt16 * (Product(latent_channels, trunk_channels) +
                   static_cast<double>(synthesis_trunk_blocks) * Block(trunk_channels) +
                   Product(trunk_channels, 4 * block_channels) + Linear(*this)) +
          kAt8 * (static_cast<double>(synthesis_blocks) * Block(block_channels) +
                  Product(block_channels, 192)) +
          kAt4 * Refinement(*this)) /
         1000;
}

double AeConfig::PriorKmac() const {
  const auto m = static_cast<double>(latent_channels), hidden = static_cast<double>(prior_hidden);
  const double at_64 = 9 * Product(hyper_channels, prior_h0) + 4 * Product(prior_h0, prior_h1);
  const double at_32 = 9 * Product(prior_h1, prior_h1) + 4 * Product(prior_h1, prior_features);
  double at_16 = 0;
  for (int k = 0; k < kAePasses; ++k) {
    const double context = k == 0 ? 0 : k * m / 4 + m;
    at_16 += (static_cast<double>(prior_features) + context) * hidden + (k == 0 ? 0 : 9 * m);
    at_16 += hidden * hidden + hidden * m / 2;
  }
  return (at_64 * kAt64 + at_32 * kAt32 + at_16 * kAt16) / 1000;
}

void AeConfig::VisitFields(FieldVisitor& f) {
  constexpr double kMost = std::numeric_limits<double>::max();
  f.Whole("block_channels", block_channels, 8, 1024);
  f.Whole("trunk_channels", trunk_channels, 8, 1024);
  f.Whole("analysis_blocks", analysis_blocks, 0, 64);
  f.Whole("analysis_trunk_blocks", analysis_trunk_blocks, 0, 64);
  f.Whole("synthesis_blocks", synthesis_blocks, 0, 64);
  f.Whole("synthesis_trunk_blocks", synthesis_trunk_blocks, 0, 64);
  f.Whole("latent_channels", latent_channels, 4, 768);
  f.Whole("hyper_channels", hyper_channels, 4, 768);
  f.Whole("hyper_width", hyper_width, 4, 1024);
  f.Whole("prior_h0", prior_h0, 4, 1024);
  f.Whole("prior_h1", prior_h1, 4, 1024);
  f.Whole("prior_features", prior_features, 4, 1024);
  f.Whole("prior_hidden", prior_hidden, 4, 1024);
  f.Flag("lapped", lapped, Presence::kOptional);
  f.Whole("refine_channels", refine_channels, 8, 256, Presence::kOptional);
  f.Whole("refine_blocks", refine_blocks, 0, 16, Presence::kOptional);
  f.Whole("weight_bits", weight_bits, 8, 16, Presence::kOptional);
  f.Whole("level_anchors", level_anchors, 2, kLevels);
  f.Real("lambda_min", lambda_min, 0, kMost);
  f.Real("lambda_max", lambda_max, 0, kMost);
  f.Real("ms_ssim_share", ms_ssim_share, 0, 1, Presence::kOptional);
  f.Fixed("levels", std::to_string(kLevels).c_str());
}

Status AeConfig::Rules() const {
  if (latent_channels % 4 != 0) {
    return {StatusCode::kInvalidArgument,
            "model field 'latent_channels' must be a multiple of 4 (four channel groups)"};
  }
  if (weight_bits != 8 && weight_bits != 16) {
    return {StatusCode::kInvalidArgument, "model field 'weight_bits' must be 8 or 16"};
  }
  if (!(lambda_min > 0 && lambda_max > lambda_min)) {
    return {StatusCode::kInvalidArgument,
            "model fields 'lambda_min' and 'lambda_max' must satisfy 0 < lambda_min < lambda_max"};
  }
  return Status::Ok();
}

}  // namespace halfmoon
