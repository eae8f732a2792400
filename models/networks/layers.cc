#include "models/networks/layers.h"

#include "models/networks/ae_config.h"

namespace halfmoon::networks {

namespace nn = torch::nn;

nn::Conv2d Conv1x1(std::int64_t in, std::int64_t out, bool bias) {
  return nn::Conv2d(nn::Conv2dOptions(in, out, 1).bias(bias));
}

void ScaleInit(nn::Conv2d& conv, double factor) {
  torch::NoGradGuard no_grad;
  conv->weight.mul_(factor);
  if (conv->bias.defined()) conv->bias.mul_(factor);
}

DepthBlockImpl::DepthBlockImpl(std::int64_t c) {
  in_ = register_module("in", Conv1x1(c, c));
  depthwise_ = register_module(
      "depthwise", nn::Conv2d(nn::Conv2dOptions(c, c, 3).padding(1).groups(c)));
  out_ = register_module("out", Conv1x1(c, c));
  expand_ = register_module("expand", Conv1x1(c, 2 * c));
  reduce_ = register_module("reduce", Conv1x1(2 * c, c));
  // Each residual branch starts small, so that a deep stack starts near the identity.
  ScaleInit(out_, 0.3);
  ScaleInit(reduce_, 0.3);
}

torch::Tensor DepthBlockImpl::forward(const torch::Tensor& x) {
  torch::Tensor h = torch::leaky_relu(in_(x), 0.1);
  torch::Tensor s = x + out_(depthwise_(h));
  return s + reduce_(torch::leaky_relu(expand_(s), 0.1));
}

DepthStackImpl::DepthStackImpl(std::int64_t channels, std::int64_t count) {
  for (std::int64_t i = 0; i < count; ++i) {
    blocks_.push_back(register_module(std::to_string(i), DepthBlock(channels)));
  }
}

torch::Tensor DepthStackImpl::forward(torch::Tensor x) {
  for (DepthBlock& block : blocks_) x = block(x);
  return x;
}

LevelVectorImpl::LevelVectorImpl(std::int64_t anchors, std::int64_t channels, bool exponential)
    : exponential_(exponential) {
  anchors_ = register_parameter("anchors", torch::zeros({anchors, channels}));
}

torch::Tensor LevelVectorImpl::forward(const torch::Tensor& level) {
  const std::int64_t n = anchors_.size(0);
  const torch::Tensor position = level * (static_cast<double>(n - 1) / (AeConfig::kLevels - 1));
  const torch::Tensor low = position.floor().clamp(0, static_cast<double>(n - 2));
  const torch::Tensor fraction = (position - low).unsqueeze(1);
  const torch::Tensor index = low.to(torch::kLong);
  torch::Tensor v = anchors_.index_select(0, index) * (1 - fraction) +
                    anchors_.index_select(0, index + 1) * fraction;
  if (exponential_) v = v.exp();
  return v.unsqueeze(-1).unsqueeze(-1);
}

void LevelVectorImpl::Initialise(const std::function<double(double)>& value) {
  torch::NoGradGuard no_grad;
  const std::int64_t n = anchors_.size(0);
  for (std::int64_t i = 0; i < n; ++i) {
    const double level = static_cast<double>(i) * (AeConfig::kLevels - 1) / static_cast<double>(n - 1);
    anchors_[i].fill_(value(level));
  }
}

void LevelVectorImpl::SetFromLevels(const torch::Tensor& levels) {
  torch::NoGradGuard no_grad;
  // The interpolation matrix [64, anchors]: what forward() makes of unit anchors.
  LevelVectorImpl unit(anchors_.size(0), anchors_.size(0), false);
  unit.anchors_.copy_(torch::eye(anchors_.size(0)));
  const torch::Tensor a =
      unit.forward(torch::arange(AeConfig::kLevels, torch::kFloat32)).flatten(1).to(torch::kFloat64);
  const torch::Tensor normal = a.t().matmul(a);
  anchors_.copy_(torch::linalg_solve(normal, a.t().matmul(levels.to(torch::kFloat64)), true));
}

}  // namespace halfmoon::networks
