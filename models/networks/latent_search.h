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

struct SearchedLatent {
  torch::Tensor y;  // [1, M, H/16, W/16], after the quality gain
  torch::Tensor z;  // [1, Nz, H/64, W/64]: its hyper-latent, no longer h_a(y)
};

// What a search weighs distortion with, times lambda. With 1 a short search would make the picture
// worse by 0.1 to 0.3 dB, which nobody expects of an effort; with this it stays about as it was.
double SearchDistortionWeight(int steps);

// Looks for the latent y and hyper-latent z that minimise bits + weight * lambda * distortion of
// the decoded picture (distortion.h: what the model was trained for), by Adam, from what the
// encoder says after one round of analysis by synthesis. Rounding is Stochastic Gumbel Annealing:
// each residual is drawn between its two neighbours with odds that sharpen as the temperature falls
// (Yang, Bamler, Mandt 2020, arXiv 2006.04240), softly, and less so the longer the search is. The
// gradient reaches y and z through the decoder, all four context passes and the hyper-decoder, so a
// symbol also pays for what it spoils elsewhere.
//
// model: in evaluation mode, its parameters without gradients. x: [1, 3, H, W] in [0, 1], H and W
// multiples of 64. level: [1] in [0, 63]. Returns, of all pairs that were looked at, the encoder's
// own (corrected or not) included, the one with the smallest cost when it is really rounded.
SearchedLatent SearchLatent(Autoencoder& model, const torch::Tensor& x, const torch::Tensor& level,
                            const LatentSearchOptions& options);

}  // namespace halfmoon::networks
