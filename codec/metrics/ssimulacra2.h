// SSIMULACRA 2. Internal to codec/metrics; callers use metrics.h.
#pragma once

#include <optional>

#include "codec/metrics/rgb_picture.h"

namespace halfmoon::metrics {

// 100 for equal pictures, about 90 for indistinguishable ones, 30 for low quality; no lower bound.
// Nothing below 113 pixels a side. REQUIRES: equal sizes; sRGB.
std::optional<double> Ssimulacra2(const RgbPicture& original, const RgbPicture& distorted);

}  // namespace halfmoon::metrics
