#include "codec/tiling/work_plan.h"

#include <algorithm>
#include <string>

namespace halfmoon {
namespace {

// Sides to choose from. Halos of 112 pixels (ae-photo's analysis) add 23, 49 and 107 % to the work,
// those of 144 (its synthesis) 30, 64 and 144 %.
constexpr std::uint32_t kSides[] = {2048, 1024, 512};
// Windows are not cut narrower than this for threads' sake: halos would be most of the work.
constexpr std::uint32_t kNarrowest = 256;
// Allocators keep freed pieces; estimates are raised by that part. With it the estimates lie above
// what was measured (docs/history/measurements.md).
constexpr double kSlack = 1.3;

std::uint64_t Ceil(std::uint64_t a, std::uint64_t b) { return (a + b - 1) / b; }

struct Estimate {
  std::uint64_t fixed = 0;   // rows, latents, model
  std::uint64_t window = 0;  // one worker
};

Estimate EstimateMemory(const WorkRequest& r, std::uint32_t w, std::uint32_t h) {
  const TileGrid grid(r.shape.width, r.shape.height, r.tile_size);
  const auto halo = static_cast<std::uint64_t>(r.needs.halo);
  const std::uint64_t window_w = std::min<std::uint64_t>(w + 2 * halo, PadUp(r.shape.width));
  const std::uint64_t window_h = std::min<std::uint64_t>(h + 2 * halo, PadUp(r.shape.height));
  const std::uint64_t tile_h = PadUp(grid.tile_height()), tile_w = PadUp(grid.tile_width());
  const double latent = 4.0 * r.channels / (static_cast<double>(r.stride) * r.stride);

  Estimate e;
  // Tiles that are alive together: those of a strip with its halo, whole tiles.
  const std::uint64_t columns =
      r.encode
          ? r.shape.width
          : std::min<std::uint64_t>(PadUp(r.shape.width), r.region.width + 2 * (halo + tile_w));
  const std::uint64_t rows =
      std::min<std::uint64_t>(PadUp(r.shape.height), r.encode ? std::max<std::uint64_t>(h, tile_h)
                                                              : h + 2 * (halo + tile_h));
  const std::uint64_t samples = r.shape.row_bytes() / r.shape.width;
  double fixed = static_cast<double>(columns) * static_cast<double>(rows) * latent;
  // The symbols of tiles in work: latent, features, the coder's entries, and of one pass (a
  // quarter) residuals, symbols, values, means and table indexes.
  fixed += (3.5 * latent + r.needs.tile_bytes_per_pixel) * static_cast<double>(tile_w) *
           static_cast<double>(tile_h) *
           std::min<double>(r.threads, static_cast<double>(grid.count()));
  fixed += static_cast<double>(r.encode ? r.shape.row_bytes() * (h + 2 * halo)
                                        : samples * r.region.width * h);
  if (r.shape.has_alpha()) fixed += 4.0 * static_cast<double>(columns) * static_cast<double>(rows);
  e.fixed = r.resident_bytes + static_cast<std::uint64_t>(kSlack * fixed);
  e.window =
      static_cast<std::uint64_t>(kSlack * r.needs.bytes_per_pixel * static_cast<double>(window_w) *
                                 static_cast<double>(window_h));
  return e;
}

// The width of windows that share a strip evenly: as many rounds of `workers` at once, but no
// worker without a window in the last one.
std::uint32_t EvenWidth(std::uint32_t strip, std::uint32_t widest, int workers) {
  const auto at_once = static_cast<std::uint64_t>(workers);
  const std::uint64_t rounds = Ceil(Ceil(strip, widest), at_once);
  const auto share = PadUp(static_cast<std::uint32_t>(Ceil(strip, rounds * at_once)));
  return std::min(widest, std::max(kNarrowest, share));
}

std::string MegaBytes(std::uint64_t bytes) { return std::to_string(Ceil(bytes, 1000000)) + " MB"; }

}  // namespace

Result<WorkPlan> PlanWork(const WorkRequest& r) {
  WorkPlan plan;
  const std::uint32_t region_w =
      PadUp(r.region.width + kTileAlignment);  // may begin between two 64s
  const std::uint32_t region_h = PadUp(r.region.height + kTileAlignment);
  std::uint64_t least = 0;
  for (const std::uint32_t side : kSides) {
    if (side > r.needs.largest_window) continue;
    std::uint32_t w = std::min(side, region_w);
    if (r.needs.window_per_thread) {
      const auto share =
          static_cast<std::uint32_t>(Ceil(r.region.width, static_cast<std::uint64_t>(r.threads)));
      w = std::min(w, std::max(kNarrowest, PadUp(share)));
    }
    const std::uint32_t h = std::min(side, region_h);
    const Estimate e = EstimateMemory(r, w, h);
    least = e.fixed + e.window;
    std::uint64_t budget = std::max(r.needs.window_budget, e.window);
    if (r.max_memory != 0) {
      if (least > r.max_memory) continue;
      budget = std::min(budget, r.max_memory - e.fixed);
    }
    const std::uint64_t windows =
        Ceil(r.region.width, w) * Ceil(r.region.height, h);  // of them one strip at a time
    const std::uint64_t in_strip = Ceil(r.region.width, w);
    const std::uint64_t wanted =
        std::min<std::uint64_t>(static_cast<std::uint64_t>(r.threads), std::min(windows, in_strip));
    const std::uint64_t fit = std::clamp<std::uint64_t>(budget / e.window, 1, wanted);
    if (plan.window_width == 0 || static_cast<int>(fit) > plan.workers.workers) {
      plan.window_width = EvenWidth(r.region.width, w, static_cast<int>(fit));
      plan.window_height = h;
      plan.workers.workers = static_cast<int>(fit);
      plan.workers.threads_each = std::max(1, r.threads / plan.workers.workers);
      plan.memory_bytes = e.fixed + fit * e.window;
    }
    // Smaller windows only when threads would be idle for want of memory.
    if (fit >= wanted) break;
  }
  if (plan.window_width == 0) {
    return Status(StatusCode::kLimitExceeded,
                  "the work needs about " + MegaBytes(least) + " of memory, the limit is set to " +
                      MegaBytes(r.max_memory) + "; raise the memory limit" +
                      (r.encode ? ", or use smaller tiles" : ", or decode a smaller region"));
  }
  return plan;
}

}  // namespace halfmoon
