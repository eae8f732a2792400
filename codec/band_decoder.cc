#include "codec/band_decoder.h"

#include <algorithm>
#include <cstring>
#include <map>
#include <mutex>
#include <string>

#include "bitstream/alpha_plane.h"
#include "bitstream/checksum.h"
#include "codec/common/stopwatch.h"
#include "codec/tiling/window_pixels.h"

namespace halfmoon {
namespace {

// A tile between its decoding and its last use.
struct Tile {
  Rect rect;
  TileLatent latent;                // values empty: lost
  std::vector<std::uint8_t> alpha;  // high byte first; empty: none or lost
  bool lost = false;                // colour or alpha
};

std::uint32_t RoundDown(std::uint32_t v) { return v / kTileAlignment * kTileAlignment; }

class BandDecoder {
 public:
  BandDecoder(const PictureModel& model, const BandDecodeRequest& r, const RowSink& sink)
      : model_(model), r_(r), sink_(sink), grid_(r.shape.width, r.shape.height, r.tile_size) {
    XXH3_64bits_reset(&hash_);
  }

  Status Run(DecodeStats* stats) {
    const auto halo = static_cast<std::uint32_t>(model_.attributes().synthesis.halo);
    const std::uint32_t height = r_.plan.window_height;
    for (std::uint32_t y = RoundDown(r_.region.y); y < r_.region.bottom(); y += height) {
      const std::uint32_t bottom = std::min({y + height, PadUp(r_.region.bottom())});
      const std::uint32_t from = y - std::min(y, halo);
      const std::uint32_t to = std::min(bottom + halo, PadUp(r_.shape.height));
      HALFMOON_RETURN_IF_ERROR(NeedTiles(from, std::min(to, r_.shape.height)));
      if (r_.pixels) HALFMOON_RETURN_IF_ERROR(Strip(y, bottom, from, to));
    }
    s_.symbol_hash = XXH3_64bits_digest(&hash_);
    *stats = std::move(s_);
    return Status::Ok();
  }

  double Units() const {
    const auto halo = static_cast<std::uint32_t>(model_.attributes().synthesis.halo);
    const std::uint32_t top = RoundDown(r_.region.y);
    const std::uint32_t end = std::min(PadUp(r_.region.bottom()) + halo, r_.shape.height);
    const Rect first = grid_.tile(Columns().first, grid_.row_at(top - std::min(top, halo)));
    const Rect last = grid_.tile(Columns().last, grid_.row_at(end - 1));
    const double tiles = static_cast<double>(last.right() - first.x) * (last.bottom() - first.y);
    const double pixels = static_cast<double>(r_.region.width) * r_.region.height;
    return tiles * kTilePixelUnits + (r_.pixels ? pixels * kSynthesisUnits : 0);
  }

 private:
  struct TileColumns {
    std::uint32_t first, last;
  };
  // The columns of tiles that the region with its halo touches.
  TileColumns Columns() const {
    const auto halo = static_cast<std::uint32_t>(model_.attributes().synthesis.halo);
    const std::uint32_t left = RoundDown(r_.region.x);
    const std::uint32_t right = std::min(PadUp(r_.region.right()) + halo, r_.shape.width);
    return {grid_.column_at(left - std::min(left, halo)), grid_.column_at(right - 1)};
  }

  // Makes the tiles present that rows [from, to) and the region's columns with their halo touch,
  // and drops those above.
  Status NeedTiles(std::uint32_t from, std::uint32_t to) {
    const std::uint32_t first_row = grid_.row_at(from), last_row = grid_.row_at(to - 1);
    const auto [first, last] = Columns();
    tiles_.erase(tiles_.begin(), tiles_.lower_bound(std::uint64_t{first_row} * grid_.columns()));
    // One row of tiles at a time: their symbols are in memory until they are hashed.
    for (std::uint32_t row = std::max(first_row, next_row_); row <= last_row; ++row) {
      HALFMOON_RETURN_IF_ERROR(DecodeRow(row, first, last));
    }
    next_row_ = std::max(next_row_, last_row + 1);
    return Status::Ok();
  }

  Status DecodeRow(std::uint32_t row, std::uint32_t first, std::uint32_t last) {
    std::vector<Tile> decoded(last - first + 1);
    const int threads = r_.plan.workers.workers * r_.plan.workers.threads_each;
    Workers workers;
    workers.workers =
        static_cast<int>(std::min<std::size_t>(static_cast<std::size_t>(threads), decoded.size()));
    workers.threads_each = std::max(1, threads / workers.workers);
    HALFMOON_RETURN_IF_ERROR(ParallelFor(decoded.size(), workers, [&](std::size_t i) -> Status {
      return DecodeTile(first + static_cast<std::uint32_t>(i), row, workers.threads_each,
                        &decoded[i]);
    }));
    for (std::size_t i = 0; i < decoded.size(); ++i) {
      const std::uint64_t k = std::uint64_t{row} * grid_.columns() + first + i;
      std::vector<std::int32_t>& symbols = decoded[i].latent.symbols;
      XXH3_64bits_update(&hash_, symbols.data(), symbols.size() * sizeof(std::int32_t));
      symbols = {};
      if (decoded[i].lost) s_.lost_tiles.push_back(static_cast<std::uint32_t>(k));
      if (r_.pixels) tiles_.emplace(k, std::move(decoded[i]));
    }
    s_.tiles += decoded.size();
    return Status::Ok();
  }

