// The quantiser of a VQ-VAE: a latent becomes indices into a codebook. LibTorch.
#pragma once

#include <torch/torch.h>

#include "models/networks/codebook.h"
#include "models/networks/layers.h"

namespace halfmoon::networks {

struct QuantiserConfig {
  std::int64_t channels = 64;  // D: channels of the latent
  CodebookConfig codebook;     // its dim, d: the look-up is in a projection to so many dimensions
};

//   z_e -> 1x1 -> p -> the code e nearest to p -> 1x1 -> z_q
//
// van den Oord et al. 2017 (arXiv 1711.00937). Codes of few dimensions, with p and e at length 1
// (CodebookConfig::cosine), keep a large codebook in use (Yu et al. 2022, arXiv 2110.04627).
// Quantisation is float32 whatever runs around it.
class VectorQuantiserImpl : public torch::nn::Module {
 public:
  explicit VectorQuantiserImpl(const QuantiserConfig& config);

  struct Output {
    torch::Tensor z_q;      // [N, D, h, w]: value that of the codes, gradient straight through to p
    torch::Tensor indices;  // int64 [N, h, w]
    // [N]: means over a picture's positions and dimensions of
    torch::Tensor dictionary_loss;  // |sg[p] - e|^2, moves the codebook only; zero with ema
    torch::Tensor commitment_loss;  // |p - sg[e]|^2, moves the encoder only
    torch::Tensor rows;             // detached: what was looked up, [N * h * w, d]
  };
  // z_e: [N, D, h, w].
  Output forward(const torch::Tensor& z_e);

  // The latent of indices: int64 [N, h, w] -> [N, D, h, w].
  torch::Tensor Decode(const torch::Tensor& indices);

  Codebook codebook{nullptr};
  Conv1x1 project{nullptr}, unproject{nullptr};
};
TORCH_MODULE(VectorQuantiser);

}  // namespace halfmoon::networks
