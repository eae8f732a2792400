#include "eval/bd_rate.h"

#include "eval/bjontegaard.h"

namespace halfmoon::eval {

Result<double> BdRate(const RdCurve& anchor, const RdCurve& test) {
  HALFMOON_ASSIGN_OR_RETURN(const BdDifference d,
                            CompareCurves({anchor.name, anchor.bpp, anchor.psnr},
                                          {test.name, test.bpp, test.psnr}, "PSNR"));
  return d.bd_rate;
}

std::vector<RdCurve> PsnrCurves(const std::vector<CurveFile>& curves) {
  std::vector<RdCurve> psnr;
  for (const CurveFile& f : curves) {
    if (!f.psnr_rgb.empty()) psnr.push_back({f.name, f.bpp, f.psnr_rgb});
  }
  return psnr;
}

}  // namespace halfmoon::eval
