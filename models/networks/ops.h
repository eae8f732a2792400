// Differentiable operations shared by the networks: rounding, bounds. LibTorch; no modules.
#pragma once

#include <torch/torch.h>

namespace halfmoon::networks {

// Rounds half to even in the forward pass; the gradient passes unchanged (straight-through).
torch::Tensor SteRound(const torch::Tensor& x);

// max(x, bound); the gradient passes where x >= bound, and below it when it would raise x, so that
// a value can leave the bound again (Balle et al. 2018, "LowerBound").
torch::Tensor LowerBound(const torch::Tensor& x, double bound);

// min(max(x, lo), hi) with the same escape rule on both sides.
torch::Tensor SoftClamp(const torch::Tensor& x, double lo, double hi);

}  // namespace halfmoon::networks
