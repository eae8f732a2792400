#include "models/networks/vqvae_weights.h"

#include "models/networks/integer_weights.h"
#include "models/networks/weights_io.h"

namespace halfmoon::networks {
namespace {

// REQUIRES: a new model of the file's dimensions.
Status LoadPrior(const runtime::WeightsFile& file, const VqvaeConfig& c, IndexPrior& prior) {
  HALFMOON_ASSIGN_OR_RETURN(
      const torch::Tensor embedding,
      LoadIntegerTensor(file, "prior.embedding", {c.stages, c.codes, c.context_channels}));
  for (std::int64_t s = 0; s < c.stages; ++s) prior->SetEmbedding(s, embedding[s] * kLatentUnit);
  const auto hidden = [&](const std::string& name, IntegerConv& conv,
                          torch::Tensor& stage_bias) -> Status {
    const torch::Tensor one = torch::ones({conv->bias.size(0)});
    torch::Tensor bias;
    HALFMOON_RETURN_IF_ERROR(
        LoadIntegerLayer(file, name, one, one * kHiddenUnit, conv, c.stages, &bias));
    stage_bias.copy_(bias.view({-1}));
    return Status::Ok();
  };
  for (std::size_t k = 0; k < kVqPasses; ++k) {
    const std::string n = std::to_string(k);
    HALFMOON_RETURN_IF_ERROR(hidden("prior.a" + n, prior->a[k], prior->a_bias[k]));
    HALFMOON_RETURN_IF_ERROR(hidden("prior.b" + n, prior->b[k], prior->b_bias[k]));
  }
  const torch::Tensor one = torch::ones({c.codes});
  for (std::size_t s = 0; s < prior->c.size(); ++s) {
    HALFMOON_RETURN_IF_ERROR(LoadIntegerLayer(file, "prior.c" + std::to_string(s),
                                              one * IndexPriorImpl::kLogitGain,
                                              one * IndexPriorImpl::kLogitStep, prior->c[s]));
  }
  return Status::Ok();
}

}  // namespace

Result<Vqvae> ImportVqvae(const runtime::WeightsFile& file) {
  torch::NoGradGuard no_grad;
  HALFMOON_ASSIGN_OR_RETURN(const VqvaeConfig c, FromMetadata<VqvaeConfig>(file.metadata()));
  Vqvae model(c);
  HALFMOON_RETURN_IF_ERROR(LoadModule(file, "g_a", *model->g_a));
  HALFMOON_RETURN_IF_ERROR(LoadModule(file, "g_s", *model->g_s));
  for (auto [name, tensor] : {std::pair{"g_a.project", &model->project},
                              {"g_a.slopes", &model->slopes},
                              {"g_s.unproject", &model->unproject}}) {
    HALFMOON_ASSIGN_OR_RETURN(const torch::Tensor value,
                              LoadFloatTensor(file, name, tensor->sizes()));
    tensor->copy_(value);
  }
  HALFMOON_ASSIGN_OR_RETURN(const torch::Tensor support,
                            LoadIntegerTensor(file, "g_s.support", {c.stages, c.code_dim}));
  if (support.min().item<double>() < 0 ||
      support.max().item<double>() >= static_cast<double>(c.dim)) {
    return Status(StatusCode::kModelCorrupt, "tensor \"g_s.support\" has a direction out of range");
  }
  model->support.copy_(support);
  HALFMOON_ASSIGN_OR_RETURN(const torch::Tensor codes,
                            LoadFloatTensor(file, "g_s.codes", {c.stages, c.codes, c.code_dim}));
  for (std::int64_t s = 0; s < c.stages; ++s) {
    model->codebooks[static_cast<std::size_t>(s)]->SetCodes(codes[s]);
  }
  HALFMOON_RETURN_IF_ERROR(LoadPrior(file, c, model->prior));
  for (torch::Tensor& p : model->parameters()) p.requires_grad_(true);
  model->train();
  return model;
}

}  // namespace halfmoon::networks
