// Pixels <-> tensors of a window, with the padding rule of the codec. Internal; LibTorch.
//
// Read me first: pictures are padded on the right and at the bottom, by repeating the last column
// and row, to multiples of 64 (one hyper-latent). A decoder cuts that off again; it is never in the
// output. Grey pictures travel as three equal channels. Alpha does not travel: it is coded apart.
#pragma once

#include <torch/torch.h>

#include "codec/tile_grid.h"
#include "halfmoon/image.h"

namespace halfmoon {

// Some rows of a picture that are in memory.
struct PictureRows {
  PictureShape shape;                  // of the whole picture
  std::uint32_t first = 0, count = 0;  // rows [first, first + count)
  const std::uint8_t* data = nullptr;  // of row `first`; rows follow without padding

  const std::uint8_t* row(std::uint32_t y) const {
    return data + std::size_t{y - first} * shape.row_bytes();
  }
};

// [1, 3, window.height, window.width] float32 in [0, 1], channels-last. The window may reach beyond
// the picture's right and lower edge: padding.
// fill_transparent: colour under alpha 0 is replaced by a smooth continuation of what is visible, so
// that nothing invisible costs bits.
// REQUIRES: those rows of the window that lie in the picture are in `rows`.
torch::Tensor TensorFromRows(const PictureRows& rows, const Rect& window, bool fill_transparent);

// Writes the colour samples of part of x [1, 3, H, W], from (x0, y0) on, to `area` of an interleaved
// picture whose first sample `out` points to; clamped and rounded. Grey is the mean of the three.
// Alpha samples are left as they are.
void PixelsFromTensor(const torch::Tensor& x, std::int64_t x0, std::int64_t y0,
                      const PictureShape& shape, std::uint32_t width, std::uint32_t height,
                      std::size_t stride, std::uint8_t* out);

}  // namespace halfmoon
