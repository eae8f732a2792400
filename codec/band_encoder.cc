#include "codec/band_encoder.h"

#include <mutex>

#include "bitstream/alpha_plane.h"
#include "codec/common/stopwatch.h"
#include "codec/tiling/window_pixels.h"

namespace halfmoon {
namespace {

// The rows that a strip and its halo need, a window that slides down the picture.
class SlidingRows {
 public:
  SlidingRows(const PictureShape& shape, const RowSource& source) : source_(source) {
    rows_.shape = shape;
  }

  // Makes rows [first, end) present; rows above `first` are dropped.
  Status Advance(std::uint32_t first, std::uint32_t end) {
    const std::size_t row_bytes = rows_.shape.row_bytes();
    const std::uint32_t drop = std::min(first - rows_.first, rows_.count);
    buffer_.erase(buffer_.begin(), buffer_.begin() + static_cast<std::ptrdiff_t>(drop * row_bytes));
    rows_.first += drop;
    rows_.count -= drop;
    const std::uint32_t have = rows_.first + rows_.count;
    if (end > have) buffer_.resize((end - rows_.first) * row_bytes);
    for (std::uint32_t y = have; y < end; ++y) {
      HALFMOON_RETURN_IF_ERROR(
          source_({buffer_.data() + (y - rows_.first) * row_bytes, row_bytes}));
      ++rows_.count;
    }
    rows_.data = buffer_.data();
    return Status::Ok();
  }

  const PictureRows& rows() const { return rows_; }

 private:
  const RowSource& source_;
  PictureRows rows_;
  std::vector<std::uint8_t> buffer_;
};

// The windows of a strip: where their latents belong, and what of the picture they see.
struct AnalysisWindow {
  std::uint32_t x = 0, right = 0;  // without halo
  Rect seen;                       // with it, as far as the padded picture goes
};

AnalysisWindow WindowOfStrip(const BandEncodeOptions& o, const Rect& strip, std::size_t column,
                             std::uint32_t halo) {
  const std::uint32_t padded_w = PadUp(o.shape.width), padded_h = PadUp(o.shape.height);
  const std::uint32_t from = strip.y - std::min(strip.y, halo);
  const std::uint32_t to = std::min(PadUp(strip.bottom()) + halo, padded_h);
  AnalysisWindow w;
  w.x = static_cast<std::uint32_t>(column) * o.plan.window_width;
  w.right = std::min(w.x + o.plan.window_width, padded_w);
  const std::uint32_t left = w.x - std::min(w.x, halo);
  w.seen = {left, from, std::min(w.right + halo, padded_w) - left, to - from};
  return w;
}

std::uint32_t WindowsOfStrip(const BandEncodeOptions& o) {
  return (o.shape.width + o.plan.window_width - 1) / o.plan.window_width;
}

// Calls `visit` with every band (tile rows [row, end)), in order.
template <typename Visit>
Status ForBands(const BandEncodeOptions& o, const TileGrid& grid, Visit visit) {
  const std::uint32_t rows_per_band = std::max(1u, o.plan.window_height / grid.tile_height());
  for (std::uint32_t row = 0; row < grid.rows(); row += rows_per_band) {
    HALFMOON_RETURN_IF_ERROR(visit(row, std::min(grid.rows(), row + rows_per_band)));
  }
  return Status::Ok();
}

Rect BandOf(const BandEncodeOptions& o, const TileGrid& grid, std::uint32_t row,
            std::uint32_t end) {
  const std::uint32_t top = row * grid.tile_height();
  return {0, top, o.shape.width, grid.tile(0, end - 1).bottom() - top};
}

// Calls `visit` with every strip of a band, in order.
template <typename Visit>
Status ForStrips(const BandEncodeOptions& o, const Rect& band, Visit visit) {
  for (std::uint32_t y = band.y; y < band.bottom(); y += o.plan.window_height) {
    HALFMOON_RETURN_IF_ERROR(
        visit(Rect{0, y, band.width, std::min(o.plan.window_height, band.bottom() - y)}));
  }
  return Status::Ok();
}

class BandEncoder {
 public:
  BandEncoder(const PictureModel& model, const BandEncodeOptions& o, const RowSource& source)
      : model_(model),
        o_(o),
        grid_(o.shape.width, o.shape.height, o.tile_size),
        rows_(o.shape, source) {
    out_.latents.resize(grid_.count());
    if (o.shape.has_alpha()) out_.alphas.resize(grid_.count());
  }

