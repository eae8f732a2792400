// Pixels <-> tensors, with the padding rule of the codec. Internal; LibTorch.
//
// Read me first: pictures are padded on the right and at the bottom, by repeating the last column
// and row, to multiples of 64 (one hyper-latent). A decoder cuts that off again; it is never in the
// output. Grey pictures travel as three equal channels.
#pragma once

#include <torch/torch.h>

#include "halfmoon/image.h"

namespace halfmoon {

inline constexpr std::int64_t kPadding = 64;
inline std::int64_t PadUp(std::int64_t side) { return (side + kPadding - 1) / kPadding * kPadding; }

// Whether the codec can code such pixels yet. Errors: kUnsupportedFeature naming alpha or depth.
Status CheckCodable(const PictureShape& shape);

// [1, 3, PadUp(height), PadUp(width)] float32 in [0, 1], channels-last.
// REQUIRES: CheckCodable(image.shape()).
torch::Tensor TensorFromImage(const ImageView& image);

// The top left width x height pixels of x [1, 3, H, W], clamped and rounded to 8 bits; with one
// channel, the mean of the three.
Result<Image> ImageFromTensor(const torch::Tensor& x, std::uint32_t width, std::uint32_t height,
                              std::uint32_t channels, std::uint64_t max_pixels);

}  // namespace halfmoon
