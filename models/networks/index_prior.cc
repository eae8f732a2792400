#include "models/networks/index_prior.h"

#include "models/networks/ops.h"

namespace halfmoon::networks {

IndexPriorImpl::IndexPriorImpl(const IndexPriorConfig& config) : config_(config) {
  using Run = IntegerConvImpl::Run;
  const std::int64_t e = config.context_channels, h1 = config.context_hidden,
                     h2 = config.context_out;
  for (int k = 0; k < kVqPasses; ++k) {
    const std::string n = std::to_string(k);
    a.push_back(register_module("a" + n, IntegerConv(std::vector<Run>{{e, Unit::kLatent}}, h1, 3)));
    b.push_back(
        register_module("b" + n, IntegerConv(std::vector<Run>{{h1, Unit::kHidden}}, h2, 1)));
    a_bias.push_back(register_parameter("a_bias" + n, torch::zeros({config.stages * h1})));
    b_bias.push_back(register_parameter("b_bias" + n, torch::zeros({config.stages * h2})));
  }
  torch::NoGradGuard no_grad;
  for (std::int64_t s = 0; s < config.stages; ++s) {
    const std::string n = std::to_string(s);
    c.push_back(register_module("c" + n, IntegerConv(std::vector<Run>{{h2, Unit::kHidden}},
                                                     config.codes, 1, false, kOutWeightMax)));
    // Times kLogitGain, logits would begin far from equal; all codes are equally likely at first.
    constexpr double kInitialSpread = 0.1;
    c.back()->weight.mul_(kInitialSpread);
  }
  embedding_ = register_parameter(
      "embedding", torch::randn({config.stages * config.codes * config.context_channels}) * 0.5);
}

torch::Tensor IndexPriorImpl::PassRows(int k, std::int64_t n, std::int64_t h, std::int64_t w) {
  const torch::Tensor parity =
      (torch::arange(h, torch::kLong).view({h, 1}) + torch::arange(w, torch::kLong)).remainder(2);
  return (parity == k).view({1, h, w}).expand({n, h, w}).reshape({-1}).nonzero().view({-1});
}

torch::Tensor IndexPriorImpl::Logits(std::int64_t s, int k, const torch::Tensor& state) {
  const bool q = quantised_;
  const auto pass = static_cast<std::size_t>(k);
  const std::int64_t h1 = config_.context_hidden, h2 = config_.context_out;
  auto bias = [&](const torch::Tensor& all, std::int64_t size) {
    return all.narrow(0, s * size, size).view({1, size, 1, 1});
  };
  const torch::Tensor u = Activate(state, Unit::kLatent, q);
  torch::Tensor h = Activate(a[pass](u) + bias(a_bias[pass], h1), Unit::kHidden, q);
  const torch::Tensor rows = PassRows(k, state.size(0), state.size(2), state.size(3));
  // From here on only this pass's positions, as a map of one column.
  const torch::Tensor picked = ToMap(ToRows(h).index_select(0, rows), {1, 0, rows.size(0), 1});
  h = Activate(b[pass](picked) + bias(b_bias[pass], h2), Unit::kHidden, q);
  torch::Tensor logits = ToRows(c[static_cast<std::size_t>(s)](h)) * kLogitGain;
  if (q)
    logits = SteRound(logits / kLogitStep).clamp(-kActivationBound, kActivationBound) * kLogitStep;
  return logits;
}

torch::Tensor IndexPriorImpl::Embedding(std::int64_t s) const {
  const std::int64_t size = config_.codes * config_.context_channels;
  const torch::Tensor e =
      embedding_.narrow(0, s * size, size).view({config_.codes, config_.context_channels});
  if (!quantised_) return e;
  return SteRound(SoftClamp(e * (1 / kLatentUnit), -kEmbeddingMax, kEmbeddingMax)) * kLatentUnit;
}

void IndexPriorImpl::SetEmbedding(std::int64_t s, const torch::Tensor& values) {
  torch::NoGradGuard no_grad;
  const std::int64_t size = config_.codes * config_.context_channels;
  embedding_.narrow(0, s * size, size).copy_(values.reshape({-1}));
}

void IndexPriorImpl::SetQuantised(bool on) {
  quantised_ = on;
  for (IntegerConv& conv : a) conv->SetQuantised(on);
  for (IntegerConv& conv : b) conv->SetQuantised(on);
  for (IntegerConv& conv : c) conv->SetQuantised(on);
}

}  // namespace halfmoon::networks
