#include "models/networks/integer_conv.h"

#include <cmath>

#include "models/config/integer_path.h"
#include "models/networks/ops.h"
#include "models/networks/weight_grid.h"

namespace halfmoon::networks {
namespace {

double StepOf(Unit unit) { return unit == Unit::kLatent ? kLatentUnit : kHiddenUnit; }

// The accumulator must stay below 2^31; the weights may use this share of it, the rest is bias.
constexpr double kAccumulatorBudget = 2147483647.0 * 0.75;

}  // namespace

torch::Tensor Activate(const torch::Tensor& x, Unit unit, bool quantise) {
  const double step = StepOf(unit);
  const double top = kActivationBound * step;
  const torch::Tensor clamped =
      unit == Unit::kLatent ? x.clamp(-top, top) : torch::clamp(x, 0.0, top);
  return quantise ? SteRound(clamped * (1 / step)) * step : clamped;
}

IntegerConvImpl::IntegerConvImpl(std::vector<Run> in, std::int64_t out, int kernel, bool depthwise,
                                 double weight_max)
    : in_(std::move(in)), kernel_(kernel), depthwise_(depthwise), weight_max_(weight_max) {
  std::int64_t channels = 0;
  std::vector<torch::Tensor> steps;
  for (const Run& run : in_) {
    channels += run.channels;
    steps.push_back(torch::full({run.channels}, StepOf(run.unit)));
  }
  const std::int64_t fan = (depthwise_ ? 1 : channels);
  weight = register_parameter("weight", torch::empty({out, fan, kernel, kernel}));
  bias = register_parameter("bias", torch::zeros({out}));
  in_step_ = depthwise_ ? torch::cat(steps).view({channels, 1, 1, 1})
                        : torch::cat(steps).view({1, channels, 1, 1});
  in_step_ = register_buffer("in_step", in_step_);
  const double limit = std::sqrt(3.0 / static_cast<double>(fan * kernel * kernel));
  torch::NoGradGuard no_grad;
  weight.uniform_(-limit, limit);
}

torch::Tensor IntegerConvImpl::StepWeights() const { return weight * in_step_; }

void IntegerConvImpl::RoundNear(const torch::Tensor& base, const torch::Tensor& scale,
                                std::int64_t multiple) {
  base_ = base.to(torch::kFloat32);  // as exact, and what every step of a search rounds by
  base_scale_ = scale.to(torch::kFloat64).view({-1, 1, 1, 1});
  multiple_ = multiple;
}

torch::Tensor IntegerConvImpl::Rounded(const torch::Tensor& steps_of_scale) const {
  if (!base_.defined()) return steps_of_scale.round();
  return RoundedNear(steps_of_scale, base_.to(steps_of_scale.options()), multiple_, weight_max_);
}

torch::Tensor IntegerConvImpl::StepScale(const torch::Tensor& step_weights) const {
  if (base_scale_.defined()) return base_scale_.to(step_weights.options());
  const torch::Tensor flat = step_weights.detach().flatten(1).abs();
  const torch::Tensor by_max = std::get<0>(flat.max(1)) / weight_max_;
  const torch::Tensor by_sum = flat.sum(1) * (kActivationBound / kAccumulatorBudget);
  return torch::maximum(by_max, by_sum).clamp_min(1e-12).view({-1, 1, 1, 1});
}

torch::Tensor IntegerConvImpl::EffectiveWeight() const {
  if (!quantised_) return weight;
  const torch::Tensor steps = StepWeights();
  const torch::Tensor scale = StepScale(steps);
  const torch::Tensor in_scale = steps / scale;
  return (in_scale + (Rounded(in_scale) - in_scale).detach()) * scale / in_step_;
}

torch::Tensor IntegerConvImpl::forward(const torch::Tensor& x) {
  if (kernel_ == 1) return Pointwise(x, EffectiveWeight(), bias);
  return torch::conv2d(x, EffectiveWeight(), bias, 1, kernel_ / 2, 1,
                       depthwise_ ? weight.size(0) : 1);
}

torch::Tensor IntegerConvImpl::Up(const torch::Tensor& x) {
  return PointwiseUp(x, EffectiveWeight(), bias);
}

void IntegerConvImpl::SetStepWeights(const torch::Tensor& step_weights) {
  torch::NoGradGuard no_grad;
  weight.copy_(step_weights / in_step_);
}

IntegerConvImpl::Exported IntegerConvImpl::Export(const torch::Tensor& out_scale,
                                                  const torch::Tensor& out_step,
                                                  const torch::Tensor& level_bias) const {
  torch::NoGradGuard no_grad;
  const auto f64 = torch::kFloat64;
  const torch::Tensor steps = StepWeights().cpu().to(f64);
  const torch::Tensor scale = StepScale(steps).view({-1});  // real weight of one step
  Exported e;
  e.weight = Rounded(steps / scale.view({-1, 1, 1, 1})).to(torch::kInt16);
  auto to_accumulator = [&](const torch::Tensor& real) {
    return (real.cpu().to(f64) / scale).round().to(torch::kInt32);
  };
  e.bias = to_accumulator(bias);
  if (level_bias.defined()) e.level_bias = to_accumulator(level_bias);
  // real output = accumulator * scale * out_scale; in steps: / out_step.
  const torch::Tensor factor = scale * out_scale.cpu().to(f64) / out_step.cpu().to(f64);
  const std::int64_t n = factor.size(0);
  e.multiplier = torch::empty({n}, torch::kInt32);
  e.shift = torch::empty({n}, torch::kInt32);
  for (std::int64_t i = 0; i < n; ++i) {
    int exponent = 0;
    const double mantissa = std::frexp(factor[i].item<double>(), &exponent);  // [0.5, 1)
    // factor = mantissa * 2^exponent = (mantissa * 2^30) / 2^(30 - exponent)
    auto m = static_cast<std::int64_t>(std::llround(std::ldexp(mantissa, 30)));
    int shift = 30 - exponent;
    if (m == (std::int64_t{1} << 30)) m >>= 1, --shift;
    while (shift > 61 && m > 1) m >>= 1, --shift;  // a factor below 2^-31 is as good as zero
    while (shift < 1) m <<= 1, ++shift;
    e.multiplier[i] = static_cast<std::int32_t>(m);
    e.shift[i] = shift;
  }
  return e;
}

}  // namespace halfmoon::networks
