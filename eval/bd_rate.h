// Rate-distortion curves and the Bjontegaard delta rate between them. std and JSON.
#pragma once

#include <string>
#include <vector>

#include "halfmoon/status.h"

namespace halfmoon::eval {

// One codec on one data set; points in any order, bits per pixel against PSNR in dB.
struct RdCurve {
  std::string name;
  std::vector<double> bpp, psnr;
};

// Mean difference in rate of `test` against `anchor` at equal PSNR, in per cent; negative means
// fewer bits. PCHIP interpolation of ln(bpp) over PSNR, integrated over the common range
// (Bjontegaard 2001, VCEG-M33; monotone interpolation as in JVET-H0030).
// Errors: kInvalidArgument for fewer than four points, a curve that is not strictly rising, a rate
// that is not positive, or ranges that do not overlap.
Result<double> BdRate(const RdCurve& anchor, const RdCurve& test);

// Published curves: {"codecs": [{"name", "results": {"bpp": [...], "psnr-rgb": [...]}}]}.
// Errors: kIo, kCorrupt.
Result<std::vector<RdCurve>> ReadAnchors(const std::string& path);

}  // namespace halfmoon::eval
