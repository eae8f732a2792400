// MS-SSIM as a differentiable measure. LibTorch.
#pragma once

#include <torch/torch.h>

namespace halfmoon::networks {

// The multi-scale structural similarity of pictures a and b, [N, C, H, W] in [0, 1] each, mean over
// the channels: [N], at most 1. Wang, Simoncelli and Bovik 2003, as codec/metrics does,
// with two differences that training needs: pictures below 161 pixels have fewer scales, whose
// exponents are divided by their sum; and a scale without anything in common counts as 1e-4, where
// the power still has a gradient. The gradient reaches b alone. REQUIRES: H, W >= 11, even on every
// scale but the last.
torch::Tensor MsSsim(const torch::Tensor& a, const torch::Tensor& b);

// Means under the 11x11 Gaussian window of sigma 1.5, where it lies inside: [N, C, H, W] ->
// [N, C, H - 10, W - 10].
torch::Tensor WindowMeans(const torch::Tensor& x);

}  // namespace halfmoon::networks
