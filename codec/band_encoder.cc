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

// Units of analysis for each pixel.
double AnalysisUnits(const EffortPlan& effort) {
  if (effort.search_steps > 0) return effort.search_steps;
  // A correction synthesises and analyses once more.
  return effort.correct ? 2 + kSynthesisUnits : 1;
}

// Calls f(map of a, map of b) for each kind of latent.
template <typename A, typename B, typename F>
void ForMaps(A& a, B& b, F f) {
  f(a.y, b.y);
  f(a.z, b.z);
  f(a.log_variance, b.log_variance);
  f(a.indices, b.indices);
}

// Copies width * height positions, from (x, y) to (to_x, to_y).
template <typename T>
void CopyPart(const LatentMap<T>& from, std::size_t x, std::size_t y, std::size_t width,
              std::size_t height, LatentMap<T>& to, std::size_t to_x, std::size_t to_y) {
  for (std::size_t row = 0; row < height; ++row) {
    std::copy_n(from.at(x, y + row), width * from.channels, to.at(to_x, to_y + row));
  }
}

class BandEncoder {
 public:
  BandEncoder(const EncodingModel& model, const BandEncodeOptions& o, const RowSource& source)
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
    latents_ = {};
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

  // Analyses one strip of a band into `latents_` and keeps the strip's alpha.
  Status Strip(const Rect& band, const Rect& strip) {
    const auto halo = static_cast<std::uint32_t>(model_.attributes().AnalysisOf(o_.effort).halo);
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
          HALFMOON_ASSIGN_OR_RETURN(
              const AnalysedLatents found,
              model_.Analyse(x, o_.q, o_.effort, o_.plan.workers.threads_each));
          MakeMaps(found, window.seen, band);
          const std::size_t height = PadUp(strip.bottom()) - strip.y,
                            width = window.right - window.x;
          ForMaps(found, latents_, [&](const auto& from, auto& to) {
            if (from.empty()) return;
            const std::size_t s = window.seen.width / from.width;  // pixels of a position
            CopyPart(from, (window.x - window.seen.x) / s, (strip.y - window.seen.y) / s, width / s,
                     height / s, to, window.x / s, (strip.y - band.y) / s);
          });
          // A search tells of its steps itself.
          if (o_.progress && o_.effort.search_steps == 0) {
            o_.progress->Add(AnalysisUnits(o_.effort) * window.seen.width * window.seen.height);
          }
          return Status::Ok();
        }));
    out_.analysis_seconds += watch.Lap();
    return Status::Ok();
  }

  // The first window of a band knows which maps there are, and their sizes.
  void MakeMaps(const AnalysedLatents& found, const Rect& seen, const Rect& band) {
    const std::lock_guard lock(mutex_);
    ForMaps(found, latents_, [&](const auto& from, auto& to) {
      if (from.empty() || !to.empty()) return;
      const std::size_t s = seen.width / from.width;
      to = {PadUp(band.width) / s, PadUp(band.height) / s, from.channels};
    });
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
    AnalysedLatents latents;
    ForMaps(latents_, latents, [&](const auto& from, auto& to) {
      if (from.empty()) return;
      const std::size_t s = PadUp(band.width) / from.width;
      to = {PadUp(tile.width) / s, PadUp(tile.height) / s, from.channels};
      CopyPart(from, tile.x / s, (tile.y - band.y) / s, to.width, to.height, to, 0, 0);
    });
    const std::size_t k = std::size_t{row} * grid_.columns() + column;
    TileStats stats;
    HALFMOON_ASSIGN_OR_RETURN(out_.latents[k],
                              model_.EncodeTile(latents, o_.q, o_.effort, threads, &stats));
    if (o_.shape.has_alpha()) {
      HALFMOON_ASSIGN_OR_RETURN(out_.alphas[k], EncodeAlpha(*alpha, tile.width, tile.height,
                                                            o_.shape.bit_depth > 8 ? 2 : 1));
      *alpha = {};
    }
    if (o_.progress) o_.progress->Add(kTilePixelUnits * tile.width * tile.height);
    const std::lock_guard lock(mutex_);
    out_.tiles += stats;
    return Status::Ok();
  }

  const EncodingModel& model_;
  const BandEncodeOptions& o_;
  TileGrid grid_;
  SlidingRows rows_;
  std::mutex mutex_;
  std::uint32_t band_row_ = 0;                    // first tile row of the band in work
  AnalysedLatents latents_;                       // of the band
  std::vector<std::vector<std::uint8_t>> alpha_;  // of its tiles
  TileStreams out_;
};

}  // namespace

double EncodeUnits(const EncodingModel& model, const BandEncodeOptions& o) {
  const auto halo = static_cast<std::uint32_t>(model.attributes().AnalysisOf(o.effort).halo);
  const TileGrid grid(o.shape.width, o.shape.height, o.tile_size);
  double pixels = 0;
  const Status status = ForBands(o, grid, [&](std::uint32_t row, std::uint32_t end) {
    return ForStrips(o, BandOf(o, grid, row, end), [&](const Rect& strip) {
      for (std::size_t i = 0; i < WindowsOfStrip(o); ++i) {
        const Rect seen = WindowOfStrip(o, strip, i, halo).seen;
        pixels += static_cast<double>(seen.width) * seen.height;
      }
      return Status::Ok();
    });
  });
  // Nothing in it fails.
  return status.ok() ? pixels * AnalysisUnits(o.effort) +
                           static_cast<double>(o.shape.pixels()) * kTilePixelUnits
                     : 0;
}

Result<TileStreams> EncodeBands(const EncodingModel& model, const BandEncodeOptions& options,
                                const RowSource& source) {
  return BandEncoder(model, options, source).Run();
}

}  // namespace halfmoon
