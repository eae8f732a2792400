// The prior over a VQ-VAE codec's indices. LibTorch; float training form of the integer networks in
// models/runtime (vq_prior.h), which code the files.
#pragma once

#include <torch/torch.h>

#include <vector>

#include "models/config/index_prior_config.h"
#include "models/config/integer_path.h"
#include "models/networks/integer_conv.h"

namespace halfmoon::networks {

// Every index has a learnt embedding; a position's state U is the sum of those coded there so far.
// Stage s codes its indices in two passes, first the positions of even row + column, then the odd
// ones, which see the first ones' indices of the same stage:
//
//   U -> 3x3 (E -> H1) + bias(s) -> relu -> 1x1 (H1 -> H2) + bias(s) -> relu
//     -> 1x1 of stage s (H2 -> K)
//
// The 3x3 and the middle layer are shared by all stages; both passes have their own. A two-pass
// checkerboard as in He et al. 2021 (arXiv 2103.15306), over indices instead of scalars.
class IndexPriorImpl : public torch::nn::Module {
 public:
  explicit IndexPriorImpl(const IndexPriorConfig& config);

  // Logits in nats of the indices of stage s that pass k codes. state: U [N, E, h, w].
  // Returns [R, K] for the positions PassRows(k, N, h, w), in that order.
  torch::Tensor Logits(std::int64_t s, int k, const torch::Tensor& state);

  // Rows of [N * h * w] that pass k codes. int64.
  static torch::Tensor PassRows(int k, std::int64_t n, std::int64_t h, std::int64_t w);

  // Embeddings of stage s: [K, E], on the grid of the integer twin in quantised mode.
  torch::Tensor Embedding(std::int64_t s) const;
  void SetEmbedding(std::int64_t s, const torch::Tensor& values);

  void SetQuantised(bool on);

  // The last layer's outputs are multiplied by this, so that logits are learnt at the rate of
  // everything else.
  static constexpr double kLogitGain = 4;
  // One integer step of a logit, in nats: 1/256 bit.
  static constexpr double kLogitStep = 0.69314718055994531 / 256;
  // Embeddings are 8-bit numbers of steps of kLatentUnit.
  static constexpr double kEmbeddingMax = 127;
  // Weights of the last layers are 8-bit numbers.
  static constexpr double kOutWeightMax = 127;

  std::vector<IntegerConv> a, b;              // per pass
  std::vector<torch::Tensor> a_bias, b_bias;  // per pass: of all stages, flat [S * H1], [S * H2]
  std::vector<IntegerConv> c;                 // per stage

 private:
  IndexPriorConfig config_;
  torch::Tensor embedding_;  // flat [S * K * E]: no matrix for the optimiser, each row is its own
  bool quantised_ = false;
};
TORCH_MODULE(IndexPrior);

}  // namespace halfmoon::networks