  Status DecodeTile(std::uint32_t column, std::uint32_t row, int threads, Tile* tile) {
    const std::uint64_t k = std::uint64_t{row} * grid_.columns() + column;
    tile->rect = grid_.tile(column, row);
    TileStats stats;
    HALFMOON_RETURN_IF_ERROR(Keep(k, tile, DecodeColour(k, threads, tile, &stats)));
    if (r_.shape.has_alpha()) HALFMOON_RETURN_IF_ERROR(Keep(k, tile, DecodeTileAlpha(k, tile)));
    if (r_.progress) r_.progress->Add(kTilePixelUnits * tile->rect.width * tile->rect.height);
    const std::lock_guard lock(mutex_);
    s_.coding += stats;
    return Status::Ok();
  }

  // A failure as it is to be reported, or remembered when damage is allowed.
  Status Keep(std::uint64_t k, Tile* tile, const Status& status) const {
    if (status.ok()) return status;
    const bool damage =
        status.code() == StatusCode::kTruncated || status.code() == StatusCode::kCorrupt;
    if (!damage || !r_.allow_partial) {
      return grid_.count() > 1 ? status.WithContext("tile " + std::to_string(k)) : status;
    }
    tile->lost = true;
    return Status::Ok();
  }

  Status DecodeColour(std::uint64_t k, int threads, Tile* tile, TileStats* stats) const {
    if (r_.latents[k].data() == nullptr)
      return {StatusCode::kTruncated, "its latent chunk is lost"};
    const std::uint32_t height = PadUp(tile->rect.height), width = PadUp(tile->rect.width);
    auto latent = model_.DecodeTile({r_.latents[k], height, width, r_.q, r_.dependent, r_.stages},
                                    threads, stats);
    if (!latent.ok()) return latent.status();
    tile->latent = std::move(*latent);
    return Status::Ok();
  }

  Status DecodeTileAlpha(std::uint64_t k, Tile* tile) const {
    if (r_.alphas[k].data() == nullptr) return {StatusCode::kTruncated, "its alpha chunk is lost"};
    auto alpha = DecodeAlpha(r_.alphas[k], tile->rect.width, tile->rect.height,
                             r_.shape.bit_depth > 8 ? 2 : 1);
    if (!alpha.ok()) return alpha.status();
    if (r_.pixels) tile->alpha = std::move(*alpha);
    return Status::Ok();
  }

  // Rows [y, bottom) of the region, seen with rows [from, to) of latents.
  Status Strip(std::uint32_t y, std::uint32_t bottom, std::uint32_t from, std::uint32_t to) {
    Stopwatch watch;
    PictureShape part = r_.shape;
    part.width = r_.region.width;
    const std::uint32_t top = std::max(y, r_.region.y), end = std::min(bottom, r_.region.bottom());
    strip_.resize(part.row_bytes() * (end - top));
    const std::uint32_t left = RoundDown(r_.region.x);
    const std::uint32_t count = (r_.region.right() - left - 1) / r_.plan.window_width + 1;
    HALFMOON_RETURN_IF_ERROR(ParallelFor(count, r_.plan.workers, [&](std::size_t i) -> Status {
      const std::uint32_t x = left + static_cast<std::uint32_t>(i) * r_.plan.window_width;
      const std::uint32_t right = std::min(x + r_.plan.window_width, PadUp(r_.region.right()));
      return Window(part, {x, y, right - x, bottom - y}, from, to);
    }));
    if (r_.shape.has_alpha()) PutAlpha(part, top, end);
    BlankLost(part, top, end);
    s_.synthesis_seconds += watch.Lap();
    for (std::uint32_t row = top; row < end; ++row) {
      HALFMOON_RETURN_IF_ERROR(
          sink_({strip_.data() + (row - top) * part.row_bytes(), part.row_bytes()}));
    }
    return Status::Ok();
  }

  Status Window(const PictureShape& part, const Rect& inner, std::uint32_t from, std::uint32_t to) {
    const auto halo = static_cast<std::uint32_t>(model_.attributes().synthesis.halo);
    const std::uint32_t x0 = inner.x - std::min(inner.x, halo);
    const std::uint32_t x1 = std::min(inner.right() + halo, PadUp(r_.shape.width));
    HALFMOON_ASSIGN_OR_RETURN(const FloatPicture x,
                              model_.Synthesise(Gather({x0, from, x1 - x0, to - from}), r_.q,
                                                to - from, x1 - x0, r_.plan.workers.threads_each));
    // What of the window lies in the region.
    const std::uint32_t left = std::max(inner.x, r_.region.x), top = std::max(inner.y, r_.region.y);
    const std::uint32_t right = std::min(inner.right(), r_.region.right());
    const std::uint32_t bottom = std::min(inner.bottom(), r_.region.bottom());
    SamplesFromFloats(x, {left - x0, top - from, right - left, bottom - top}, r_.shape,
                      part.row_bytes(),
                      strip_.data() + (left - r_.region.x) * part.bytes_per_pixel());
    if (r_.progress) r_.progress->Add(kSynthesisUnits * (right - left) * (bottom - top));
    return Status::Ok();
  }

