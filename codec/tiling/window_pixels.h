// Samples of picture files <-> floats of a window, with the padding rule of the codec. Internal.
//
// Read me first: pictures are padded on the right and at the bottom, by repeating the last column
// and row, to multiples of 64 (one hyper-latent). A decoder cuts that off again; it is never in the
// output. Grey pictures travel as three equal channels. Alpha does not travel: it is coded apart.
#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

#include "codec/tiling/float_picture.h"
#include "codec/tiling/tile_grid.h"
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

// The window in [0, 1]. It may reach beyond the picture's right and lower edge: padding.
// fill_transparent: colour under alpha 0 is replaced by a smooth continuation of what is visible,
// so that nothing invisible costs bits. REQUIRES: those rows of the window that lie in the picture
// are in `rows`.
FloatPicture FloatsFromRows(const PictureRows& rows, const Rect& window, bool fill_transparent);

// Writes the colour samples of `area` of x to an interleaved picture of that shape whose first
// sample `out` points to; clamped and rounded. Grey is the mean of the three. Alpha samples are
// left as they are. stride: bytes from a row of `out` to the next.
void SamplesFromFloats(const FloatPicture& x, const Rect& area, const PictureShape& shape,
                       std::size_t stride, std::uint8_t* out);

// The alpha samples of a part of some rows, high byte first, appended.
void AppendAlpha(const PictureRows& rows, const Rect& part, std::vector<std::uint8_t>* alpha);

}  // namespace halfmoon
