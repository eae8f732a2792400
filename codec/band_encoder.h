// EncodeBands: rows of a picture in, the streams of its tiles out, a band of tiles at a time.
// Internal. Knows nothing of the container or of metadata.
#pragma once

#include <cstdint>
#include <vector>

#include "codec/common/progress.h"
#include "codec/families/picture_model.h"
#include "codec/tiling/work_plan.h"
#include "halfmoon/image.h"

namespace halfmoon {

struct BandEncodeOptions {
  PictureShape shape;
  std::uint32_t tile_size = 0;
  int q = 0;
  EffortPlan effort;
  bool exact_transparent = false;  // code the colour under alpha 0 as it is
  WorkPlan plan;
  Progress* progress = nullptr;  // is told of EncodeUnits in all; null: nothing is
};

struct TileStreams {
  std::vector<std::vector<std::uint8_t>> latents, alphas;  // in tile order
  double analysis_seconds = 0;                             // of windows, wall-clock
  TileStats tiles;                                         // summed
};

// What an encode takes in units of codec/common/progress.h, tiles and halos included.
double EncodeUnits(const EncodingModel& model, const BandEncodeOptions& options);

// Reads all rows from `source` and holds a strip of them at a time.
// Errors: the source's, the model's, kOutOfMemory.
Result<TileStreams> EncodeBands(const EncodingModel& model, const BandEncodeOptions& options,
                                const RowSource& source);

}  // namespace halfmoon
