// DecodeBands: the streams of tiles in, rows of a region out, a strip of windows at a time.
// Internal. Knows nothing of the container or of metadata.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "codec/common/progress.h"
#include "codec/families/picture_model.h"
#include "codec/tiling/work_plan.h"
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
  Progress* progress = nullptr;  // null: nobody asks
};

struct BandDecodeStats {
  TileStats tiles;  // summed
  double synthesis_seconds = 0;
  std::uint64_t tiles_decoded = 0;
  std::uint64_t symbol_hash = 0;  // XXH3-64 over the symbols of the decoded tiles, in tile order
  std::vector<std::uint32_t> lost_tiles;
};

// Errors: kTruncated and kCorrupt naming the tile, unless allow_partial; the sink's; kOutOfMemory.
Status DecodeBands(const PictureModel& model, const BandDecodeRequest& request, const RowSink& sink,
                   BandDecodeStats* stats);

}  // namespace halfmoon
