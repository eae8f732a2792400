// The pixel transforms of the AE codec: analysis g_a and synthesis g_s. LibTorch.
#pragma once

#include <torch/torch.h>

#include "models/config/ae_config.h"
#include "models/networks/layers.h"
#include "models/networks/refinement.h"

namespace halfmoon::networks {

// g_a: picture -> latent (before the quality gain).
//
//   x - 0.5 -> unshuffle 8 -> 1x1 (192 -> C) -> blocks at 1/8 -> * gain(level)
//           -> unshuffle 2 -> 1x1 (4C -> D) -> blocks at 1/16 -> 1x1 (D -> M) -> (+) -> y
//           \-> unshuffle 16 -> 1x1 (768 -> M), a learned block transform --------/
//
// The linear path starts as the principal components of 16x16 colour blocks, so the network
// begins as a transform codec and learns what a linear transform can't do (the idea of AuxT's
// shortcuts, Li et al. 2025, arXiv 2501.13751). With config.lapped it sees windows of 32x32 pixels
// (PictureToWindows), 3072 -> M: a lapped transform, which has no block edges to begin with
// (Malvar and Staelin 1989).
//
// Shape: x [N, 3, H, W] in [0, 1], H and W multiples of 64; level [N] in [0, 63]
//        -> y [N, M, H/16, W/16], float32.
class AnalysisImpl : public torch::nn::Module {
 public:
  explicit AnalysisImpl(const AeConfig& config);
  torch::Tensor forward(const torch::Tensor& x, const torch::Tensor& level);

  // basis: [M, 768], filters of blocks.
  void InitialiseLinear(const torch::Tensor& basis);
  // Makes the blocks behind the first `blocks` at 1/8 and the first `trunk` at 1/16 identities.
  void MakeIdentityFrom(std::int64_t blocks, std::int64_t trunk);

 private:
  bool lapped_ = false;
  Conv1x1 in_{nullptr}, down_{nullptr}, out_{nullptr}, linear_{nullptr};
  DepthStack blocks_{nullptr}, trunk_{nullptr};
  LevelVector gain_{nullptr};
};
TORCH_MODULE(Analysis);

// g_s: latent (after the inverse quality gain) -> picture; the mirror of g_a.
//
//   y^ -> 1x1 (M -> D) -> blocks at 1/16 -> 1x1 (D -> 4C) -> shuffle 2 -> * gain(level)
//      -> blocks at 1/8 -> 1x1 (C -> 192) -> shuffle 8 -> (+) -> + 0.5 -> refinement -> x^
//      \-> 1x1 (M -> 768) -> shuffle 16 ------------------/
//
// Shape: y^ [N, M, h, w], level [N] -> x^ [N, 3, 16h, 16w], float32, not clamped.
class SynthesisImpl : public torch::nn::Module {
 public:
  explicit SynthesisImpl(const AeConfig& config);
  torch::Tensor forward(const torch::Tensor& y_hat, const torch::Tensor& level);
  // The two halves of forward: what the blocks draw, and its refinement. A model without refinement
  // blocks has its picture after the first.
  CoarsePicture Coarse(const torch::Tensor& y_hat, const torch::Tensor& level);
  torch::Tensor Refine(const CoarsePicture& coarse, const torch::Tensor& level);

  // basis: [M, 768], the block that each latent channel stands for.
  void InitialiseLinear(const torch::Tensor& basis);
  // Makes the blocks behind the first `blocks` at 1/8, the first `trunk` at 1/16 and the first
  // `refine` of the refinement identities.
  void MakeIdentityFrom(std::int64_t blocks, std::int64_t trunk, std::int64_t refine);

 private:
  bool lapped_ = false;
  Conv1x1 in_{nullptr}, up_{nullptr}, out_{nullptr}, linear_{nullptr};
  DepthStack blocks_{nullptr}, trunk_{nullptr};
  LevelVector gain_{nullptr};
  Refinement refine_{nullptr};
};
TORCH_MODULE(Synthesis);

}  // namespace halfmoon::networks
