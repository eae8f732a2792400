// Between pixels and the maps of the pixel transforms. Internal to models/runtime.
#pragma once

#include <cstddef>

namespace halfmoon::runtime {

// Row y of pixel_unshuffle(x - 0.5, side) of a picture `width` pixels wide: [width / side][3 * side
// * side], channel c * side^2 + dy * side + dx.
void GatherBlocks(const float* pixels, std::size_t width, std::size_t y, std::size_t side,
                  float* out);

}  // namespace halfmoon::runtime
