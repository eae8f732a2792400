// VAE: variational autoencoder of small pictures, and the plain autoencoder of the same shape.
// LibTorch.
#pragma once

#include <torch/torch.h>

#include "models/config/small_picture_config.h"
#include "models/networks/picture_pyramid.h"

namespace halfmoon::networks {

// KL(N(mean, exp(logvar)) || N(0, 1)) of every number, in nats: (mean^2 + var - 1 - logvar) / 2.
torch::Tensor GaussianKl(const torch::Tensor& mean, const torch::Tensor& logvar);

// -ln P(x) of every sample under a logistic distribution around `mean` with scale exp(log_scale),
// integrated over the bins of 8-bit samples x = k / 255; the end bins reach to infinity.
// Salimans et al. 2017 (PixelCNN++).
torch::Tensor DiscretisedLogisticNats(const torch::Tensor& x, const torch::Tensor& mean,
                                      const torch::Tensor& log_scale);

// The half that a receiver of codes needs, "g_s" in weights files.
class VaeDecoderImpl : public torch::nn::Module {
 public:
  explicit VaeDecoderImpl(const VaeConfig& config);
  // z: [N, latent, 1, 1] -> [N, channels, side, side], not clamped.
  torch::Tensor forward(const torch::Tensor& z);

 private:
  VaeConfig config_;
  Conv1x1 post_quant_conv_{nullptr};
  PyramidDecoder pyramid_{nullptr};
};
TORCH_MODULE(VaeDecoder);

// The other half, "g_a" in weights files.
class VaeEncoderImpl : public torch::nn::Module {
 public:
  explicit VaeEncoderImpl(const VaeConfig& config);
  // x: [N, channels, side, side] in [0, 1] -> mean and log-variance, [N, latent, 1, 1] each. The
  // log-variance is held in [-14, 4]: sigma from 0.0009 to 7.4.
  std::pair<torch::Tensor, torch::Tensor> forward(const torch::Tensor& x);

 private:
  VaeConfig config_;
  PyramidEncoder pyramid_{nullptr};
  Conv1x1 narrow_{nullptr}, quant_conv_{nullptr};
};
TORCH_MODULE(VaeEncoder);

//   x -> pyramid -> 1x1 -> features -> quant_conv -> mean, log-variance
//                                         z = mean + exp(logvar / 2) * eps
//        x^ <- pyramid <- post_quant_conv <-+
//
// Kingma and Welling 2014. quant_conv and post_quant_conv are matrices over the whole flattened
// map. One scale per colour channel is learned with the network (Rybkin et al. 2021, sigma-VAE), so
// that reconstruction and KL are in the same unit.
class VaeImpl : public torch::nn::Module {
 public:
  explicit VaeImpl(const VaeConfig& config);

  // z from the posterior, with noise from `generator`; the mean itself for a plain autoencoder.
  torch::Tensor Draw(const torch::Tensor& mean, const torch::Tensor& logvar,
                     const c10::optional<at::Generator>& generator) const;
  // [N]: -ln P(x | x_hat), all samples together.
  torch::Tensor ReconstructionNats(const torch::Tensor& x, const torch::Tensor& x_hat) const;

  const VaeConfig& config() const { return config_; }

  VaeEncoder g_a{nullptr};
  VaeDecoder g_s{nullptr};
  // [channels, 1, 1]: logarithm of the likelihood's scale.
  torch::Tensor LogScale() const { return scale * kScaleRate; }
  void SetLogScale(const torch::Tensor& log_scale);

  // Parameter. Its steps are as small as those of weights, so it counts for more: the best scale
  // falls with the error all through the training.
  static constexpr double kScaleRate = 10;
  torch::Tensor scale;
  // Buffer [4, latent], measured on data when the model is validated: median posterior sigma, mean
  // and variance of the posterior means, mean KL in nats.
  torch::Tensor summary;

 private:
  VaeConfig config_;
};
TORCH_MODULE(Vae);

// A latent dimension is active when its posterior means vary over the data by more than this (Burda
// et al. 2016).
inline constexpr double kActiveVariance = 0.01;

}  // namespace halfmoon::networks
