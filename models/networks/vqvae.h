// Vqvae: the VQ-VAE codec's network as a whole, for training and for the encoder. LibTorch.
#pragma once

#include <torch/torch.h>

#include <vector>

#include "models/config/vqvae_config.h"
#include "models/networks/codebook.h"
#include "models/networks/index_prior.h"
#include "models/networks/transforms.h"

namespace halfmoon::networks {

// Residual VQ-VAE with an entropy-constrained choice of indices.
//
//   x -> g_a -> y -> project -> p -> stage 1: code nearest to p in the stage's g directions
//                                    stage s: code nearest to what is left there, in distance +
//                                    slope_s * bits
//   x^ <- g_s(level of n) <- unproject <- sum of the codes of stages 1..n
//
// The bits are those of the learnt prior (index_prior.h), so the encoder prefers what the decoder
// expects; where nothing is left to say, it takes a code near zero, which costs next to nothing.
//
// van den Oord et al. 2017 (VQ-VAE); Zeghidour et al. 2021 (residual stages); Chou et al. 1989
// (entropy-constrained choice). Codebooks follow the moving averages of their members.
class VqvaeImpl : public torch::nn::Module {
 public:
  explicit VqvaeImpl(const VqvaeConfig& config);

  // x: [N, 3, H, W] in [0, 1], H and W multiples of 64 -> p: [N, d, H/16, W/16].
  torch::Tensor Analyse(const torch::Tensor& x);
  // z: [N, d, h, w], sum of codes of the first `used` [N] stages -> x^, [N, 3, 16h, 16w], not
  // clamped.
  torch::Tensor Synthesise(const torch::Tensor& z, const torch::Tensor& used);
  // The same before its refinement, and the level [N] at which g_s works.
  CoarsePicture Coarse(const torch::Tensor& z, const torch::Tensor& used);
  torch::Tensor SynthesisLevel(const torch::Tensor& used) const;

  struct Quantised {
    torch::Tensor z;             // [N, d, h, w]: sum of the codes of the used stages; no gradient
    torch::Tensor bits;          // [N]: of the used stages' indices; gradient for the prior alone
    torch::Tensor stage_bits;    // [S]: sums over all pictures that use the stage; no gradient
    torch::Tensor stage_energy;  // [S]: |p - z|^2 after the stage, sums over the same pictures
    // Per stage: int64 [n_s * h * w] of the pictures that use it.
    std::vector<torch::Tensor> indices;
    std::vector<torch::Tensor> residuals;  // per stage: [n_s * h * w, g] that was looked up
    std::vector<torch::Tensor> sums;       // with keep_sums: z after each stage, [n_s, d, h, w]
  };
  // p: [N, d, h, w]. used: numbers of stages of the pictures, 1..S, FALLING; so the pictures that
  // use a stage are the first ones. Takes no gradient for p.
  Quantised Quantise(const torch::Tensor& p, const std::vector<std::int64_t>& used,
                     bool keep_sums = false);

  void SetQuantised(bool on) { prior->SetQuantised(on); }

  // Squared distance in p that a bit of stage s is worth. [S], a buffer.
  torch::Tensor slopes;
  torch::Tensor slopes_final;  // int64 scalar, a buffer: 1 when training has measured them for good
  // The directions of p that stage s codes, ascending. int64 [S, g], a buffer.
  torch::Tensor support;

  // Buffers that training changes: codebooks with their averages, projections, slopes.
  torch::OrderedDict<std::string, torch::Tensor> TrainedBuffers() { return named_buffers(); }

  const VqvaeConfig& config() const { return config_; }

  Analysis g_a{nullptr};
  Synthesis g_s{nullptr};
  torch::Tensor project, unproject;  // [d, M] and [M, d]: fixed, principal components of y
  std::vector<Codebook> codebooks;
  IndexPrior prior{nullptr};

 private:
  VqvaeConfig config_;
};
TORCH_MODULE(Vqvae);

}  // namespace halfmoon::networks
