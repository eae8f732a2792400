// Changing the kind of pixels, row by row: depth, alpha. Internal to codec/imageio; for formats
// that hold less than the picture.
#pragma once

#include <array>
#include <cstdint>

#include "halfmoon/image.h"

namespace halfmoon::imageio {

// 16 bit to 8, rounded to the nearest: 0 stays 0 and 65535 becomes 255.
inline std::uint8_t To8Bit(std::uint16_t sample) {
  return static_cast<std::uint8_t>((sample * 255u + 32767u) / 65535u);
}

// A row of `shape` as 8 bit without alpha: one sample a pixel for grey, else three. Colour under
// alpha is laid over `background` (8-bit R, G, B; grey pictures take its luma).
// REQUIRES: `out` holds width * (1 or 3) bytes; 16-bit rows lie at an even address.
void FlattenRow(const PictureShape& shape, const std::uint8_t* row,
                const std::array<std::uint8_t, 3>& background, std::uint8_t* out);

}  // namespace halfmoon::imageio
