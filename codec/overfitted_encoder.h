// The encoder of the overfitted codec: a whole picture in, its networks and the streams of its
// tiles out. Internal. Knows nothing of the container or of metadata.
#pragma once

#include <cstdint>
#include <vector>

#include "codec/band_encoder.h"

namespace halfmoon {

struct OverfittedOptions {
  PictureShape shape;
  std::uint32_t tile_size = 0;
  double quality = 0;  // 0 .. 100
  int iterations = 0;
  bool exact_transparent = false;
  int threads = 1;
  std::uint64_t held = 0;        // bytes that the process holds beside
  std::uint64_t max_memory = 0;  // bytes; 0: no limit
  Progress* progress = nullptr;  // is told of kOverfittedUnits a pixel and iteration
};

// Of codec/common/progress.h, for a pixel and an iteration: forward, back, update.
inline constexpr double kOverfittedUnits = 1;

// What a squared error of one step of 8 bits weighs against a bit per pixel: that of the AE models
// at the same quality, so that both give about the same PSNR.
double OverfittedLambda(double quality);

struct OverfittedStreams {
  std::vector<std::uint8_t> networks;  // of chunk NETW
  TileStreams tiles;
  std::uint64_t memory_bytes = 0;  // estimated
};

// Reads all rows from `source`. The same streams for any number of threads on one processor.
// Errors: the source's; kLimitExceeded for a picture that needs more memory than the limit;
// kOutOfMemory.
Result<OverfittedStreams> EncodeOverfitted(const OverfittedOptions& options,
                                           const RowSource& source);

}  // namespace halfmoon
