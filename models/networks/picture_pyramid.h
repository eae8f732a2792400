// Encoder and decoder pyramids for small pictures: what VAE and classifier are built from.
// LibTorch.
#pragma once

#include <torch/torch.h>

#include <string>
#include <vector>

#include "halfmoon/status.h"
#include "models/networks/layers.h"

namespace halfmoon::networks {

// Dimensions of a pyramid. Each level halves the picture; level i has widths[i] channels.
struct PyramidConfig {
  std::int64_t channels = 1;  // of the picture: 1 or 3
  std::int64_t side = 28;     // of the picture, 8..256
  std::vector<std::int64_t> widths = {32, 64, 128};
  std::int64_t blocks = 1;  // depth-wise blocks per level
  bool attention = false;   // self-attention at the lowest level

  // The side rounded up to what the levels divide.
  std::int64_t padded() const;
  // Side of the lowest level's map.
  std::int64_t grid() const;
  // Errors: kInvalidArgument naming the field.
  Status Validate() const;
};

// "[32, 64, 128]" and back. Errors: kInvalidArgument.
Result<std::vector<std::int64_t>> ParseWidths(const std::string& text);
std::string WidthsText(const std::vector<std::int64_t>& widths);

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
