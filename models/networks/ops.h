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

// A 1x1 convolution followed by a leaky ReLU, as one matrix product over all positions of the
// batch: LibTorch's own runs one product per picture. x: [N, C, H, W], channels-last for speed;
// weight: [K, C, 1, 1]; bias: [K] or undefined; slope: of the leaky ReLU, in (0, 1]; 1 is none.
// Returns [N, K, H, W], channels-last.
torch::Tensor Pointwise(const torch::Tensor& x, const torch::Tensor& weight,
                        const torch::Tensor& bias, double slope = 1);

// [N, C, H, W] <-> [N * H * W, C]; no copy for channels-last tensors. Rows -> map takes N, H, W of
// `like` (the sizes of a map).
torch::Tensor ToRows(const torch::Tensor& map);
torch::Tensor ToMap(const torch::Tensor& rows, at::IntArrayRef like);

// A picture [N, c, H, W] as blocks [N, c * factor^2, H / factor, W / factor] in the channel order
// of torch::pixel_unshuffle, channels-last, in one copy. torch::pixel_shuffle is the way back.
torch::Tensor PictureToBlocks(const torch::Tensor& x, std::int64_t factor);

// A picture [N, c, 16 h, 16 w] as windows of 32x32 pixels, one around each block of 16x16, zeros
// outside: [N, 4 * c * 256, h, w], channels-last. The window's quarters follow each other (top
// left, top right, bottom left, bottom right), each in the channel order of pixel_unshuffle(16).
torch::Tensor PictureToWindows(const torch::Tensor& x);
// The adjoint: windows are laid over each other and added, [N, 4 * c * 256, h, w] -> [N, c, 16 h,
// 16 w].
torch::Tensor WindowsToPicture(const torch::Tensor& windows);
// Filters of blocks [n, c * 256] as filters of windows [n, 4 * c * 256] that are zero around the
// block.
torch::Tensor BlockToWindowFilters(const torch::Tensor& filters);

// Pointwise(pixel_unshuffle(x, 2)) and pixel_shuffle(Pointwise(x), 2), channels-last. Moving whole
// pixels, not single channels, is several times faster, so the weights are reordered instead.
torch::Tensor PointwiseDown(const torch::Tensor& x, const torch::Tensor& weight,
                            const torch::Tensor& bias);
torch::Tensor PointwiseUp(const torch::Tensor& x, const torch::Tensor& weight,
                          const torch::Tensor& bias);

}  // namespace halfmoon::networks
