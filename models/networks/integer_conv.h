// IntegerConv: a convolution that has an exact integer twin in models/runtime. LibTorch.
#pragma once

#include <torch/torch.h>

#include <string>
#include <vector>

namespace halfmoon::networks {

// What the entropy path's activations are measured in, and so how they are rounded and clamped.
enum class Unit {
  kLatent,  // 1/16, clamped to +-4095 steps: y, z, the depth-wise context
  kHidden,  // 1/64, ReLU, clamped to 0..4095 steps
};

// Clamps to the unit's range and, when `quantise`, rounds to its grid (straight-through).
torch::Tensor Activate(const torch::Tensor& x, Unit unit, bool quantise);

// Convolution with bias; 1x1, 3x3 (zero padding 1) or depth-wise 3x3. In quantised mode the
// weights are rounded to the grid that the exporter writes (per output channel, at most
// weight_max steps, fewer where the accumulator's proof asks for it), straight-through.
class IntegerConvImpl : public torch::nn::Module {
 public:
  // `in_units`: runs of input channels and their units, in order (a concatenation may mix them).
  struct Run {
    std::int64_t channels;
    Unit unit;
  };
  // `weight_max`: most steps of a weight; kByteWeightMax lets it be stored in 8 bits.
  IntegerConvImpl(std::vector<Run> in, std::int64_t out, int kernel, bool depthwise = false,
                  double weight_max = kWeightMax);

  torch::Tensor forward(const torch::Tensor& x);
  // pixel_shuffle(forward(x), 2), faster. REQUIRES: kernel 1.
  torch::Tensor Up(const torch::Tensor& x);
  // The weights forward uses: rounded in quantised mode.
  torch::Tensor EffectiveWeight() const;
  void SetQuantised(bool on) { quantised_ = on; }

  // The integer twin: out_steps = round(accumulator * multiplier / 2^shift), with
  // accumulator = bias + sum(weight * input_steps). `out_scale` [out] multiplies the real output
  // and `out_step` [out] is the real size of one output step. `level_bias` [levels, out], real
  // units before out_scale, may be undefined.
  struct Exported {
    torch::Tensor weight;      // int16 [out, in, k, k]
    torch::Tensor bias;        // int32 [out]
    torch::Tensor multiplier;  // int32 [out], 1..2^30
    torch::Tensor shift;       // int32 [out]
    torch::Tensor level_bias;  // int32 [levels, out] or undefined
  };
  Exported Export(const torch::Tensor& out_scale, const torch::Tensor& out_step,
                  const torch::Tensor& level_bias) const;

  // From now on rounding goes by steps of `scale` [out], to `base` (whole numbers, of the weights'
  // shape) plus multiples of `multiple` steps, instead of by steps that follow the weights.
  void RoundNear(const torch::Tensor& base, const torch::Tensor& scale, std::int64_t multiple);

  // Sets the weights from their size in input steps, the inverse of what Export writes.
  void SetStepWeights(const torch::Tensor& step_weights);

  static constexpr double kWeightMax = 2047, kByteWeightMax = 127;

  torch::Tensor weight, bias;

 private:
  // Real weight of one accumulator step per output channel, [out, 1, 1, 1], and the weights in
  // input steps.
  torch::Tensor StepWeights() const;
  torch::Tensor StepScale(const torch::Tensor& step_weights) const;
  // Weights in accumulator steps as whole numbers.
  torch::Tensor Rounded(const torch::Tensor& steps_of_scale) const;

  std::vector<Run> in_;
  int kernel_;
  bool depthwise_;
  double weight_max_;
  bool quantised_ = false;
  torch::Tensor in_step_;            // [1, in, 1, 1]: real size of one input step (buffer)
  torch::Tensor base_, base_scale_;  // RoundNear's, or undefined
  std::int64_t multiple_ = 1;
};
TORCH_MODULE(IntegerConv);

}  // namespace halfmoon::networks
