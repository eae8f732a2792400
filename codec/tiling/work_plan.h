// How a picture is cut into windows for the networks, and what memory that takes. Plain numbers;
// must not include LibTorch.
#pragma once

#include <cstdint>

#include "codec/common/workers.h"
#include "codec/tiling/tile_grid.h"
#include "halfmoon/image.h"
#include "halfmoon/status.h"

namespace halfmoon {

// What networks need to work on a window.
struct WindowNeeds {
  int halo = 0;  // pixels, a multiple of the latent's stride: how far they look beyond it
  // Working memory at its peak, bytes per pixel of the window (with halo), input and output
  // included. For choosing windows and refusing work; an estimate from above.
  double bytes_per_pixel = 0;
  // Of each tile in work, beside its symbols, bytes per pixel of the tile.
  double tile_bytes_per_pixel = 0;
  // No wider and no higher than this, without halo. Pixels.
  std::uint32_t largest_window = 2048;
  // Whether windows side by side gain more than threads inside one: so many that each thread has
  // one of its own.
  bool window_per_thread = false;
  // Bytes that windows may take together when the caller sets no limit: enough for two of 2048
  // pixels of a plain encoder, and 100 megapixels stay far below 3 GiB in all.
  std::uint64_t window_budget = std::uint64_t{1} << 30;
};

// What the plan depends on.
struct WorkRequest {
  PictureShape shape;  // of the whole picture
  Rect region;         // of it to be decoded; the whole picture when encoding
  std::uint32_t tile_size = 0;
  int stride = 16, channels = 0;     // of the model's latent
  WindowNeeds needs;                 // of analysis or synthesis
  std::uint64_t resident_bytes = 0;  // of the process with the model, and what the caller holds
  int threads = 1;
  std::uint64_t max_memory = 0;  // bytes; 0: no limit
  bool encode = false;
};

struct WorkPlan {
  std::uint32_t window_width = 0;   // pixels, multiples of 64
  std::uint32_t window_height = 0;  // of a strip; a multiple of 64
  Workers workers;
  std::uint64_t memory_bytes = 0;  // estimate for the whole process
};

// Windows as large as the memory allows, so that halos cost little, but enough of them at once for
// all threads.
// Errors: kLimitExceeded naming the least memory the work needs and the limit.
Result<WorkPlan> PlanWork(const WorkRequest& request);

}  // namespace halfmoon
