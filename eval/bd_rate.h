// The BD-rate of PSNR curves in one call, as `halfmoon rd` needs it; bjontegaard.h has more.
#pragma once

#include <string>
#include <vector>

#include "eval/curve_files.h"
#include "halfmoon/status.h"

namespace halfmoon::eval {

// One codec on one data set; points in any order, bits per pixel against PSNR in dB.
struct RdCurve {
  std::string name;
  std::vector<double> bpp, psnr;
};

// Mean difference in rate of `test` against `anchor` at equal PSNR, in per cent; negative means
// fewer bits. PCHIP interpolation. Errors: as CompareCurves.
Result<double> BdRate(const RdCurve& anchor, const RdCurve& test);

// The PSNR curves of published ones.
std::vector<RdCurve> PsnrCurves(const std::vector<CurveFile>& curves);

}  // namespace halfmoon::eval
