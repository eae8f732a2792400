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
  bool exact_transparent = false;  // code the colour under alpha 0 as it is
  WorkPlan plan;
  // Is told of windows, for each pixel so many units, and of tiles; null: nothing is.
  Progress* progress = nullptr;
  double window_units = 0;
};

struct TileStreams {
  std::vector<std::vector<std::uint8_t>> latents, alphas;  // in tile order
  double analysis_seconds = 0;  // wall-clock; the stages of parallel tiles below are summed
  TileStats tiles;
};

// The pixels of all windows that are analysed, halos included. Of `options` the shape, tiles and
// plan count.
std::uint64_t AnalysedPixels(const BandEncodeOptions& options, int halo);

// Reads all rows from `source` and holds a strip of them at a time.
// Errors: the source's, the model's, kOutOfMemory.
Result<TileStreams> EncodeBands(const PictureModel& model, const BandEncodeOptions& options,
                                const RowSource& source);

}  // namespace halfmoon
