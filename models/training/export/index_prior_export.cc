#include "models/training/export/index_prior_export.h"

#include "models/runtime/vqvae/vq_prior.h"
#include "models/runtime/weights/safetensors.h"
#include "models/training/export/weights_export.h"

namespace halfmoon::training {
namespace {

using networks::IndexPriorImpl;
using networks::IntegerConv;

// `scale`, `step`: of the outputs (IntegerConv::Export). `level_bias`: [levels, out] or undefined.
Status AddIntegerLayer(SafetensorsWriter& writer, const std::string& name, const IntegerConv& conv,
                       double scale, double step, const torch::Tensor& level_bias, bool bytes) {
  const std::int64_t out = conv->bias.size(0);
  const auto e = conv->Export(torch::full({out}, scale), torch::full({out}, step), level_bias);
  if (bytes) {
    HALFMOON_RETURN_IF_ERROR(
        AddTensor<std::int8_t>(writer, name + ".weight", e.weight.to(torch::kInt8)));
  } else {
    HALFMOON_RETURN_IF_ERROR(AddTensor<std::int16_t>(writer, name + ".weight", e.weight));
  }
  HALFMOON_RETURN_IF_ERROR(AddTensor<std::int32_t>(writer, name + ".bias", e.bias));
  HALFMOON_RETURN_IF_ERROR(AddTensor<std::int32_t>(writer, name + ".multiplier", e.multiplier));
  HALFMOON_RETURN_IF_ERROR(AddTensor<std::int32_t>(writer, name + ".shift", e.shift));
  if (!e.level_bias.defined()) return Status::Ok();
  return AddTensor<std::int32_t>(writer, name + ".level_bias", e.level_bias);
}

}  // namespace

Status AddIndexPrior(SafetensorsWriter& writer, networks::IndexPrior& prior,
                     const IndexPriorConfig& c) {
  torch::NoGradGuard no_grad;
  prior->SetQuantised(true);
  std::vector<torch::Tensor> embeddings;
  for (std::int64_t s = 0; s < c.stages; ++s) embeddings.push_back(prior->Embedding(s));
  HALFMOON_RETURN_IF_ERROR(AddTensor<std::int8_t>(
      writer, "prior.embedding",
      (torch::stack(embeddings) * (1 / kLatentUnit)).round().to(torch::kInt8)));
  for (std::size_t k = 0; k < kVqPasses; ++k) {
    const std::string n = std::to_string(k);
    HALFMOON_RETURN_IF_ERROR(AddIntegerLayer(writer, "prior.a" + n, prior->a[k], 1, kHiddenUnit,
                                             prior->a_bias[k].view({c.stages, -1}), false));
    HALFMOON_RETURN_IF_ERROR(AddIntegerLayer(writer, "prior.b" + n, prior->b[k], 1, kHiddenUnit,
                                             prior->b_bias[k].view({c.stages, -1}), false));
  }
  for (std::size_t s = 0; s < prior->c.size(); ++s) {
    HALFMOON_RETURN_IF_ERROR(AddIntegerLayer(writer, "prior.c" + std::to_string(s), prior->c[s],
                                             IndexPriorImpl::kLogitGain, IndexPriorImpl::kLogitStep,
                                             {}, true));
  }
  return Status::Ok();
}

Status CheckIndexPrior(const std::vector<std::uint8_t>& file, const IndexPriorConfig& c) {
  HALFMOON_ASSIGN_OR_RETURN(const runtime::WeightsFile weights,
                            runtime::WeightsFile::FromBytes(file));
  const auto loaded = runtime::VqPrior::Load(weights, c);
  if (loaded.ok()) return Status::Ok();
  return {StatusCode::kInternal, "export: the loader refuses it: " + loaded.status().message()};
}

}  // namespace halfmoon::training
