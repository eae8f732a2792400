#include "models/networks/vae.h"

#include <cmath>

#include "models/networks/ops.h"

namespace halfmoon::networks {
namespace {

constexpr double kMinLogVar = -14, kMaxLogVar = 4;
constexpr double kBin = 1.0 / 255;  // between neighbouring 8-bit samples

}  // namespace

torch::Tensor GaussianKl(const torch::Tensor& mean, const torch::Tensor& logvar) {
  return 0.5 * (mean.square() + logvar.exp() - 1 - logvar);
}

torch::Tensor DiscretisedLogisticNats(const torch::Tensor& x, const torch::Tensor& mean,
                                      const torch::Tensor& log_scale) {
  const torch::Tensor centred = x - mean, inverse = (-log_scale).exp();
  const torch::Tensor upper = inverse * (centred + kBin / 2),
                      lower = inverse * (centred - kBin / 2);
  const torch::Tensor inside = torch::sigmoid(upper) - torch::sigmoid(lower);
  // Far out the difference is lost in rounding; the density times the bin takes its place.
  const torch::Tensor middle = inverse * centred;
  const torch::Tensor density = middle - log_scale - 2 * torch::softplus(middle) + std::log(kBin);
  torch::Tensor log_p = torch::where(inside > 1e-5, inside.clamp_min(1e-12).log(), density);
  log_p = torch::where(x < kBin / 2, torch::log_sigmoid(upper), log_p);
  log_p = torch::where(x > 1 - kBin / 2, torch::log_sigmoid(-lower), log_p);
  return -log_p;
}

VaeEncoderImpl::VaeEncoderImpl(const VaeConfig& c) : config_(c) {
  const std::int64_t positions = c.pyramid.grid() * c.pyramid.grid();
  pyramid_ = register_module("pyramid", PyramidEncoder(c.pyramid));
  narrow_ = register_module("narrow", Conv1x1(c.pyramid.widths.back(), c.features));
  quant_conv_ = register_module("quant_conv", Conv1x1(c.features * positions, 2 * c.latent));
}

std::pair<torch::Tensor, torch::Tensor> VaeEncoderImpl::forward(const torch::Tensor& x) {
  torch::Tensor h = narrow_(pyramid_(x), 0.1);
  // Channels-last and flattened in that order, so that no copy is needed.
  h = h.permute({0, 2, 3, 1}).reshape({x.size(0), -1, 1, 1});
  const std::vector<torch::Tensor> halves = quant_conv_(h).chunk(2, 1);
  return {halves[0], SoftClamp(halves[1], kMinLogVar, kMaxLogVar)};
}

VaeDecoderImpl::VaeDecoderImpl(const VaeConfig& c) : config_(c) {
  const std::int64_t positions = c.pyramid.grid() * c.pyramid.grid();
  post_quant_conv_ =
      register_module("post_quant_conv", Conv1x1(c.latent, c.pyramid.widths.back() * positions));
  pyramid_ = register_module("pyramid", PyramidDecoder(c.pyramid));
}

torch::Tensor VaeDecoderImpl::forward(const torch::Tensor& z) {
  const std::int64_t g = config_.pyramid.grid();
  return pyramid_(post_quant_conv_(z).reshape({z.size(0), g, g, -1}).permute({0, 3, 1, 2}));
}

VaeImpl::VaeImpl(const VaeConfig& c) : config_(c) {
  g_a = register_module("g_a", VaeEncoder(c));
  g_s = register_module("g_s", VaeDecoder(c));
  scale = register_parameter("scale", torch::full({c.pyramid.channels, 1, 1}, -2.0 / kScaleRate));
  summary = register_buffer("summary", torch::zeros({4, c.latent}));
}

void VaeImpl::SetLogScale(const torch::Tensor& log_scale) {
  torch::NoGradGuard no_grad;
  scale.copy_(log_scale / kScaleRate);
}

torch::Tensor VaeImpl::Draw(const torch::Tensor& mean, const torch::Tensor& logvar,
                            const c10::optional<at::Generator>& generator) const {
  if (!config_.variational) return mean;
  return mean + (logvar * 0.5).exp() * torch::empty_like(mean).normal_(0, 1, generator);
}

torch::Tensor VaeImpl::ReconstructionNats(const torch::Tensor& x,
                                          const torch::Tensor& x_hat) const {
  return DiscretisedLogisticNats(x, x_hat, LogScale()).sum({1, 2, 3});
}

}  // namespace halfmoon::networks
