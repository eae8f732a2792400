// Matrix products in bfloat16 for whatever takes gradients: the switch, and whether this processor
// gains by it. LibTorch.
#pragma once

#include <torch/torch.h>

namespace halfmoon::networks {

// Whether matrix products that gradients go through run in bfloat16 (sums stay float32 inside
// them). Forward: those of the depth-wise blocks only, since what puts out latents, means, scales
// and pixels needs its digits. Backward: those of every 1x1 convolution. Parameters, their
// gradients and the residual stream stay float32, and evaluation never uses it. Off at first; not
// to be changed while a network runs.
void SetBfloat16Products(bool on);
bool Bfloat16Products();

// `x` in bfloat16 when the products run in it; no copy when it already is.
torch::Tensor Low(const torch::Tensor& x);

// Whether this processor multiplies bfloat16 itself (AVX512_BF16). Unlike a measurement it always
// says the same, so what depends on it is the same in every run on a machine.
bool HasBfloat16Instructions();

// Measures on the calling thread, in some ten milliseconds, products of the sizes of training in
// both types. Processors without instructions for bfloat16 lose by it, some that have them gain
// little.
bool Bfloat16IsFaster();

}  // namespace halfmoon::networks
