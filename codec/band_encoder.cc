#include "codec/band_encoder.h"

#include <cstring>
#include <mutex>

#include "bitstream/alpha_plane.h"
#include "codec/stopwatch.h"
#include "codec/window_pixels.h"

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

// The alpha samples of a tile's part of some rows, high byte first, appended.
void AppendAlpha(const PictureRows& rows, const Rect& part, std::vector<std::uint8_t>* alpha) {
  const std::size_t pixel = rows.shape.bytes_per_pixel();
  const std::size_t sample = rows.shape.bit_depth > 8 ? 2 : 1;
  for (std::uint32_t y = part.y; y < part.bottom(); ++y) {
    const std::uint8_t* in = rows.row(y) + part.x * pixel + pixel - sample;
    for (std::uint32_t x = 0; x < part.width; ++x, in += pixel) {
      if (sample == 1) {
        alpha->push_back(*in);
      } else {
        std::uint16_t value;
        std::memcpy(&value, in, sizeof(value));
        alpha->push_back(static_cast<std::uint8_t>(value >> 8));
        alpha->push_back(static_cast<std::uint8_t>(value));
      }
    }
  }
}

class BandEncoder {
 public:
  BandEncoder(const PictureModel& model, const BandEncodeOptions& o, const RowSource& source)
      : model_(model), o_(o), grid_(o.shape.width, o.shape.height, o.tile_size), rows_(o.shape, source) {
    out_.latents.resize(grid_.count());
    if (o.shape.has_alpha()) out_.alphas.resize(grid_.count());
  }

  Result<TileStreams> Run() {
    const std::uint32_t rows_per_band = std::max(1u, o_.plan.window_height / grid_.tile_height());
    for (std::uint32_t row = 0; row < grid_.rows(); row += rows_per_band) {
      const std::uint32_t end = std::min(grid_.rows(), row + rows_per_band);
      HALFMOON_RETURN_IF_ERROR(EncodeBand(row, end));
    }
    return std::move(out_);
  }

 private:
  // Tile rows [row, end).
  Status EncodeBand(std::uint32_t row, std::uint32_t end) {
    const Rect last = grid_.tile(0, end - 1);
    const Rect band{0, row * grid_.tile_height(), o_.shape.width,
                    last.bottom() - row * grid_.tile_height()};
    band_row_ = row;
    latent_ = {};
    alpha_.assign(grid_.columns() * (end - row), {});
    for (std::uint32_t y = band.y; y < band.bottom(); y += o_.plan.window_height) {
      HALFMOON_RETURN_IF_ERROR(Strip(
          band, {0, y, band.width, std::min(o_.plan.window_height, band.bottom() - y)}));
    }
    // The prior spreads over threads of its own only where there are fewer tiles than those.
    Workers workers = o_.plan.workers;
    const int threads = workers.workers * workers.threads_each;
    const std::size_t count = alpha_.size();
    workers.workers = static_cast<int>(std::min<std::size_t>(static_cast<std::size_t>(threads), count));
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
    const std::uint32_t padded_w = PadUp(o_.shape.width), padded_h = PadUp(o_.shape.height);
    const std::uint32_t from = strip.y - std::min(strip.y, halo);
    const std::uint32_t to = std::min(PadUp(strip.bottom()) + halo, padded_h);
    HALFMOON_RETURN_IF_ERROR(rows_.Advance(from, std::min(to, o_.shape.height)));
    if (o_.shape.has_alpha()) KeepAlpha(strip);

    Stopwatch watch;
    const std::uint32_t columns = (band.width + o_.plan.window_width - 1) / o_.plan.window_width;
    HALFMOON_RETURN_IF_ERROR(
        ParallelFor(columns, o_.plan.workers, [&](std::size_t i) -> Status {
          const std::uint32_t x = static_cast<std::uint32_t>(i) * o_.plan.window_width;
          const std::uint32_t right = std::min(x + o_.plan.window_width, padded_w);
          const std::uint32_t left_halo = std::min(x, halo);
          const Rect window{x - left_halo, from, std::min(right + halo, padded_w) - (x - left_halo),
                            to - from};
          HALFMOON_ASSIGN_OR_RETURN(
              const FloatLatent y,
              model_.Analyse(FloatsFromRows(rows_.rows(), window, !o_.exact_transparent), o_.q,
                             o_.plan.workers.threads_each));
          const auto s = static_cast<std::uint32_t>(g.stride);
          const std::size_t h = (PadUp(strip.bottom()) - strip.y) / s, w = (right - x) / s;
          FloatLatent& canvas = Canvas(band, y.channels);
          for (std::size_t row = 0; row < h; ++row) {
            std::copy_n(y.at(left_halo / s, (strip.y - from) / s + row), w * y.channels,
                        canvas.at(x / s, (strip.y - band.y) / s + row));
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
    for (std::uint32_t row = grid_.row_at(strip.y); row <= grid_.row_at(strip.bottom() - 1); ++row) {
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
      std::copy_n(latent_.at(tile.x / s, (tile.y - band.y) / s + i), y.width * y.channels, y.at(0, i));
    }
    const std::size_t k = std::size_t{row} * grid_.columns() + column;
    TileStats stats;
    HALFMOON_ASSIGN_OR_RETURN(out_.latents[k], model_.EncodeTile(y, o_.q, threads, &stats));
    if (o_.shape.has_alpha()) {
      HALFMOON_ASSIGN_OR_RETURN(
          out_.alphas[k],
          EncodeAlpha(*alpha, tile.width, tile.height, o_.shape.bit_depth > 8 ? 2 : 1));
      *alpha = {};
    }
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

Result<TileStreams> EncodeBands(const PictureModel& model, const BandEncodeOptions& options,
                                const RowSource& source) {
  return BandEncoder(model, options, source).Run();
}

}  // namespace halfmoon
