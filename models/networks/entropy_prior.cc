#include "models/networks/entropy_prior.h"

#include "models/networks/symbol_slots.h"

namespace halfmoon::networks {
namespace {

double MostSteps(const AeConfig& c) {
  return c.weight_bits == 8 ? IntegerConvImpl::kByteWeightMax : IntegerConvImpl::kWeightMax;
}

}  // namespace

HyperSynthesisImpl::HyperSynthesisImpl(const AeConfig& c) {
  const double most = MostSteps(c);
  using Run = IntegerConvImpl::Run;
  h0 = register_module("h0", IntegerConv(std::vector<Run>{{c.hyper_channels, Unit::kLatent}},
                                         c.prior_h0, 3, false, most));
  level_bias = register_module("level_bias", LevelVector(c.level_anchors, c.prior_h0, false));
  h1 = register_module("h1", IntegerConv(std::vector<Run>{{c.prior_h0, Unit::kHidden}},
                                         4 * c.prior_h1, 1, false, most));
  h2 = register_module(
      "h2", IntegerConv(std::vector<Run>{{c.prior_h1, Unit::kHidden}}, c.prior_h1, 3, false, most));
  h3 = register_module("h3", IntegerConv(std::vector<Run>{{c.prior_h1, Unit::kHidden}},
                                         4 * c.prior_features, 1, false, most));
}

torch::Tensor HyperSynthesisImpl::forward(const torch::Tensor& z_hat, const torch::Tensor& level) {
  const bool q = quantised_;
  torch::Tensor x = Activate(z_hat, Unit::kLatent, q);
  x = Activate(h0(x) + level_bias(level), Unit::kHidden, q);
  x = Activate(h1->Up(x), Unit::kHidden, q);
  x = Activate(h2(x), Unit::kHidden, q);
  x = Activate(h3->Up(x), Unit::kHidden, q);
  return x;
}

void HyperSynthesisImpl::SetQuantised(bool on) {
  quantised_ = on;
  for (IntegerConv* conv : {&h0, &h1, &h2, &h3}) (*conv)->SetQuantised(on);
}

ContextPassImpl::ContextPassImpl(const AeConfig& config, bool has_context) {
  using Run = IntegerConvImpl::Run;
  const std::int64_t m = config.latent_channels;
  const double most = MostSteps(config);
  std::vector<Run> in = {{config.prior_features, Unit::kHidden}};
  if (has_context) {
    d = register_module("d", IntegerConv(std::vector<Run>{{m, Unit::kLatent}}, m, 3, true, most));
    in.push_back({m, Unit::kLatent});
    in.push_back({m, Unit::kLatent});
  }
  a = register_module("a", IntegerConv(in, config.prior_hidden, 1, false, most));
  b = register_module("b", IntegerConv(std::vector<Run>{{config.prior_hidden, Unit::kHidden}},
                                       config.prior_hidden, 1, false, most));
  c = register_module("c", IntegerConv(std::vector<Run>{{config.prior_hidden, Unit::kHidden}},
                                       2 * m, 1, false, most));
  torch::NoGradGuard no_grad;
  // Times the gains, outputs of the usual initial size would scatter over a dozen tables and as
  // many steps. They begin close to their biases.
  constexpr double kInitialSpread = 0.3;
  c->weight.mul_(kInitialSpread);
  c->bias.slice(0, 0, m).fill_(kInitialTable / kTableGain);
}

std::pair<torch::Tensor, torch::Tensor> ContextPassImpl::forward(int k, const torch::Tensor& f,
                                                                 const torch::Tensor& x) {
  const bool q = quantised_;
  torch::Tensor in = f;
  if (!d.is_empty()) in = torch::cat({f, x, Activate(d(x), Unit::kLatent, q)}, 1);
  torch::Tensor h = Activate(a(in), Unit::kHidden, q);
  h = Activate(b(h), Unit::kHidden, q);
  // The last layer only makes what this pass codes: at each class of positions one group.
  const std::int64_t group = c->weight.size(0) / 8, width = c->weight.size(1);
  const torch::Tensor groups = PassGroups(k).to(f.device());
  const torch::Tensor weight = c->EffectiveWeight()
                                   .view({2, 4, group, width})
                                   .index_select(1, groups)
                                   .transpose(0, 1)
                                   .reshape({4, 2 * group, width});
  const torch::Tensor bias = c->bias.view({2, 4, group})
                                 .index_select(1, groups)
                                 .transpose(0, 1)
                                 .reshape({4, 1, 2 * group});
  const std::vector<torch::Tensor> out =
      torch::baddbmm(bias, ByClass(h), weight.transpose(1, 2)).chunk(2, 2);
  torch::Tensor t = out[0] * kTableGain;
  torch::Tensor mean = Activate(out[1] * kMeanGain, Unit::kLatent, q);
  if (q) t = SteRound(t);
  return {t, mean};
}

void ContextPassImpl::SetQuantised(bool on) {
  quantised_ = on;
  for (IntegerConv* conv : {&d, &a, &b, &c}) {
    if (!conv->is_empty()) (*conv)->SetQuantised(on);
  }
}

LatentQuantiser Elementwise(Quantiser quantise) {
  return [quantise = std::move(quantise)](const torch::Tensor& r, const torch::Tensor&) {
    return QuantisedLatent{quantise(r), {}};
  };
}

ContextModelImpl::ContextModelImpl(const AeConfig& c) {
  for (int k = 0; k < kAePasses; ++k) {
    passes.push_back(register_module("pass" + std::to_string(k), ContextPass(c, k > 0)));
  }
}

ContextModelImpl::Output ContextModelImpl::forward(const torch::Tensor& f, const torch::Tensor& y,
                                                   const LatentQuantiser& quantise) {
  const torch::Tensor slots = ToSlots(y);
  std::vector<torch::Tensor> t, mean, y_hat, bits;
  for (int k = 0; k < kAePasses; ++k) {
    torch::Tensor context;
    if (k > 0)
      context = Activate(FromSlots(CollectSlots(y_hat), y.sizes()), Unit::kLatent, quantised_);
    auto [t_k, mean_k] = passes[static_cast<std::size_t>(k)](k, f, context);
    const torch::Tensor y_k = slots.index_select(0, PassSlots(k).to(y.device()));
    const QuantisedLatent r_k = quantise(y_k - mean_k, t_k);
    y_hat.push_back(r_k.value + mean_k);
    if (r_k.bits.defined()) bits.push_back(r_k.bits);
    t.push_back(t_k);
    mean.push_back(mean_k);
  }
  auto map = [&](const std::vector<torch::Tensor>& parts) {
    return FromSlots(CollectSlots(parts), y.sizes());
  };
  return {map(t), map(mean), map(y_hat), bits.empty() ? torch::Tensor() : map(bits)};
}

void ContextModelImpl::SetQuantised(bool on) {
  quantised_ = on;
  for (ContextPass& pass : passes) pass->SetQuantised(on);
}

torch::Tensor GaussianBits(const torch::Tensor& r, const torch::Tensor& t) {
  const double step = std::log(kScaleMax / kScaleMin) / (kScaleTables - 1);
  const torch::Tensor bounded = SoftClamp(t, 0, kScaleTables - 1);
  // 1 / (sigma * sqrt 2), so that Phi(x / sigma) = erfc(-x * inverse) / 2.
  const torch::Tensor inverse = (bounded * -step).exp() * (1 / (kScaleMin * std::sqrt(2.0)));
  const torch::Tensor magnitude = r.abs();
  const torch::Tensor upper = torch::erfc((magnitude - 0.5) * inverse);
  const torch::Tensor lower = torch::erfc((magnitude + 0.5) * inverse);
  return LowerBound((upper - lower) * 0.5, 1e-9).log2().neg();
}

}  // namespace halfmoon::networks
