// DecodeBands: the streams of tiles in, rows of a region out, a strip of windows at a time.
// Internal. Knows nothing of the container or of metadata.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "codec/common/progress.h"
#include "codec/families/picture_model.h"
#include "codec/tiling/work_plan.h"
#include "halfmoon/decoder.h"
#include "halfmoon/image.h"

namespace halfmoon {

struct BandDecodeRequest {
  PictureShape shape;  // of the whole picture
  Rect region;         // inside it, not empty
  std::uint32_t tile_size = 0;
  int q = 0;
  bool dependent = false;  // the symbols are quantised dependently
  // In tile order. With allow_partial data() may be null: lost.
  std::vector<std::span<const std::uint8_t>> latents, alphas;
  bool allow_partial = false;
  int stages = 0;      // of a model that has them: only the first ones; 0: all
  bool pixels = true;  // false: symbols and alpha are decoded and checked, nothing else
  WorkPlan plan;
  Progress* progress = nullptr;  // is told of DecodeUnits in all; null: nothing is
};

// What a decode takes in units of codec/common/progress.h: the tiles, and the region's pixels.
double DecodeUnits(const PictureModel& model, const BandDecodeRequest& request);

// `stats` [out]: what is known here of it, that is tiles, symbols, times of both stages and lost
// tiles. Errors: kTruncated and kCorrupt naming the tile, unless allow_partial; the sink's;
// kOutOfMemory.
Status DecodeBands(const PictureModel& model, const BandDecodeRequest& request, const RowSink& sink,
                   DecodeStats* stats);

}  // namespace halfmoon
