// Layers of the transforms g_a, g_s, h_a: the depth-wise block and per-level vectors. LibTorch.
#pragma once

#include <torch/torch.h>

namespace halfmoon::networks {

// A 1x1 convolution, optionally with a leaky ReLU behind it; parameters "weight" [out, in, 1, 1]
// and "bias" [out], initialised as torch::nn::Conv2d does.
class Conv1x1Impl : public torch::nn::Module {
 public:
  Conv1x1Impl(std::int64_t in, std::int64_t out, bool bias = true);
  // slope: of the leaky ReLU, in (0, 1]; 1 is none.
  torch::Tensor forward(const torch::Tensor& x, double slope = 1);
  // forward(pixel_unshuffle(x, 2)), and pixel_shuffle(forward(x), 2), faster.
  torch::Tensor Down(const torch::Tensor& x);
  torch::Tensor Up(const torch::Tensor& x);
  // Multiplies the initial weights; small values let a residual branch start near zero.
  void ScaleInit(double factor);

  torch::Tensor weight, bias;
};
TORCH_MODULE(Conv1x1);

// Spatial mixing then channel mixing, both residual, all at one resolution:
//
//   x -> 1x1 -> lrelu -> 3x3 depth-wise -> 1x1 -> + x
//     -> 1x1 (C -> 2C) -> lrelu -> 1x1 (2C -> C) -> + x
//
// Shape: [N, C, H, W] -> [N, C, H, W]. Cost: 6 C^2 + 9 C multiply-accumulates per position.
// The shape follows DCVC-RT's DepthConvBlock (Jia et al. 2025, arXiv 2502.20762): nearly all work
// is in 1x1 convolutions, which run at the speed of a matrix product.
class DepthBlockImpl : public torch::nn::Module {
 public:
  explicit DepthBlockImpl(std::int64_t channels);
  torch::Tensor forward(const torch::Tensor& x);
  // Makes both residual branches put out 0, so that the block returns its input; it can still
  // learn.
  void MakeIdentity();

 private:
  Conv1x1 in_{nullptr}, out_{nullptr}, expand_{nullptr}, reduce_{nullptr};
  torch::nn::Conv2d depthwise_{nullptr};
};
TORCH_MODULE(DepthBlock);

// A row of DepthBlocks, numbered "0", "1", ... as submodules.
class DepthStackImpl : public torch::nn::Module {
 public:
  DepthStackImpl(std::int64_t channels, std::int64_t count);
  torch::Tensor forward(torch::Tensor x);
  // DepthBlock::MakeIdentity for all blocks from number `first` on.
  void MakeIdentityFrom(std::int64_t first);

 private:
  std::vector<DepthBlock> blocks_;
};
TORCH_MODULE(DepthStack);

// A learned vector per quality level, stored as a few anchors and interpolated linearly between
// them, so that every level learns from its neighbours' pictures. With `exponential` the vector is
// exp(.) of the interpolated anchors: a gain, interpolated geometrically (Cui et al. 2021).
class LevelVectorImpl : public torch::nn::Module {
 public:
  LevelVectorImpl(std::int64_t anchors, std::int64_t channels, bool exponential);

  // `level`: [N] float in [0, 63], fractions allowed. Returns [N, channels, 1, 1].
  torch::Tensor forward(const torch::Tensor& level);

  // Sets the (log-)value of every channel at every anchor: value(level).
  void Initialise(const std::function<double(double)>& value);

  // Sets the anchors so that the vector is `levels` [64, channels] as nearly as they allow (least
  // squares). REQUIRES: not exponential.
  void SetFromLevels(const torch::Tensor& levels);

  // Moves the vector along the levels: what it was at level_of(l) it is at level l, interpolated at
  // the anchors, and extrapolated where level_of is not in [0, 63].
  void Resample(const std::function<double(double)>& level_of);

 private:
  torch::Tensor anchors_;
  bool exponential_;
};
TORCH_MODULE(LevelVector);

}  // namespace halfmoon::networks
