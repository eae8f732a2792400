#include "models/training/export/vae_exporter.h"

#include <algorithm>
#include <cmath>

#include "bitstream/cdf_tables.h"
#include "models/networks/weights_io.h"
#include "models/training/data/picture_sampler.h"
#include "models/training/export/code_mixture.h"
#include "models/training/export/frequency_tables.h"
#include "models/training/export/weights_export.h"
#include "models/training/loop/run_random.h"

namespace halfmoon::training {
namespace {

// Of a bin that holds all that is drawn from N(0, 1): its neighbours begin 10 sigma away.
constexpr float kWholeLine = 20;
// Narrower bins than this would need tables of thousands of symbols; a plain autoencoder, which has
// no sigma to go by, gets a 64th of the spread of its codes.
constexpr float kMinStep = 1.0f / 64;

// A code of every training picture, drawn from its posterior: [n, latent].
torch::Tensor DrawnCodes(networks::Vae& model, const PictureSampler& pictures,
                         at::Generator generator) {
  constexpr std::int64_t kAtOnce = 100;
  std::vector<torch::Tensor> codes;
  for (std::int64_t i = 0; i < pictures.size(); i += kAtOnce) {
    const std::int64_t n = std::min(kAtOnce, pictures.size() - i);
    const auto [mean, logvar] = model->g_a->forward(pictures.Slice(i, n).pictures);
    codes.push_back(model->Draw(mean, logvar, generator).permute({0, 2, 3, 1}).reshape({n, -1}));
  }
  return torch::cat(codes);
}

Status AddMixture(networks::Vae& model, const std::vector<Pack>& packs, SafetensorsWriter* writer) {
  const VaeConfig& c = model->config();
  if (c.latent > kMaxMixtureCode) {
    return {StatusCode::kInvalidArgument,
            "a code has " + std::to_string(c.latent) + " numbers; a mixture is fitted to at most " +
                std::to_string(kMaxMixtureCode) + "; export without data"};
  }
  HALFMOON_ASSIGN_OR_RETURN(
      const PictureParts parts,
      PictureParts::Create(packs, c.pyramid.channels, c.pyramid.side, torch::kCPU));
  const auto& [training, validation] = parts;
  if (validation.size() == 0) {
    return {StatusCode::kInvalidArgument,
            "the packs hold no validation pictures, which choose the mixture; make them with "
            "'halfmoon pack'"};
  }
  at::Generator generator = MakeGenerator(torch::kCPU);
  generator.set_current_seed(1);
  const torch::Tensor codes = DrawnCodes(model, training, generator);
  const CodeMixture m =
      ChooseMixture(codes, DrawnCodes(model, validation, generator), kMixtureComponents, generator);
  HALFMOON_RETURN_IF_ERROR(
      AddTensor<float>(*writer, "mixture.weights", m.weights.to(torch::kFloat32)));
  HALFMOON_RETURN_IF_ERROR(AddTensor<float>(*writer, "mixture.means", m.means.to(torch::kFloat32)));
  return AddTensor<float>(*writer, "mixture.factors", m.factors.to(torch::kFloat32));
}

}  // namespace

Result<std::vector<std::uint8_t>> ExportVae(const Checkpoint& checkpoint,
                                            const std::map<std::string, std::string>& metadata,
                                            const std::vector<Pack>& packs) {
  torch::NoGradGuard no_grad;
  HALFMOON_ASSIGN_OR_RETURN(const VaeConfig config, FromMetadata<VaeConfig>(checkpoint.metadata));
  networks::Vae model(config);
  HALFMOON_RETURN_IF_ERROR(LoadAveraged(checkpoint, *model));
  const torch::Tensor summary = model->summary.contiguous();
  const float* sigma = summary[0].data_ptr<float>();
  const float* variance = summary[2].data_ptr<float>();
  torch::Tensor step = torch::empty({config.latent});
  std::vector<double> scales;  // of N(0, 1) in bins
  for (std::int64_t i = 0; i < config.latent; ++i) {
    if (!(sigma[i] > 0)) {
      return Status(
          StatusCode::kInvalidArgument,
          "the checkpoint's model was never validated, so nothing is known of its posteriors; "
          "let the run go on to its end");
    }
    float d = std::sqrt(12.0f) * sigma[i];
    if (!config.variational) d = std::sqrt(variance[i]) / 64;
    d = std::max(d, kMinStep);
    if (variance[i] <= networks::kActiveVariance) d = kWholeLine;
    step[i] = d;
    const double spread = config.variational ? 1.0 : std::max(1e-3, double{std::sqrt(variance[i])});
    scales.push_back(spread / d);
  }
  SafetensorsWriter writer;
  SetMetadata(metadata, ToMetadata(config), VaeConfig::kArchitecture, &writer);
  HALFMOON_RETURN_IF_ERROR(AddHalfModule(writer, "g_a", *model->g_a));
  HALFMOON_RETURN_IF_ERROR(AddHalfModule(writer, "g_s", *model->g_s));
  HALFMOON_RETURN_IF_ERROR(AddTensor<float>(writer, "gain.step", step));
  HALFMOON_RETURN_IF_ERROR(AddTensor<float>(writer, "likelihood.log_scale", model->LogScale()));
  HALFMOON_RETURN_IF_ERROR(AddTensor<float>(writer, "posterior.summary", summary));
  if (!packs.empty()) HALFMOON_RETURN_IF_ERROR(AddMixture(model, packs, &writer));
  const FrequencyTables tables = MakeGaussianTables(scales);
  HALFMOON_RETURN_IF_ERROR(AddTables(tables, &writer));
  // What we ship is what the decoder accepts: run its proof now.
  if (const auto made = CdfTables::Create(tables.sizes, tables.offsets, tables.frequencies);
      !made.ok()) {
    return Status(StatusCode::kInternal,
                  "export: the loader refuses it: " + made.status().message());
  }
  return writer.ToBytes();
}

Result<networks::Vae> ImportVae(const runtime::WeightsFile& file) {
  torch::NoGradGuard no_grad;
  HALFMOON_ASSIGN_OR_RETURN(const VaeConfig config, FromMetadata<VaeConfig>(file.metadata()));
  networks::Vae model(config);
  HALFMOON_RETURN_IF_ERROR(networks::LoadModule(file, "g_a", *model->g_a));
  HALFMOON_RETURN_IF_ERROR(networks::LoadModule(file, "g_s", *model->g_s));
  HALFMOON_ASSIGN_OR_RETURN(
      const torch::Tensor scale,
      networks::LoadFloatTensor(file, "likelihood.log_scale", model->scale.sizes()));
  HALFMOON_ASSIGN_OR_RETURN(
      const torch::Tensor summary,
      networks::LoadFloatTensor(file, "posterior.summary", model->summary.sizes()));
  model->SetLogScale(scale);
  model->summary.copy_(summary);
  model->eval();
  return model;
}

}  // namespace halfmoon::training
