// How a picture is cut into windows for the networks, and what memory that takes. Plain numbers;
// must not include LibTorch.
#pragma once

#include <cstdint>

#include "codec/common/workers.h"
#include "codec/tiling/tile_grid.h"
#include "halfmoon/image.h"
#include "halfmoon/status.h"

namespace halfmoon {

// What the plan depends on.
struct WorkRequest {
  PictureShape shape;  // of the whole picture
  Rect region;         // of it to be decoded; the whole picture when encoding
  std::uint32_t tile_size = 0;
  int stride = 16, channels = 0;  // of the model's latent
  int halo = 0;                   // of analysis or synthesis, pixels
  double network_bytes_per_pixel = 0;
  double tile_bytes_per_pixel = 0;      // of each tile in work, beside its symbols
  std::uint32_t largest_window = 2048;  // pixels, without halo
  bool window_per_thread = false;  // so many windows side by side that each has a thread of its own
  std::uint64_t window_budget = std::uint64_t{1}
                                << 30;  // bytes that windows may take when there is no limit
  std::uint64_t resident_bytes = 0;     // of the process with the model
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