  Result<TileStreams> Run() {
    HALFMOON_RETURN_IF_ERROR(ForBands(
        o_, grid_, [&](std::uint32_t row, std::uint32_t end) { return EncodeBand(row, end); }));
    return std::move(out_);
  }

 private:
  // Tile rows [row, end).
  Status EncodeBand(std::uint32_t row, std::uint32_t end) {
    const Rect band = BandOf(o_, grid_, row, end);
    band_row_ = row;
    latent_ = {};
    alpha_.assign(std::size_t{grid_.columns()} * (end - row), {});
    HALFMOON_RETURN_IF_ERROR(
        ForStrips(o_, band, [&](const Rect& strip) { return Strip(band, strip); }));
    // The prior spreads over threads of its own only where there are fewer tiles than those.
    Workers workers = o_.plan.workers;
    const int threads = workers.workers * workers.threads_each;
    const std::size_t count = alpha_.size();
    workers.workers =
        static_cast<int>(std::min<std::size_t>(static_cast<std::size_t>(threads), count));
    workers.threads_each = std::max(1, threads / workers.workers);
    return ParallelFor(count, workers, [&](std::size_t i) -> Status {
      const auto column = static_cast<std::uint32_t>(i % grid_.columns());
      const auto tile_row = static_cast<std::uint32_t>(row + i / grid_.columns());
      return EncodeTile(band, column, tile_row, workers.threads_each, &alpha_[i]);
    });
  }

  // Analyses one strip of a band into `latent_` and keeps the strip's alpha.
  Status Strip(const Rect& band, const Rect& strip) {
    const ModelGeometry& g = model_.geometry();
    const auto halo = static_cast<std::uint32_t>(g.analysis_halo);
    const Rect seen = WindowOfStrip(o_, strip, 0, halo).seen;
    HALFMOON_RETURN_IF_ERROR(rows_.Advance(seen.y, std::min(seen.bottom(), o_.shape.height)));
    if (o_.shape.has_alpha()) KeepAlpha(strip);

    Stopwatch watch;
    HALFMOON_RETURN_IF_ERROR(
        ParallelFor(WindowsOfStrip(o_), o_.plan.workers, [&](std::size_t i) -> Status {
          const AnalysisWindow window = WindowOfStrip(o_, strip, i, halo);
          FloatPicture x = FloatsFromRows(rows_.rows(), window.seen, !o_.exact_transparent);
          x.cut = {window.seen.x > 0, window.seen.y > 0,
                   window.seen.right() < PadUp(o_.shape.width),
                   window.seen.bottom() < PadUp(o_.shape.height)};
          HALFMOON_ASSIGN_OR_RETURN(const FloatLatent y,
                                    model_.Analyse(x, o_.q, o_.plan.workers.threads_each));
          const auto s = static_cast<std::uint32_t>(g.stride);
          const std::size_t h = (PadUp(strip.bottom()) - strip.y) / s,
                            w = (window.right - window.x) / s;
          FloatLatent& canvas = Canvas(band, y.channels);
          for (std::size_t row = 0; row < h; ++row) {
            std::copy_n(y.at((window.x - window.seen.x) / s, (strip.y - window.seen.y) / s + row),
                        w * y.channels, canvas.at(window.x / s, (strip.y - band.y) / s + row));
          }
          if (o_.progress) {
            o_.progress->Add(o_.window_units * window.seen.width * window.seen.height);
          }
          return Status::Ok();
        }));
    out_.analysis_seconds += watch.Lap();
    return Status::Ok();
  }

