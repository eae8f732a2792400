#include "models/networks/small_vqvae.h"

#include <cmath>

#include "models/networks/ops.h"
#include "models/networks/weights_io.h"

namespace halfmoon::networks {
SmallEncoderImpl::SmallEncoderImpl(const SmallVqvaeConfig& c) {
  if (c.transform == "vit") {
    vit_ = register_module("vit", VitEncoder(c.vit()));
  } else {
    pyramid_ = register_module("pyramid", PyramidEncoder(c.pyramid));
  }
}

torch::Tensor SmallEncoderImpl::forward(const torch::Tensor& x) {
  return vit_.is_empty() ? pyramid_(x) : vit_(x);
}

SmallDecoderImpl::SmallDecoderImpl(const SmallVqvaeConfig& c) {
  if (c.transform == "vit") {
    vit_ = register_module("vit", VitDecoder(c.vit()));
  } else {
    pyramid_ = register_module("pyramid", PyramidDecoder(c.pyramid));
  }
}

torch::Tensor SmallDecoderImpl::forward(const torch::Tensor& features) {
  return vit_.is_empty() ? pyramid_(features) : vit_(features);
}

SmallVqvaeImpl::SmallVqvaeImpl(const SmallVqvaeConfig& c) : config_(c) {
  g_a = register_module("g_a", SmallEncoder(c));
  g_s = register_module("g_s", SmallDecoder(c));
  quantiser = register_module(
      "quantiser",
      VectorQuantiser(QuantiserConfig{c.features(), {c.codes, c.code_dim, c.cosine, c.ema}}));
  prior = register_module("prior", IndexPrior(c));
}

torch::Tensor SmallVqvaeImpl::Encode(const torch::Tensor& x) {
  torch::NoGradGuard no_grad;
  return quantiser(g_a(x)).indices.view({x.size(0), -1});
}

torch::Tensor SmallVqvaeImpl::Decode(const torch::Tensor& indices) {
  const std::int64_t g = config_.grid();
  return g_s(quantiser->Decode(indices.view({indices.size(0), g, g})));
}

torch::Tensor SmallVqvaeImpl::PriorBits(const torch::Tensor& indices) {
  const std::int64_t n = indices.size(0), g = config_.grid();
  const torch::Tensor flat = indices.reshape({-1}), embedding = prior->Embedding(0);
  torch::Tensor state = torch::zeros({n * g * g, config_.context_channels}, embedding.options());
  torch::Tensor bits = torch::zeros({n * g * g}, embedding.options());
  for (int k = 0; k < kVqPasses; ++k) {
    const torch::Tensor logits = prior->Logits(0, k, ToMap(state, {n, 0, g, g}));
    const torch::Tensor at = IndexPriorImpl::PassRows(k, n, g, g);
    const torch::Tensor chosen = flat.index_select(0, at);
    const torch::Tensor cost =
        torch::log_softmax(logits, 1).gather(1, chosen.view({-1, 1})).view({-1});
    bits = bits.index_add(0, at, cost * (-1 / std::log(2.0)));
    state = state.index_add(0, at, embedding.index_select(0, chosen));
  }
  return bits.view({n, -1}).sum(1);
}

Result<SmallVqvae> ImportSmallVqvae(const runtime::WeightsFile& file) {
  torch::NoGradGuard no_grad;
  HALFMOON_ASSIGN_OR_RETURN(const SmallVqvaeConfig c,
                            FromMetadata<SmallVqvaeConfig>(file.metadata()));
  SmallVqvae model(c);
  HALFMOON_RETURN_IF_ERROR(LoadModule(file, "g_a", *model->g_a));
  HALFMOON_RETURN_IF_ERROR(LoadModule(file, "g_a.project", *model->quantiser->project));
  HALFMOON_RETURN_IF_ERROR(LoadModule(file, "g_s", *model->g_s));
  HALFMOON_RETURN_IF_ERROR(LoadModule(file, "g_s.unproject", *model->quantiser->unproject));
  HALFMOON_ASSIGN_OR_RETURN(const torch::Tensor codes,
                            LoadFloatTensor(file, "g_s.codes", {c.codes, c.code_dim}));
  model->quantiser->codebook->SetCodes(codes);
  model->eval();
  return model;
}

}  // namespace halfmoon::networks
