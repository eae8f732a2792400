// Encoder and decoder pyramids for small pictures: what VAE and classifier are built from.
// LibTorch.
#pragma once

#include <torch/torch.h>

#include <vector>

#include "models/config/small_picture_config.h"
#include "models/networks/layers.h"

namespace halfmoon::networks {

// Every position looks at every other one, over all channels:
//
//   x -> normalise over channels -> 1x1 -> q, k, v -> softmax(q k' / sqrt(d)) v -> 1x1 -> + x
//
// Vaswani et al. 2017, in a residual branch as in Zhang et al. 2019 (SAGAN).
// Shape: [N, C, h, w] -> the same. Cost per position: 4 C^2 + 2 h w C multiply-accumulates.
class SelfAttentionImpl : public torch::nn::Module {
 public:
  // REQUIRES: channels is a multiple of heads.
  explicit SelfAttentionImpl(std::int64_t channels, std::int64_t heads = 4);
  torch::Tensor forward(const torch::Tensor& x);

 private:
  std::int64_t heads_;
  Conv1x1 qkv_{nullptr}, out_{nullptr};
};
TORCH_MODULE(SelfAttention);

// x -> margin to the padded side -> 2x2 blocks -> 1x1 -> depth-wise blocks -> [halve -> blocks]* .
// Shape: [N, channels, side, side] in [0, 1] -> [N, widths.back(), grid, grid].
class PyramidEncoderImpl : public torch::nn::Module {
 public:
  explicit PyramidEncoderImpl(const PyramidConfig& config);
  torch::Tensor forward(const torch::Tensor& x);

 private:
  PyramidConfig config_;
  std::vector<Conv1x1> down_;
  std::vector<DepthStack> stacks_;
  SelfAttention attention_{nullptr};
};
TORCH_MODULE(PyramidEncoder);

// The mirror image: [N, widths.back(), grid, grid] -> [N, channels, side, side], not clamped.
class PyramidDecoderImpl : public torch::nn::Module {
 public:
  explicit PyramidDecoderImpl(const PyramidConfig& config);
  torch::Tensor forward(const torch::Tensor& features);

 private:
  PyramidConfig config_;
  std::vector<Conv1x1> up_;
  std::vector<DepthStack> stacks_;
  SelfAttention attention_{nullptr};
};
TORCH_MODULE(PyramidDecoder);

}  // namespace halfmoon::networks