  // The latent values of a window, from all tiles it touches; 0 where one is lost.
  std::vector<std::int32_t> Gather(const Rect& window) const {
    const auto s = static_cast<std::uint32_t>(model_.attributes().stride);
    const auto channels = static_cast<std::size_t>(model_.attributes().channels);
    const std::size_t row_values = window.width / s * channels;
    std::vector<std::int32_t> values(window.height / s * row_values, 0);
    for (const auto& [k, tile] : tiles_) {
      if (tile.latent.values.empty()) continue;
      const std::uint32_t x0 = std::max(window.x, tile.rect.x),
                          y0 = std::max(window.y, tile.rect.y);
      const std::uint32_t x1 = std::min(window.right(), tile.rect.x + PadUp(tile.rect.width));
      const std::uint32_t y1 = std::min(window.bottom(), tile.rect.y + PadUp(tile.rect.height));
      if (x0 >= x1) continue;
      const std::size_t tile_row = PadUp(tile.rect.width) / s * channels;
      for (std::uint32_t y = y0; y < y1; y += s) {
        const std::int32_t* in = tile.latent.values.data() + (y - tile.rect.y) / s * tile_row +
                                 (x0 - tile.rect.x) / s * channels;
        std::copy_n(
            in, (x1 - x0) / s * channels,
            values.data() + (y - window.y) / s * row_values + (x0 - window.x) / s * channels);
      }
    }
    return values;
  }

  // Calls f(tile, x, y, width) for every run of a tile's pixels in rows [top, end) of the region.
  template <typename F>
  void ForRuns(std::uint32_t top, std::uint32_t end, F f) {
    for (const auto& [k, tile] : tiles_) {
      const std::uint32_t x0 = std::max(tile.rect.x, r_.region.x);
      const std::uint32_t x1 = std::min(tile.rect.right(), r_.region.right());
      if (x0 >= x1) continue;
      for (std::uint32_t y = std::max(top, tile.rect.y); y < std::min(end, tile.rect.bottom());
           ++y) {
        f(tile, x0, y, x1 - x0);
      }
    }
  }

  void PutAlpha(const PictureShape& part, std::uint32_t top, std::uint32_t end) {
    const std::size_t pixel = part.bytes_per_pixel(), sample = part.bit_depth > 8 ? 2 : 1;
    ForRuns(top, end, [&](const Tile& tile, std::uint32_t x, std::uint32_t y, std::uint32_t width) {
      std::uint8_t* out = strip_.data() + (y - top) * part.row_bytes() +
                          (x - r_.region.x + std::size_t{1}) * pixel - sample;
      const std::uint8_t* in =
          tile.alpha.empty()
              ? nullptr
              : tile.alpha.data() +
                    (std::size_t{y - tile.rect.y} * tile.rect.width + (x - tile.rect.x)) * sample;
      for (std::uint32_t i = 0; i < width; ++i, out += pixel) {
        if (in == nullptr) {  // lost: opaque
          std::memset(out, 0xFF, sample);
        } else if (sample == 1) {
          *out = *in++;
        } else {
          const auto value = static_cast<std::uint16_t>(in[0] << 8 | in[1]);
          std::memcpy(out, &value, sizeof(value));
          in += 2;
        }
      }
    });
  }

  // Mid-grey where the colour is lost: whatever a model makes of latents of 0, it is no picture.
  void BlankLost(const PictureShape& part, std::uint32_t top, std::uint32_t end) {
    const std::size_t pixel = part.bytes_per_pixel(), sample = part.bit_depth > 8 ? 2 : 1;
    const std::size_t colour = (part.is_grey() ? 1 : 3) * sample;
    ForRuns(top, end, [&](const Tile& tile, std::uint32_t x, std::uint32_t y, std::uint32_t width) {
      if (!tile.latent.values.empty()) return;
      std::uint8_t* out = strip_.data() + (y - top) * part.row_bytes() + (x - r_.region.x) * pixel;
      for (std::uint32_t i = 0; i < width; ++i, out += pixel) std::memset(out, 0x80, colour);
    });
  }

  const PictureModel& model_;
  const BandDecodeRequest& r_;
  const RowSink& sink_;
  TileGrid grid_;
  std::map<std::uint64_t, Tile> tiles_;  // by number
  std::uint32_t next_row_ = 0;           // of tiles, not decoded yet
  std::vector<std::uint8_t> strip_;
  std::mutex mutex_;
  XXH3_state_t hash_;
  DecodeStats s_;
};

}  // namespace

double DecodeUnits(const PictureModel& model, const BandDecodeRequest& request) {
  return BandDecoder(model, request, {}).Units();
}

Status DecodeBands(const PictureModel& model, const BandDecodeRequest& request, const RowSink& sink,
                   DecodeStats* stats) {
  return BandDecoder(model, request, sink).Run(stats);
}

}  // namespace halfmoon
