// Rate-distortion curves as files: published ones, and CompressAI's layout in and out. No codecs.
#pragma once

#include <cstdint>
#include <string>
#include <utility>
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

// The pictures that published curves are means over, as far as their file says.
struct CurveDataset {
  std::string name;          // "Kodak"
  std::size_t pictures = 0;  // 0: not said
  // Width and height of every picture, either way round; empty: not said.
  std::vector<std::pair<std::uint32_t, std::uint32_t>> sizes;
};

// What a file of published curves holds.
struct PublishedCurves {
  std::vector<CurveFile> curves;
  CurveDataset dataset;  // without a name where the file names none
};

// Why pictures of these sizes are not the data set of the curves, for people; empty when they may
// be, or when the file does not say enough.
std::string OtherDataset(const CurveDataset& dataset,
                         const std::vector<std::pair<std::uint32_t, std::uint32_t>>& sizes);

// Reads what CompressAI's tools write, {"name", "description", "results": {"bpp": [...],
// "psnr-rgb": [...], "ms-ssim-rgb": [...], "encoding_time", "decoding_time"}}, or several of these
// as {"codecs": [...]}, with a "dataset": its name, or {"name", "pictures": count, "sizes":
// ["768x512", ...]}. "psnr" and "ms-ssim" are taken for the names with -rgb, too. Points are sorted
// by rate. Errors: kIo, kCorrupt naming the file, the curve and the field.
Result<PublishedCurves> ReadCurves(const std::string& path);

// One curve in CompressAI's layout; empty lists are left out.
std::string CurveToJson(const CurveFile& curve);

}  // namespace halfmoon::eval
