// Autoencoder: the AE codec's network as a whole, for training and for the encoder. LibTorch.
#pragma once

#include <torch/torch.h>

#include "models/config/ae_config.h"
#include "models/networks/entropy_prior.h"
#include "models/networks/transforms.h"

namespace halfmoon::networks {

// h_a: y -> z. Shape: [N, M, h, w] -> [N, Nz, h/4, w/4], h and w multiples of 4.
class HyperAnalysisImpl : public torch::nn::Module {
 public:
  explicit HyperAnalysisImpl(const AeConfig& config);
  torch::Tensor forward(const torch::Tensor& y);

 private:
  Conv1x1 in_{nullptr}, down1_{nullptr}, down2_{nullptr}, out_{nullptr};
  DepthBlock mid1_{nullptr}, mid2_{nullptr};
};
TORCH_MODULE(HyperAnalysis);

// Variable-rate mean-scale hyperprior autoencoder with a four-pass context model.
//
//   x -> g_a -> * gain -> y -> h_a -> z -> round(z - m_z) + m_z -> h_s -> f
//                         |                                              |
//                         +--> four passes: r = round(y - m) , (t, m) <--+-- y^ so far
//                                          y^ = r + m
//        x^ <- g_s <- * gain' <- y^
//
// Ballé et al. 2018 (hyperprior), Minnen et al. 2018 (means), Cui et al. 2021 (gain units),
// He et al. 2021 and Li et al. 2023 (parallel context).
class AutoencoderImpl : public torch::nn::Module {
 public:
  explicit AutoencoderImpl(const AeConfig& config);

  struct Output {
    torch::Tensor x_hat;   // [N, 3, H, W], not clamped
    torch::Tensor y_bits;  // [N]: bits of the latent
    torch::Tensor z_bits;  // [N]: bits of the hyper-latent
    CoarsePicture coarse;  // what x_hat is refined from
  };

  // x: [N, 3, H, W] in [0, 1], H and W multiples of 64; level: [N] in [0, 63].
  // Training: additive uniform noise (drawn from `generator`) for the rate, straight-through
  // rounding for everything that is decoded. Evaluation: rounding for both. Of the latent, what is
  // decoded is rounded by QuantiseBy's quantiser.
  Output forward(const torch::Tensor& x, const torch::Tensor& level,
                 const c10::optional<at::Generator>& generator);

  // The latent of x, after the quality gain: [N, M, H/16, W/16].
  torch::Tensor Latent(const torch::Tensor& x, const torch::Tensor& level);

  // y of that picture after one round of analysis by synthesis (models/runtime/ae/ae_transforms.h).
  torch::Tensor Corrected(const torch::Tensor& y, const torch::Tensor& level);

  // Codes a latent and its hyper-latent z: [N, Nz, H/64, W/64], as forward does in evaluation with
  // z = h_a(y), but with `quantise` for rounding both. All of it can be differentiated by y and z.
  Output CodeLatent(const torch::Tensor& y, const torch::Tensor& z, const torch::Tensor& level,
                    const Quantiser& quantise);

  // How forward quantises the latent; straight-through rounding of each for itself to begin with.
  void QuantiseBy(LatentQuantiser quantiser) { latent_quantiser_ = std::move(quantiser); }

  // Whether forward codes the corrected latent. Its gradient is that of the latent: what the
  // picture decoded meanwhile has to do with it is no part of it.
  void CorrectLatents(bool on) { correct_latents_ = on; }

  // The entropy path in the arithmetic of its integer twin (rounded weights and activations).
  void SetQuantised(bool on);

  // Starts the linear paths as principal components. `basis`: [M, 768], orthonormal rows, in order
  // of falling variance, of 16x16 blocks in pixel_unshuffle(16) order.
  void InitialiseLinear(const torch::Tensor& basis);

  // Makes of level vectors that were trained with the range of lambda of `other` those of this
  // config's: a level computes what the level of the same lambda computed.
  void TakeLevelsOf(const AeConfig& other);

  const AeConfig& config() const { return config_; }

  Analysis g_a{nullptr};
  Synthesis g_s{nullptr};
  HyperAnalysis h_a{nullptr};
  HyperSynthesis h_s{nullptr};
  ContextModel context{nullptr};
  LevelVector gain{nullptr}, inverse_gain{nullptr};
  LevelVector z_table{nullptr}, z_mean{nullptr};  // z's table index and mean per level and channel

 private:
  // Everything after g_a and h_a. rate_noise: what the rate is taken of instead of what is decoded;
  // may be empty.
  Output Code(const torch::Tensor& y, const torch::Tensor& z, const torch::Tensor& level,
              const LatentQuantiser& quantise_y, const Quantiser& quantise_z,
              const Quantiser& rate_noise);

  AeConfig config_;
  bool quantised_ = false, correct_latents_ = false;
  LatentQuantiser latent_quantiser_ = Elementwise(SteRound);
};
TORCH_MODULE(Autoencoder);

}  // namespace halfmoon::networks
