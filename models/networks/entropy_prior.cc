#include "models/networks/entropy_prior.h"

#include "models/networks/ops.h"

namespace halfmoon::networks {

HyperSynthesisImpl::HyperSynthesisImpl(const AeConfig& c) {
  using Run = IntegerConvImpl::Run;
  h0 = register_module("h0", IntegerConv(std::vector<Run>{{c.hyper_channels, Unit::kLatent}},
                                         c.prior_h0, 3));
  level_bias = register_module("level_bias", LevelVector(c.level_anchors, c.prior_h0, false));
  h1 = register_module("h1", IntegerConv(std::vector<Run>{{c.prior_h0, Unit::kHidden}},
                                         4 * c.prior_h1, 1));
  h2 = register_module("h2", IntegerConv(std::vector<Run>{{c.prior_h1, Unit::kHidden}},
                                         c.prior_h1, 3));
  h3 = register_module("h3", IntegerConv(std::vector<Run>{{c.prior_h1, Unit::kHidden}},
                                         4 * c.prior_features, 1));
}

torch::Tensor HyperSynthesisImpl::forward(const torch::Tensor& z_hat, const torch::Tensor& level) {
  const bool q = quantised_;
  torch::Tensor x = Activate(z_hat, Unit::kLatent, q);
  x = Activate(h0(x) + level_bias(level), Unit::kHidden, q);
  x = torch::pixel_shuffle(Activate(h1(x), Unit::kHidden, q), 2);
  x = Activate(h2(x), Unit::kHidden, q);
  x = torch::pixel_shuffle(Activate(h3(x), Unit::kHidden, q), 2);
  return x.contiguous(torch::MemoryFormat::ChannelsLast);
}

void HyperSynthesisImpl::SetQuantised(bool on) {
  quantised_ = on;
  for (IntegerConv* conv : {&h0, &h1, &h2, &h3}) (*conv)->SetQuantised(on);
}

ContextPassImpl::ContextPassImpl(const AeConfig& config, bool has_context) {
  using Run = IntegerConvImpl::Run;
  const std::int64_t m = config.latent_channels;
  std::vector<Run> in = {{config.prior_features, Unit::kHidden}};
  if (has_context) {
    d = register_module("d", IntegerConv(std::vector<Run>{{m, Unit::kLatent}}, m, 3, true));
    in.push_back({m, Unit::kLatent});
    in.push_back({m, Unit::kLatent});
  }
  a = register_module("a", IntegerConv(in, config.prior_hidden, 1));
  b = register_module("b", IntegerConv(std::vector<Run>{{config.prior_hidden, Unit::kHidden}},
                                       config.prior_hidden, 1));
  c = register_module("c", IntegerConv(std::vector<Run>{{config.prior_hidden, Unit::kHidden}},
                                             2 * m, 1));
  torch::NoGradGuard no_grad;
  c->weight.mul_(0.3);
  c->bias.slice(0, 0, m).fill_(25.0 / kTableGain);  // sigma of about 1.4 to begin with
}

std::pair<torch::Tensor, torch::Tensor> ContextPassImpl::forward(const torch::Tensor& f,
                                                                 const torch::Tensor& x) {
  const bool q = quantised_;
  torch::Tensor in = f;
  if (!d.is_empty()) in = torch::cat({f, x, Activate(d(x), Unit::kLatent, q)}, 1);
  torch::Tensor h = Activate(a(in), Unit::kHidden, q);
  h = Activate(b(h), Unit::kHidden, q);
  const std::vector<torch::Tensor> out = c(h).chunk(2, 1);
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

ContextModelImpl::ContextModelImpl(const AeConfig& c) {
  torch::Tensor masks = torch::zeros({AeConfig::kPasses, c.latent_channels, 2, 2});
  const std::int64_t group = c.latent_channels / 4;
  for (int k = 0; k < AeConfig::kPasses; ++k) {
    passes.push_back(register_module("pass" + std::to_string(k), ContextPass(c, k > 0)));
    for (int p = 0; p < 4; ++p) {
      const std::int64_t g = p ^ kOrder[static_cast<std::size_t>(k)];
      masks[k].slice(0, g * group, (g + 1) * group).select(1, p / 2).select(1, p % 2).fill_(1);
    }
  }
  masks_ = register_buffer("masks", masks);
}

torch::Tensor ContextModelImpl::Mask(int pass, std::int64_t h, std::int64_t w) const {
  return masks_[pass].repeat({1, (h + 1) / 2, (w + 1) / 2}).slice(1, 0, h).slice(2, 0, w).unsqueeze(0);
}

ContextModelImpl::Output ContextModelImpl::forward(const torch::Tensor& f, const torch::Tensor& y) {
  Output out;
  for (int k = 0; k < AeConfig::kPasses; ++k) {
    const torch::Tensor mask =
        Mask(k, y.size(2), y.size(3)).contiguous(torch::MemoryFormat::ChannelsLast);
    torch::Tensor context = k > 0 ? Activate(out.y_hat, Unit::kLatent, quantised_) : torch::Tensor();
    auto [t, mean] = passes[static_cast<std::size_t>(k)](f, context);
    t = t * mask;
    mean = mean * mask;
    const torch::Tensor y_hat = (SteRound(y - mean) + mean) * mask;
    out.t = k ? out.t + t : t;
    out.mean = k ? out.mean + mean : mean;
    out.y_hat = k ? out.y_hat + y_hat : y_hat;
  }
  return out;
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
