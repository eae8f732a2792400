// SSIMULACRA 2. Internal to eval/; callers use metrics.h.
#pragma once

#include <optional>

#include "halfmoon/image.h"

namespace halfmoon::eval {

// 100 for equal pictures, about 90 for indistinguishable ones, 30 for low quality; no lower bound.
// Nothing below 113 pixels a side. REQUIRES: equal sizes and channels; sRGB.
std::optional<double> Ssimulacra2(const ImageView& original, const ImageView& distorted);

}  // namespace halfmoon::eval