  // The latent of the whole band; made by the first window, which knows the channels.
  FloatLatent& Canvas(const Rect& band, std::size_t channels) {
    const std::lock_guard lock(mutex_);
    if (latent_.values.empty()) {
      const auto s = static_cast<std::uint32_t>(model_.geometry().stride);
      latent_ = FloatLatent(PadUp(band.width) / s, PadUp(band.height) / s, channels);
    }
    return latent_;
  }

  void KeepAlpha(const Rect& strip) {
    for (std::uint32_t row = grid_.row_at(strip.y); row <= grid_.row_at(strip.bottom() - 1);
         ++row) {
      for (std::uint32_t column = 0; column < grid_.columns(); ++column) {
        Rect part = grid_.tile(column, row);
        const std::uint32_t bottom = std::min(part.bottom(), strip.bottom());
        part.y = std::max(part.y, strip.y);
        part.height = bottom - part.y;
        AppendAlpha(rows_.rows(), part, &alpha_[(row - band_row_) * grid_.columns() + column]);
      }
    }
  }

  Status EncodeTile(const Rect& band, std::uint32_t column, std::uint32_t row, int threads,
                    std::vector<std::uint8_t>* alpha) {
    const Rect tile = grid_.tile(column, row);
    const auto s = static_cast<std::uint32_t>(model_.geometry().stride);
    FloatLatent y(PadUp(tile.width) / s, PadUp(tile.height) / s, latent_.channels);
    for (std::size_t i = 0; i < y.height; ++i) {
      std::copy_n(latent_.at(tile.x / s, (tile.y - band.y) / s + i), y.width * y.channels,
                  y.at(0, i));
    }
    const std::size_t k = std::size_t{row} * grid_.columns() + column;
    TileStats stats;
    HALFMOON_ASSIGN_OR_RETURN(out_.latents[k], model_.EncodeTile(y, o_.q, threads, &stats));
    if (o_.shape.has_alpha()) {
      HALFMOON_ASSIGN_OR_RETURN(out_.alphas[k], EncodeAlpha(*alpha, tile.width, tile.height,
                                                            o_.shape.bit_depth > 8 ? 2 : 1));
      *alpha = {};
    }
    if (o_.progress) o_.progress->Add(kTilePixelUnits * tile.width * tile.height);
    const std::lock_guard lock(mutex_);
    out_.tiles.transform_seconds += stats.transform_seconds;
    out_.tiles.prior_seconds += stats.prior_seconds;
    out_.tiles.entropy_seconds += stats.entropy_seconds;
    out_.tiles.estimated_bits += stats.estimated_bits;
    out_.tiles.symbols += stats.symbols;
    out_.tiles.kl_bits += stats.kl_bits;
    out_.tiles.expected_excess_bits += stats.expected_excess_bits;
    return Status::Ok();
  }

  const PictureModel& model_;
  const BandEncodeOptions& o_;
  TileGrid grid_;
  SlidingRows rows_;
  std::mutex mutex_;
  std::uint32_t band_row_ = 0;                    // first tile row of the band in work
  FloatLatent latent_;                            // of the band
  std::vector<std::vector<std::uint8_t>> alpha_;  // of its tiles
  TileStreams out_;
};

}  // namespace

std::uint64_t AnalysedPixels(const BandEncodeOptions& o, int halo) {
  const TileGrid grid(o.shape.width, o.shape.height, o.tile_size);
  std::uint64_t pixels = 0;
  const Status status = ForBands(o, grid, [&](std::uint32_t row, std::uint32_t end) {
    return ForStrips(o, BandOf(o, grid, row, end), [&](const Rect& strip) {
      for (std::size_t i = 0; i < WindowsOfStrip(o); ++i) {
        const Rect seen = WindowOfStrip(o, strip, i, static_cast<std::uint32_t>(halo)).seen;
        pixels += std::uint64_t{seen.width} * seen.height;
      }
      return Status::Ok();
    });
  });
  return status.ok() ? pixels : 0;  // nothing in it fails
}

Result<TileStreams> EncodeBands(const PictureModel& model, const BandEncodeOptions& options,
                                const RowSource& source) {
  return BandEncoder(model, options, source).Run();
}

}  // namespace halfmoon
