#include "models/networks/layers.h"

#include "models/config/ae_config.h"
#include "models/networks/fused_depth_block.h"
#include "models/networks/ops.h"

namespace halfmoon::networks {

namespace nn = torch::nn;

constexpr double kSlope = 0.1;  // of the leaky ReLUs

Conv1x1Impl::Conv1x1Impl(std::int64_t in, std::int64_t out, bool with_bias) {
  weight = register_parameter("weight", torch::empty({out, in, 1, 1}));
  if (with_bias) bias = register_parameter("bias", torch::empty({out}));
  const double limit = 1 / std::sqrt(static_cast<double>(in));
  torch::NoGradGuard no_grad;
  weight.uniform_(-limit, limit);
  if (with_bias) bias.uniform_(-limit, limit);
}

torch::Tensor Conv1x1Impl::forward(const torch::Tensor& x, double slope) {
  return Pointwise(x, weight, bias, slope);
}

torch::Tensor Conv1x1Impl::Down(const torch::Tensor& x) { return PointwiseDown(x, weight, bias); }
torch::Tensor Conv1x1Impl::Up(const torch::Tensor& x) { return PointwiseUp(x, weight, bias); }

void Conv1x1Impl::ScaleInit(double factor) {
  torch::NoGradGuard no_grad;
  weight.mul_(factor);
  if (bias.defined()) bias.mul_(factor);
}

DepthBlockImpl::DepthBlockImpl(std::int64_t c) {
  in_ = register_module("in", Conv1x1(c, c));
  depthwise_ =
      register_module("depthwise", nn::Conv2d(nn::Conv2dOptions(c, c, 3).padding(1).groups(c)));
  out_ = register_module("out", Conv1x1(c, c));
  expand_ = register_module("expand", Conv1x1(c, 2 * c));
  reduce_ = register_module("reduce", Conv1x1(2 * c, c));
  // Each residual branch starts small, so that a deep stack starts near the identity.
  out_->ScaleInit(0.3);
  reduce_->ScaleInit(0.3);
}

torch::Tensor DepthBlockImpl::forward(const torch::Tensor& x) {
  return FusedDepthBlock(
      x,
      {in_->weight, in_->bias, depthwise_->weight, depthwise_->bias, out_->weight, out_->bias,
       expand_->weight, expand_->bias, reduce_->weight, reduce_->bias},
      kSlope);
}

void DepthBlockImpl::MakeIdentity() {
  out_->ScaleInit(0);
  reduce_->ScaleInit(0);
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

void DepthStackImpl::MakeIdentityFrom(std::int64_t first) {
  for (auto i = static_cast<std::size_t>(first); i < blocks_.size(); ++i)
    blocks_[i]->MakeIdentity();
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
    const double level =
        static_cast<double>(i) * (AeConfig::kLevels - 1) / static_cast<double>(n - 1);
    anchors_[i].fill_(value(level));
  }
}

void LevelVectorImpl::SetFromLevels(const torch::Tensor& levels) {
  torch::NoGradGuard no_grad;
  // The interpolation matrix [64, anchors]: what forward() makes of unit anchors.
  LevelVectorImpl unit(anchors_.size(0), anchors_.size(0), false);
  unit.anchors_.copy_(torch::eye(anchors_.size(0)));
  const torch::Tensor a = unit.forward(torch::arange(AeConfig::kLevels, torch::kFloat32))
                              .flatten(1)
                              .to(torch::kFloat64);
  const torch::Tensor normal = a.t().matmul(a);
  anchors_.copy_(torch::linalg_solve(normal, a.t().matmul(levels.to(torch::kFloat64)), true));
}

void LevelVectorImpl::Resample(const std::function<double(double)>& level_of) {
  torch::NoGradGuard no_grad;
  const std::int64_t n = anchors_.size(0);
  std::vector<float> levels;
  for (std::int64_t i = 0; i < n; ++i) {
    levels.push_back(static_cast<float>(
        level_of(static_cast<double>(i) * (AeConfig::kLevels - 1) / static_cast<double>(n - 1))));
  }
  LevelVectorImpl plain(n, anchors_.size(1), false);  // anchors of exponential ones are logarithms
  plain.anchors_.copy_(anchors_);
  anchors_.copy_(plain.forward(torch::tensor(levels)).flatten(1));
}

}  // namespace halfmoon::networks
