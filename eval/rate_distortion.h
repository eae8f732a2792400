// Rate and distortion of Halfmoon over a set of pictures, with real files. Serves `halfmoon rd`.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <string>
#include <utility>
#include <vector>

#include "halfmoon/status.h"

namespace halfmoon::eval {

struct RdOptions {
  std::vector<double> qualities = {4, 12, 20, 30, 40, 50, 60, 70, 80, 90, 98};  // 0..100
  int threads = 0;
  std::string model = "ae-photo", models_dir;
};

struct RdPoint {
  double quality = 0;
  double bpp = 0;            // mean over the pictures: 8 * bytes of the whole file / pixels
  double psnr = 0;           // over the pictures, RGB, dB; the rule is MeansOf's (aggregate.h)
  double estimated_bpp = 0;  // the model's own estimate of the latents' bits
  double latent_bpp = 0;     // the latent streams' real bits
};

struct RdReport {
  std::vector<RdPoint> points;
  int pictures = 0;
  std::vector<std::pair<std::uint32_t, std::uint32_t>> sizes;  // of the pictures
  std::vector<std::string> exact;                 // pictures decoded without error at some quality
  double encode_seconds = 0, decode_seconds = 0;  // mean per picture, without start-up
};

// Encodes and decodes every picture at every quality.
// Errors: kInvalidArgument (no pictures), and the first failure of a picture, naming it.
Result<RdReport> MeasureRd(
    const std::vector<std::string>& files, const RdOptions& options,
    const std::function<void(std::size_t done, std::size_t total)>& progress);

}  // namespace halfmoon::eval
