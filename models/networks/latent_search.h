// LatentSearch: a better latent for one picture, found by gradient steps. LibTorch.
#pragma once

#include <torch/torch.h>

#include <cstdint>
#include <functional>

#include "models/networks/autoencoder.h"

namespace halfmoon::networks {

struct LatentSearchOptions {
  int steps = 100;  // >= 1
  std::uint64_t seed = 1;
  // Called after each step, if set.
  std::function<void()> progress;
};

// Looks for the latent y that minimises bits + 1.2 lambda * distortion of the decoded picture
// (distortion.h: what the model was trained for), by Adam, from what the encoder says; the factor
// keeps the distortion where it was. Rounding is Stochastic Gumbel Annealing: each residual is
// drawn between its two neighbours with odds that sharpen as the temperature falls (Yang, Bamler,
// Mandt 2020, arXiv 2006.04240), softly. The gradient reaches y through the decoder, all four
// context passes and the hyperprior, so a symbol also pays for what it spoils elsewhere.
//
// model: in evaluation mode, its parameters without gradients. x: [1, 3, H, W] in [0, 1], H and W
// multiples of 64. level: [1] in [0, 63]. Returns y [1, M, H/16, W/16]; of all that were looked at,
// the encoder's own included, the one with the smallest cost when it is really rounded.
torch::Tensor SearchLatent(Autoencoder& model, const torch::Tensor& x, const torch::Tensor& level,
                           const LatentSearchOptions& options);

}  // namespace halfmoon::networks
