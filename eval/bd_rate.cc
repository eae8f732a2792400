#include "eval/bd_rate.h"

#include "eval/bjontegaard.h"
#include "eval/curve_files.h"

namespace halfmoon::eval {

Result<double> BdRate(const RdCurve& anchor, const RdCurve& test) {
  HALFMOON_ASSIGN_OR_RETURN(const BdDifference d,
                            CompareCurves({anchor.name, anchor.bpp, anchor.psnr},
                                          {test.name, test.bpp, test.psnr}, "PSNR"));
  return d.bd_rate;
}

Result<std::vector<RdCurve>> ReadAnchors(const std::string& path) {
  HALFMOON_ASSIGN_OR_RETURN(const std::vector<CurveFile> files, ReadCurves(path));
  std::vector<RdCurve> curves;
  for (const CurveFile& f : files) {
    if (!f.psnr_rgb.empty()) curves.push_back({f.name, f.bpp, f.psnr_rgb});
  }
  return curves;
}

}  // namespace halfmoon::eval
