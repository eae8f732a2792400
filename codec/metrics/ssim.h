// SSIM and MS-SSIM of one channel. Internal to codec/metrics; callers use metrics.h.
#pragma once

#include <optional>

#include "codec/metrics/planes.h"

namespace halfmoon::metrics {

struct SsimValues {
  std::optional<double> ssim;     // nothing below 11 pixels a side
  std::optional<double> ms_ssim;  // nothing below 161 pixels a side
};

// Both of two planes of equal size with samples 0..255: the first scale serves both.
SsimValues Ssim(Plane a, Plane b);

}  // namespace halfmoon::metrics
