// Rate-distortion curves as files: published ones, and CompressAI's layout in and out. No codecs.
#pragma once

#include <string>
#include <vector>

#include "halfmoon/status.h"

namespace halfmoon::eval {

// One codec's means over a data set. All lists that are not empty have as many entries as `bpp`.
struct CurveFile {
  std::string name;
  std::string description;  // of published curves: where they come from
  std::vector<double> bpp;
  std::vector<double> psnr_rgb, ms_ssim_rgb;         // may be empty
  std::vector<double> encoding_time, decoding_time;  // seconds a picture; may be empty
};

// Reads what CompressAI's tools write, {"name", "description", "results": {"bpp": [...],
// "psnr-rgb": [...], "ms-ssim-rgb": [...], "encoding_time", "decoding_time"}}, or several of these
// as
// {"codecs": [...]}. "psnr" and "ms-ssim" are taken for the names with -rgb, too. Points are sorted
// by rate. Errors: kIo, kCorrupt naming the file, the curve and the field.
Result<std::vector<CurveFile>> ReadCurves(const std::string& path);

// One curve in CompressAI's layout; empty lists are left out.
std::string CurveToJson(const CurveFile& curve);

}  // namespace halfmoon::eval
