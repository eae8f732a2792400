// Compiled with -ffp-contract=off: see float_kernels.h.
#include "models/runtime/layers/pixel_blocks.h"

namespace halfmoon::runtime {

void GatherBlocks(const float* pixels, std::size_t width, std::size_t y, std::size_t side,
                  float* out) {
  for (std::size_t x = 0; x < width / side; ++x, out += 3 * side * side) {
    for (std::size_t dy = 0; dy < side; ++dy) {
      const float* from = pixels + ((y * side + dy) * width + x * side) * 3;
      for (std::size_t dx = 0; dx < side; ++dx, from += 3) {
        for (std::size_t c = 0; c < 3; ++c) out[(c * side + dy) * side + dx] = from[c] - 0.5f;
      }
    }
  }
}

}  // namespace halfmoon::runtime
