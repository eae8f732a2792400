// Many small pictures as one file: grids and animated PNG. Internal; std only.
#pragma once

#include <cstdint>
#include <vector>

#include "halfmoon/image.h"
#include "halfmoon/status.h"

namespace halfmoon {

// The pictures row by row, `columns` to a row, `gap` white pixels between them and around; the last
// row may be short. A single picture stays as it is. Grey and RGB pictures may be mixed: the grid
// is RGB then. REQUIRES: at least one picture, all of one size, 8 bit, no alpha; columns >= 1.
// Errors: kInvalidArgument, those of Image::Create.
Result<Image> PictureGrid(const std::vector<Image>& pictures, std::uint32_t columns,
                          std::uint32_t gap = 2);

// An animated PNG (APNG, PNG 3rd edition) that shows the frames one after the other, for ever;
// programs that know no animation show the first one. `delay_ms`: of each frame, 1..65535.
// REQUIRES: at least one frame, all of one shape, 8 bit. Errors: kInvalidArgument, those of
// WriteImage.
Result<std::vector<std::uint8_t>> AnimatedPng(const std::vector<Image>& frames, int delay_ms);

// The picture with every pixel repeated factor x factor times. Errors: those of Image::Create.
Result<Image> Enlarge(const Image& picture, std::uint32_t factor);

// A picture as another shape of 8-bit grey or RGB: averaged over areas when it shrinks, bilinear
// when it grows, both directions apart; alpha is laid over white. Errors: those of Image::Create;
// kUnsupportedFeature for 16 bits.
Result<Image> FitTo(const ImageView& picture, const PictureShape& shape);

}  // namespace halfmoon
