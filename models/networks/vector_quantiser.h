// The quantiser of a VQ-VAE: a latent becomes indices into codebooks. LibTorch.
#pragma once

#include <torch/torch.h>

#include <vector>

#include "halfmoon/status.h"
#include "models/networks/codebook.h"
#include "models/networks/layers.h"

namespace halfmoon::networks {

struct QuantiserConfig {
  std::int64_t channels = 64;        // D: channels of the latent
  std::int64_t dim = 16;             // d: look-up in a projection to so many dimensions
  std::int64_t codes = 1024;         // K: size of each codebook
  std::int64_t stages = 1;           // S: residual stages, each with a codebook of its own
  bool cosine = false, ema = false;  // see CodebookConfig

  // Errors: kInvalidArgument naming the field and its legal range.
  Status Validate() const;
};

// z_e -> p = projection of z_e -> stage 1 takes the code nearest to p, stage s the code nearest to
// what the stages before left over -> z_q = the sum of the codes, projected back.
//
// One stage is the VQ-VAE of van den Oord et al. 2017 (arXiv 1711.00937); several are residual
// vector quantisation (Zeghidour et al. 2021, arXiv 2107.03312). Codes of few dimensions, looked up
// by angle, keep a large codebook in use (Yu et al. 2022, arXiv 2110.04627). Quantisation is
// float32 whatever runs around it.
class VectorQuantiserImpl : public torch::nn::Module {
 public:
  explicit VectorQuantiserImpl(const QuantiserConfig& config);

  struct Output {
    torch::Tensor z_q;  // [N, D, h, w]: value of the sum of codes, gradient straight through to p
    torch::Tensor indices;  // int64 [N, S, h, w]
    // [N]: means over a picture's used stages, positions and dimensions of
    torch::Tensor dictionary_loss;    // |sg[r] - e|^2, moves the codebook only; zero with ema
    torch::Tensor commitment_loss;    // |r - sg[e]|^2, moves the encoder only
    std::vector<torch::Tensor> rows;  // per stage, detached: what was looked up, [N * h * w, d]
  };
  // z_e: [N, D, h, w]. `used`: int64 [N], the number of stages each picture uses, 1..S; undefined:
  // all. Indices are those of all stages.
  Output forward(const torch::Tensor& z_e, const torch::Tensor& used = {});

  // The latent of the first stages' indices: int64 [N, 1..S, h, w] -> [N, D, h, w].
  torch::Tensor Decode(const torch::Tensor& indices);

  std::vector<Codebook> stages;
  Conv1x1 project{nullptr}, unproject{nullptr};
};
TORCH_MODULE(VectorQuantiser);

}  // namespace halfmoon::networks
