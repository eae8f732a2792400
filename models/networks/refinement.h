// The refinement of a decoded picture: the last part of g_s. LibTorch.
#pragma once

#include <torch/torch.h>

#include "models/config/ae_config.h"
#include "models/networks/layers.h"

namespace halfmoon::networks {

// A picture as the blocks at 1/8 draw it, and what they know of it.
struct CoarsePicture {
  torch::Tensor x;         // [N, 3, H, W], not clamped
  torch::Tensor features;  // [N, C, H/8, W/8]
};

// A small network at 1/4 of the picture's size that puts right what blocks at 1/8 can't draw: the
// course of an edge within a block, and the ringing beside it. What in-loop filters do in video
// codecs (Tsai et al. 2013, "Adaptive loop filtering for video coding"; by networks: Dai et al.
// 2017).
//
//   x - 0.5 -> unshuffle 4 -> 1x1 (48 -> R) -> * gain(level) -> (+) -> blocks at 1/4
//           -> 1x1 (R -> 48) -> shuffle 4 -> + x                 |
//   features -> 1x1 (C -> 4R) -> shuffle 2 ----------------------/
//
// A new one is the identity. H and W are multiples of 8, level: [N] in [0, 63].
// Returns [N, 3, H, W], float32, not clamped.
class RefinementImpl : public torch::nn::Module {
 public:
  explicit RefinementImpl(const AeConfig& config);
  torch::Tensor forward(const CoarsePicture& coarse, const torch::Tensor& level);

  // DepthBlock::MakeIdentity for all blocks from number `first` on.
  void MakeIdentityFrom(std::int64_t first) { blocks_->MakeIdentityFrom(first); }

 private:
  Conv1x1 in_{nullptr}, up_{nullptr}, out_{nullptr};
  DepthStack blocks_{nullptr};
  LevelVector gain_{nullptr};
};
TORCH_MODULE(Refinement);

}  // namespace halfmoon::networks
