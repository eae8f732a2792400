// Encoder and decoder of small pictures by patches and self-attention, the alternative to a
// pyramid. LibTorch.
#pragma once

#include <torch/torch.h>

#include <vector>

#include "models/config/small_picture_config.h"
#include "models/networks/layers.h"
#include "models/networks/picture_pyramid.h"

namespace halfmoon::networks {

//   x + place -> [self-attention -> normalise -> 1x1 (C -> 4C) -> GELU -> 1x1 (4C -> C) -> +]*
//
// Shape: [N, C, g, g] -> the same. Every patch sees every other one. Dosovitskiy et al. 2021 (ViT),
// as encoder and decoder of a VQ-VAE in Yu et al. 2022 (ViT-VQGAN, arXiv 2110.04627).
class VitStackImpl : public torch::nn::Module {
 public:
  explicit VitStackImpl(const VitConfig& config);
  torch::Tensor forward(torch::Tensor x);

 private:
  torch::Tensor place_;  // [1, C, g, g]
  std::vector<SelfAttention> attention_;
  std::vector<Conv1x1> expand_, reduce_;
};
TORCH_MODULE(VitStack);

// Shape: [N, channels, side, side] in [0, 1] -> [N, C, g, g].
class VitEncoderImpl : public torch::nn::Module {
 public:
  explicit VitEncoderImpl(const VitConfig& config);
  torch::Tensor forward(const torch::Tensor& x);

 private:
  VitConfig config_;
  Conv1x1 in_{nullptr};
  VitStack stack_{nullptr};
};
TORCH_MODULE(VitEncoder);

// [N, C, g, g] -> [N, channels, side, side], not clamped.
class VitDecoderImpl : public torch::nn::Module {
 public:
  explicit VitDecoderImpl(const VitConfig& config);
  torch::Tensor forward(const torch::Tensor& features);

 private:
  VitConfig config_;
  VitStack stack_{nullptr};
  Conv1x1 out_{nullptr};
};
TORCH_MODULE(VitDecoder);

}  // namespace halfmoon::networks
