// PictureModel, EncodingModel: what every model that codes pictures offers to the decoder and to
// the encoder. Internal; no LibTorch in this header. Nothing here knows the container or picture
// files.
//
// Read me first: this is the seam. Tiles, regions, halos, alpha, depth, metadata, memory and damage
// are the callers' business (band_encoder, band_decoder), the same for all models. A model turns
//
//   pixels of a window  --Analyse-->  latents of the window         float, networks
//   latents of a tile   --EncodeTile-->  stream                     integers decide probabilities
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
// What else callers need to know of a model are numbers that it has from the start: its attributes.
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <span>
#include <vector>

#include "codec/common/effort_plan.h"
#include "codec/tiling/float_picture.h"
#include "codec/tiling/work_plan.h"
#include "halfmoon/image.h"
#include "halfmoon/status.h"
#include "halfmoon/tile_stats.h"

namespace halfmoon {

// A tile's stream, and what the header says of it.
struct TileStream {
  std::span<const std::uint8_t> bytes;
  std::int64_t height = 0, width = 0;  // of the tile in pixels, multiples of 64
  int q = 0;                           // quality level * 256
  // Its symbols are quantised dependently (bitstream/dependent_quantiser.h).
  // REQUIRES: ModelAttributes::dependent.
  bool dependent = false;
  int stages = 0;  // only the first ones, or as many as the stream has; 0: all
};

// The latent of a tile in the model's own integers: all that a decoder needs to make pixels.
struct TileLatent {
  std::vector<std::int32_t> values;   // [height / stride][width / stride][channels]
  std::vector<std::int32_t> symbols;  // everything decoded, in coding order, for the hash
};

// Constants of a loaded model.
struct ModelAttributes {
  int stride = 16;   // pixels per latent position and direction; divides 64
  int channels = 0;  // values per latent position
  // The process with this model loaded, before it has worked.
  std::uint64_t resident_bytes = 0;
  WindowNeeds synthesis;
  // Of the encoder's own latent, of the one that is corrected, and of a search for a better one.
  WindowNeeds analysis, correction, search;

  // Models of small pictures code one size and kind only, at most 64x64 and so one tile; the others
  // take any.
  std::optional<PictureShape> fixed_shape;
  // What a squared error of one step of 8 bits weighs against a bit per pixel, mean over channels
  // and pixels, in what the model was trained to keep low at quality level q / 256; empty where it
  // is something else.
  std::function<double(int q)> lambda;
  bool dependent = false;  // has the tables of dependent quantisation
  int stages = 0;          // residual stages; 0: it has none

  const WindowNeeds& AnalysisOf(const EffortPlan& plan) const {
    return plan.search_steps > 0 ? search : plan.correct ? correction : analysis;
  }
  // The work of coding a whole picture.
  WorkRequest Work(const PictureShape& shape, std::uint32_t tile_size,
                   const WindowNeeds& needs) const {
    WorkRequest work;
    work.shape = shape;
    work.region = {0, 0, shape.width, shape.height};
    work.tile_size = tile_size;
    work.stride = stride;
    work.channels = channels;
    work.needs = needs;
    work.resident_bytes = resident_bytes;
    return work;
  }
  // Whether streams that EncodeTile makes are quantised dependently.
  bool EncodesDependently(const EffortPlan& plan) const {
    return dependent && plan.quantiser != Quantiser::kPlain;
  }
};

class PictureModel {
 public:
  virtual ~PictureModel() = default;

  const ModelAttributes& attributes() const { return attributes_; }

  // Integer arithmetic only: the same symbols everywhere. Errors: kTruncated, kCorrupt,
  // kOutOfMemory.
  virtual Result<TileLatent> DecodeTile(const TileStream& stream, int threads,
                                        TileStats* stats) const = 0;

  // values: [height / stride][width / stride][channels], values of TileLatents; all 0 where a tile
  // is lost. height, width in pixels, multiples of stride. Not clamped.
  virtual Result<FloatPicture> Synthesise(std::span<const std::int32_t> values, int q,
                                          std::int64_t height, std::int64_t width,
                                          int threads) const = 0;

 protected:
  ModelAttributes attributes_;
};

// A PictureModel that encodes, too: tile by tile, from latents that it finds window by window.
class EncodingModel : public PictureModel {
 public:
  // x: in [0, 1], width and height multiples of stride; x.cut: where the picture goes on. q:
  // quality level * 256. Maps of what is returned cover the window.
  virtual Result<AnalysedLatents> Analyse(const FloatPicture& x, int q, const EffortPlan& plan,
                                          int threads) const = 0;

  // y: what Analyse made, by the same plan, of the pixels of one tile; stride * its sides are
  // multiples of 64. Returns the tile's stream.
  virtual Result<std::vector<std::uint8_t>> EncodeTile(const AnalysedLatents& y, int q,
                                                       const EffortPlan& plan, int threads,
                                                       TileStats* stats) const = 0;
};

// Which halves of the networks to load: a decoder needs no analysis.
enum class ModelParts { kDecoder, kBoth };

}  // namespace halfmoon
