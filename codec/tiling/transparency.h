// Colour where nothing is seen: a smooth continuation of what is. std only.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

namespace halfmoon {

// Replaces the colour of pixels that are not visible. Push-pull (Gortler et al. 1996, "The
// Lumigraph", section 3.4): means of the visible pixels at ever coarser scales, then coarse colour
// flows back into the holes. Visible pixels stay exactly as they are; without a visible one all
// become mid-grey. visible: [height][width], 0 or not. colour: [height][width][3].
void FillTransparent(std::uint32_t width, std::uint32_t height,
                     const std::vector<std::uint8_t>& visible, std::span<float> colour);

}  // namespace halfmoon
