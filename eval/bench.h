// Speed over picture sizes: every codec and, where it tells, its stages. Serves `halfmoon bench`.
#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include "eval/peers/peer.h"
#include "halfmoon/image.h"
#include "halfmoon/status.h"

namespace halfmoon::eval {

struct BenchOptions {
  std::vector<std::string> codecs;  // names, see peers/registry.h
  std::vector<double> megapixels = {0.1, 0.4, 1.5, 6, 24};
  std::string picture;  // continued by mirroring or cut to each size; empty: a made-up one
  int threads = 1;
  int repeats = 3;  // after a warm-up; fewer where one run takes long
  std::string models_dir;
  // Starts this program to make a codec and end: what start-up costs. Empty: not measured.
  std::vector<std::string> child_command;

  // Errors: kInvalidArgument naming the option and its range.
  Status Validate() const;
};

struct BenchRun {
  double seconds = 0;         // the median
  std::vector<Stage> stages;  // of that run; the rest of its time is "other"
};

struct BenchRow {
  std::string codec;
  std::uint32_t width = 0, height = 0;
  double quality = 0, bpp = 0;
  int repeats = 0;
  BenchRun encode, decode;
  std::string error;

  double megapixels() const { return 1e-6 * width * height; }
};

struct BenchStartup {
  std::string codec;
  double seconds = 0;  // a whole process that only makes the codec
};

struct BenchReport {
  std::vector<BenchRow> rows;
  std::vector<BenchStartup> startup;
};

// Codecs at the middle of their ladders, about 0.5 bits per pixel on photographs.
// Errors: kInvalidArgument (options, unknown codec), those of reading the picture. A codec that
// fails is a row with its error.
Result<BenchReport> Bench(const BenchOptions& options,
                          const std::function<void(std::size_t done, std::size_t total)>& progress);

// A picture of about that many megapixels, 3:2; see BenchOptions::picture. `source` may be empty.
Result<RgbPicture> BenchPicture(const RgbPicture& source, double megapixels);

}  // namespace halfmoon::eval
