// SmallVqvae: the VQ-VAE of small pictures of one size, a grid of indices each. LibTorch.
#pragma once

#include <torch/torch.h>

#include "halfmoon/status.h"
#include "models/config/small_picture_config.h"
#include "models/networks/index_prior.h"
#include "models/networks/picture_pyramid.h"
#include "models/networks/vector_quantiser.h"
#include "models/networks/vit.h"
#include "models/runtime/weights/safetensors.h"

namespace halfmoon::networks {

// The picture's half that makes features, "g_a" in weights files: a pyramid or a ViT, whichever the
// configuration says. [N, channels, side, side] in [0, 1] -> [N, D, g, g].
class SmallEncoderImpl : public torch::nn::Module {
 public:
  explicit SmallEncoderImpl(const SmallVqvaeConfig& config);
  torch::Tensor forward(const torch::Tensor& x);

 private:
  PyramidEncoder pyramid_{nullptr};
  VitEncoder vit_{nullptr};
};
TORCH_MODULE(SmallEncoder);

// The half that makes the picture, "g_s": [N, D, g, g] -> [N, channels, side, side], not clamped.
class SmallDecoderImpl : public torch::nn::Module {
 public:
  explicit SmallDecoderImpl(const SmallVqvaeConfig& config);
  torch::Tensor forward(const torch::Tensor& features);

 private:
  PyramidDecoder pyramid_{nullptr};
  VitDecoder vit_{nullptr};
};
TORCH_MODULE(SmallDecoder);

//   x -> g_a -> z_e -> quantiser -> indices, z_q -> g_s -> x^
//
// van den Oord et al. 2017 (arXiv 1711.00937). Beside it the integer prior learns what the indices
// cost.
class SmallVqvaeImpl : public torch::nn::Module {
 public:
  explicit SmallVqvaeImpl(const SmallVqvaeConfig& config);

  // x -> int64 [N, g * g], in raster order. No gradient.
  torch::Tensor Encode(const torch::Tensor& x);
  // int64 [N, g * g] -> [N, channels, side, side], not clamped.
  torch::Tensor Decode(const torch::Tensor& indices);
  // Bits of the indices of each picture under the integer prior: int64 [N, g * g] -> [N]. The
  // gradient reaches the prior alone.
  torch::Tensor PriorBits(const torch::Tensor& indices);

  void SetQuantised(bool on) { prior->SetQuantised(on); }

  const SmallVqvaeConfig& config() const { return config_; }

  SmallEncoder g_a{nullptr};
  SmallDecoder g_s{nullptr};
  VectorQuantiser quantiser{nullptr};
  IndexPrior prior{nullptr};

 private:
  SmallVqvaeConfig config_;
};
TORCH_MODULE(SmallVqvae);

// The networks of a weights file (g_a, quantiser, g_s; not the prior), in evaluation mode.
// Errors: kModelCorrupt naming the key or tensor.
Result<SmallVqvae> ImportSmallVqvae(const runtime::WeightsFile& file);

}  // namespace halfmoon::networks
