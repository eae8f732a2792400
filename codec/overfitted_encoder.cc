#include "codec/overfitted_encoder.h"

#include <algorithm>
#include <cmath>
#include <mutex>
#include <string>

#include "bitstream/alpha_plane.h"
#include "codec/common/stopwatch.h"
#include "codec/families/overfitted_model.h"
#include "codec/tiling/window_pixels.h"
#include "models/overfitted/fitting.h"
#include "models/overfitted/integer_decoder.h"
#include "models/overfitted/network_coder.h"

namespace halfmoon {
namespace {

using overfitted::kGrids;
using overfitted::LatentGrids;

// What a fitting holds, bytes per pixel: 51 planes of floats at full size or what comes to that
// (latents and their moments 8, those of the best beginning 4, features and gradients 15, colours
// 18, upsampling 6), and the picture twice.
constexpr double kBytesPerPixel = 4 * (8 + 4 + 15 + 18 + 6) + 2 * 12;

// The whole picture, padded.
Result<FloatPicture> ReadPicture(const OverfittedOptions& o, const RowSource& source,
                                 std::vector<std::vector<std::uint8_t>>* alphas) {
  std::vector<std::uint8_t> samples(o.shape.height * o.shape.row_bytes());
  for (std::uint32_t y = 0; y < o.shape.height; ++y) {
    HALFMOON_RETURN_IF_ERROR(
        source({samples.data() + y * o.shape.row_bytes(), o.shape.row_bytes()}));
  }
  const PictureRows rows = {o.shape, 0, o.shape.height, samples.data()};
  const Rect whole = {0, 0, PadUp(o.shape.width), PadUp(o.shape.height)};
  if (o.shape.has_alpha()) {
    const TileGrid grid(o.shape.width, o.shape.height, o.tile_size);
    for (std::uint64_t k = 0; k < grid.count(); ++k) {
      const Rect tile = grid.tile(static_cast<std::uint32_t>(k % grid.columns()),
                                  static_cast<std::uint32_t>(k / grid.columns()));
      std::vector<std::uint8_t> alpha;
      AppendAlpha(rows, tile, &alpha);
      HALFMOON_ASSIGN_OR_RETURN(
          alpha, EncodeAlpha(alpha, tile.width, tile.height, o.shape.bit_depth > 8 ? 2 : 1));
      alphas->push_back(std::move(alpha));
    }
  }
  return FloatsFromRows(rows, whole, !o.exact_transparent);
}

// The latents of a tile.
LatentGrids Cut(const LatentGrids& grids, const Rect& tile) {
  LatentGrids part(static_cast<int>(PadUp(tile.width)), static_cast<int>(PadUp(tile.height)));
  for (int g = 0; g < kGrids; ++g) {
    auto& to = part.planes[static_cast<std::size_t>(g)];
    for (int y = 0; y < to.height(); ++y) {
      const auto& from = grids.planes[static_cast<std::size_t>(g)];
      to.SetRow(y, from.row(static_cast<int>(tile.y >> g) + y) + (tile.x >> g));
    }
  }
  return part;
}

}  // namespace

double OverfittedLambda(double quality) {
  constexpr double kLeast = 4e-4, kMost = 0.25;  // recipes of ae-photo
  return kLeast * std::pow(kMost / kLeast, quality / 100);
}

Result<OverfittedStreams> EncodeOverfitted(const OverfittedOptions& o, const RowSource& source) {
  OverfittedStreams out;
  const auto width = static_cast<int>(PadUp(o.shape.width));
  const auto height = static_cast<int>(PadUp(o.shape.height));
  out.memory_bytes =
      o.held + o.shape.height * std::uint64_t{o.shape.row_bytes()} +
      static_cast<std::uint64_t>(kBytesPerPixel * static_cast<double>(width) * height);
  if (o.max_memory != 0 && out.memory_bytes > o.max_memory) {
    const auto mega_bytes = [](std::uint64_t bytes) {
      return std::to_string((bytes + 999'999) / 1'000'000) + " MB";
    };
    return Status(StatusCode::kLimitExceeded,
                  "the overfitted codec needs about " + mega_bytes(out.memory_bytes) +
                      " of memory for this picture, the limit is set to " +
                      mega_bytes(o.max_memory) +
                      "; raise the memory limit, or choose model ae-photo");
  }

  Stopwatch watch;
  overfitted::FitOptions options;
  HALFMOON_ASSIGN_OR_RETURN(options.isa, runtime::ChooseIsa(std::nullopt));
  options.lambda = OverfittedLambda(o.quality);
  options.iterations = o.iterations;
  options.visible_width = static_cast<int>(o.shape.width);
  options.visible_height = static_cast<int>(o.shape.height);
  HALFMOON_ASSIGN_OR_RETURN(const FloatPicture picture, ReadPicture(o, source, &out.tiles.alphas));
  const overfitted::Parallel parallel = OverfittedThreads(o.threads);
  overfitted::Fitting fitting(width, height, picture.samples, options);
  const auto pixels = static_cast<double>(o.shape.pixels());
  while (fitting.iteration() < options.iterations) {
    fitting.Step(parallel);
    if (o.progress != nullptr) o.progress->Add(kOverfittedUnits * pixels);
  }
  HALFMOON_ASSIGN_OR_RETURN(const overfitted::Fitting::Fitted fitted, fitting.Finish(parallel));
  HALFMOON_ASSIGN_OR_RETURN(out.networks, overfitted::WriteNetworks(fitted.networks));
  out.tiles.analysis_seconds = watch.Lap();

  HALFMOON_ASSIGN_OR_RETURN(const overfitted::IntegerDecoder decoder,
                            overfitted::IntegerDecoder::Create(fitted.networks, options.isa));
  const TileGrid grid(o.shape.width, o.shape.height, o.tile_size);
  out.tiles.latents.resize(grid.count());
  out.tiles.tiles.estimated_bits = 8 * static_cast<double>(out.networks.size());
  std::mutex mutex;  // guards the sums
  HALFMOON_RETURN_IF_ERROR(ParallelFor(grid.count(), {o.threads, 1}, [&](std::size_t k) -> Status {
    const Rect tile = grid.tile(static_cast<std::uint32_t>(k % grid.columns()),
                                static_cast<std::uint32_t>(k / grid.columns()));
    const LatentGrids part = Cut(fitted.grids, tile);
    double bits = 0;
    HALFMOON_ASSIGN_OR_RETURN(out.tiles.latents[k], decoder.Encode(part, &bits));
    if (o.progress != nullptr)
      o.progress->Add(kTilePixelUnits * static_cast<double>(tile.width) * tile.height);
    const std::lock_guard lock(mutex);
    out.tiles.tiles.estimated_bits += bits;
    out.tiles.tiles.symbols += overfitted::LatentCount(part.width, part.height);
    return Status::Ok();
  }));
  out.tiles.tiles.entropy_seconds = watch.Lap();
  return out;
}

}  // namespace halfmoon
