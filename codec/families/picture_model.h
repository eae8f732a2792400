// PictureModel: what every model that codes pictures offers to the encoder and decoder. Internal;
// no LibTorch in this header. Nothing here knows the container or picture files.
//
// Read me first: this is the seam. Tiles, regions, halos, alpha, depth, metadata, memory and damage
// are the callers' business (band_encoder, band_decoder), the same for all models. A model turns
//
//   pixels of a window  --Analyse-->  latent of the window          float, networks
//   latent of a tile    --EncodeTile-->  stream                     integers decide probabilities
//   stream              --DecodeTile-->  TileLatent                 integers only
//   values of a window  --Synthesise-->  pixels of the window       float, networks
//
// where a window is any rectangle of latent positions, cut from one tile or put together from
// several. The contract that makes cutting invisible:
//   - Analyse and Synthesise are translation-covariant: away from the window's edge by at least the
//     halo, the result depends neither on where the window ends nor on its place in the picture.
//     At an edge they pad with zeros, which is right where the picture (padded to 64) ends; callers
//     give every other edge a halo and throw the result there away.
//   - EncodeTile and DecodeTile know nothing outside their tile.
//   - All four are const and may run in several threads at once, each with `threads` of its own.
//     They may throw std::bad_alloc; callers catch it.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <vector>

#include "codec/tiling/float_picture.h"
#include "halfmoon/image.h"
#include "halfmoon/status.h"

namespace halfmoon {

// Wall-clock seconds and counts of one tile's work.
struct TileStats {
  double transform_seconds = 0;  // float networks of one tile
  double prior_seconds = 0;      // integer networks
  double entropy_seconds = 0;    // rANS
  double estimated_bits = 0;     // encoding only
  std::uint64_t symbols = 0;
  // Encoding with a VAE: KL of the posterior, and what coding its mean in bins costs beyond that.
  double kl_bits = 0, expected_excess_bits = 0;
};

// The latent of a tile in the model's own integers: all that a decoder needs to make pixels.
struct TileLatent {
  std::vector<std::int32_t> values;   // [height / stride][width / stride][channels]
  std::vector<std::int32_t> symbols;  // everything decoded, in coding order, for the hash
};

// Constants of a loaded model.
struct ModelGeometry {
  int stride = 16;        // pixels per latent position and direction; divides 64
  int channels = 0;       // values per latent position
  int analysis_halo = 0;  // pixels, multiples of stride: how far the networks look beyond a window
  int synthesis_halo = 0;
  // Working memory of the networks at their peak, bytes per pixel of the window (with halo), input
  // and output included. For choosing windows and refusing work; an estimate from above.
  double analysis_bytes_per_pixel = 0;
  double synthesis_bytes_per_pixel = 0;
  // What EncodeTile's networks take beside symbols, bytes per pixel of the tile.
  double tile_bytes_per_pixel = 0;
  // Windows to analyse are no wider and no higher than this, without halo. Pixels.
  int largest_window = 2048;
  // Whether analysis gains more from windows side by side than from threads inside one.
  bool window_per_thread = false;
  // Bytes that windows to analyse may take together when the caller sets no limit: enough for two
  // of 2048 pixels of a plain encoder, and 100 megapixels stay far below 3 GiB in all.
  std::uint64_t window_budget = std::uint64_t{1} << 30;
  // The process with this model loaded, before it has worked.
  std::uint64_t resident_bytes = 0;
};

// Which halves of the networks to load: a decoder needs no analysis.
enum class ModelParts { kDecoder, kBoth };

class PictureModel {
 public:
  virtual ~PictureModel() = default;

  virtual const ModelGeometry& geometry() const = 0;

  // Models of small pictures code one size and kind only, at most 64x64 and so one tile; the others
  // take any.
  virtual std::optional<PictureShape> FixedShape() const { return std::nullopt; }

  // What a squared error of one step of 8 bits weighs against a bit per pixel, mean over channels
  // and pixels, in what the model was trained to keep low at quality level q / 256; none where it
  // is something else.
  virtual std::optional<double> Lambda(int /*q*/) const { return std::nullopt; }

  // x: in [0, 1], width and height multiples of stride; x.cut: where the picture goes on. q:
  // quality level * 256. Returns [height / stride][width / stride][C]; C is the model's own
  // business.
  virtual Result<FloatLatent> Analyse(const FloatPicture& x, int q, int threads) const = 0;

  // y: what Analyse made of the pixels of one tile; stride * its sides are multiples of 64. Returns
  // the tile's stream.
  virtual Result<std::vector<std::uint8_t>> EncodeTile(const FloatLatent& y, int q, int threads,
                                                       TileStats* stats) const = 0;

  // height, width: of the tile in pixels, multiples of 64. Integer arithmetic only: the same
  // symbols everywhere. Errors: kTruncated, kCorrupt, kOutOfMemory.
  virtual Result<TileLatent> DecodeTile(std::span<const std::uint8_t> stream, int q,
                                        std::int64_t height, std::int64_t width, int threads,
                                        TileStats* stats) const = 0;

  // Whether EncodeTile's symbols are quantised dependently (bitstream/dependent_quantiser.h); and
  // DecodeTile of such a stream. Errors also: kCorrupt for a model that has no such symbols.
  virtual bool EncodesDependently() const { return false; }
  virtual Result<TileLatent> DecodeDependentTile(std::span<const std::uint8_t> /*stream*/,
                                                 int /*q*/, std::int64_t /*height*/,
                                                 std::int64_t /*width*/, int /*threads*/,
                                                 TileStats* /*stats*/) const {
    return Status(StatusCode::kCorrupt,
                  "the header says dependent quantisation (flag 16), for which the model has no "
                  "tables; the file is damaged, get a fresh copy");
  }

  // Of models with residual stages: how many, and DecodeTile of the first `stages` of them, or of
  // as many as the stream has. REQUIRES: 1 <= stages <= Stages().
  virtual int Stages() const { return 0; }
  virtual Result<TileLatent> DecodeStages(std::span<const std::uint8_t> /*stream*/, int /*stages*/,
                                          std::int64_t /*height*/, std::int64_t /*width*/,
                                          int /*threads*/, TileStats* /*stats*/) const {
    return Status(StatusCode::kInternal, "this model has no stages");
  }

  // values: [height / stride][width / stride][channels], values of TileLatents; all 0 where a tile
  // is lost. height, width in pixels, multiples of stride. Not clamped.
  virtual Result<FloatPicture> Synthesise(std::span<const std::int32_t> values, int q,
                                          std::int64_t height, std::int64_t width,
                                          int threads) const = 0;
};

}  // namespace halfmoon
