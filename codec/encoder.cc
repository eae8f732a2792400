#include "halfmoon/encoder.h"

#include <algorithm>
#include <cmath>
#include <list>
#include <optional>
#include <thread>

#include "bitstream/container.h"
#include "bitstream/metadata.h"
#include "codec/band_encoder.h"
#include "codec/common/exceptions.h"
#include "codec/common/progress.h"
#include "codec/effort_check.h"
#include "codec/families/ae_search.h"
#include "codec/families/overfitted_model.h"
#include "codec/generate/picture_grid.h"
#include "codec/overfitted_encoder.h"
#include "codec/store/model_store.h"
#include "codec/tiling/tile_grid.h"
#include "models/runtime/weights/number_text.h"

namespace halfmoon {
namespace {

Status CheckQuality(double quality) {
  if (quality >= 0 && quality <= 100) return Status::Ok();
  return {StatusCode::kInvalidArgument,
          "quality " + NumberText(quality) + " is out of range; legal are 0 to 100"};
}

std::string ShapeText(const PictureShape& shape) {
  return std::to_string(shape.width) + "x" + std::to_string(shape.height) +
         (shape.is_grey() ? " grey" : " colour");
}

// Whether a model of one size takes a picture. Grey pictures are colour pictures, too.
Status CheckFits(const PictureShape& picture, const ModelStore::Model& model,
                 const PictureShape& shape) {
  const bool fits = picture.width == shape.width && picture.height == shape.height &&
                    (picture.is_grey() || !shape.is_grey());
  if (fits) return Status::Ok();
  return {StatusCode::kInvalidArgument, "the picture is " + ShapeText(picture) + ", model '" +
                                            model.entry.name + "' codes " + ShapeText(shape) +
                                            " only; --resize makes it so"};
}

// The picture as such a model takes it.
Result<Image> Fit(const ImageView& image, const PictureShape& shape) {
  PictureShape wanted = shape;
  if (image.shape().is_grey()) wanted.channels = 1;
  return FitTo(image, wanted);
}

int QFromQuality(double quality) {
  return static_cast<int>(std::lround(quality / 100 * kMaxQuality));
}

// Of AE models. A search makes its corrections itself. A long one ends at latents that rounding
// moves little (docs/effort.md), so that there is nothing for a path to gain and something to lose.
AeEncoding EncodingOf(int effort) {
  if (effort == 1 || effort >= 8) return {Quantiser::kPlain};
  if (SearchSteps(effort) > 0) return {Quantiser::kSearched};
  return {Quantiser::kDependent, effort >= 3};
}

// Chunks of metadata and the payloads they show.
class MetadataChunks {
 public:
  Status Add(ChunkType type, const std::vector<std::uint8_t>& raw) {
    if (raw.empty()) return Status::Ok();
    HALFMOON_ASSIGN_OR_RETURN(std::vector<std::uint8_t> block, CompressMetadata(raw));
    blocks_.push_back(std::move(block));
    chunks_.push_back({type, blocks_.back()});
    return Status::Ok();
  }
  Status Add(const std::optional<PixelDensity>& density) {
    if (!density) return Status::Ok();
    HALFMOON_ASSIGN_OR_RETURN(
        std::vector<std::uint8_t> payload,
        WriteDensity({static_cast<std::uint8_t>(density->unit), density->x, density->y}));
    blocks_.push_back(std::move(payload));
    chunks_.push_back({kChunkDensity, blocks_.back()});
    return Status::Ok();
  }
  const std::vector<Chunk>& chunks() const { return chunks_; }

 private:
  std::list<std::vector<std::uint8_t>> blocks_;  // never moved
  std::vector<Chunk> chunks_;
};

}  // namespace

Status EncodeOptions::Validate() const {
  HALFMOON_RETURN_IF_ERROR(CheckQuality(quality));
  if (threads < 0 || threads > 256) {
    return {StatusCode::kInvalidArgument, "threads " + std::to_string(threads) +
                                              " is out of range; legal are 0 (all cores) to 256"};
  }
  if (effort < 1 || effort > 9) {
    return {StatusCode::kInvalidArgument,
            "effort " + std::to_string(effort) + " is out of range; legal are 1 to 9"};
  }
  constexpr int kLongestTile = 32768;
  if (tile_size != kAutomaticTiles &&
      (tile_size < 0 || tile_size > kLongestTile || tile_size % kTileUnit != 0)) {
    return {StatusCode::kInvalidArgument,
            "tile size " + std::to_string(tile_size) +
                " is illegal; legal are 0 (one tile) and multiples of 64 up to 32768"};
  }
  if (max_pixels == 0) {
    return {StatusCode::kInvalidArgument, "max pixels: a limit of 0 would refuse every picture"};
  }
  constexpr int kFewest = 10, kMost = 1'000'000;
  if (iterations != 0 && (iterations < kFewest || iterations > kMost)) {
    return {StatusCode::kInvalidArgument, "iterations " + std::to_string(iterations) +
                                              " is out of range; legal are 10 to 1000000, or 0 for "
                                              "what the effort says"};
  }
  if (iterations != 0 && model != kOverfittedName) {
    return {StatusCode::kInvalidArgument,
            "iterations are of model 'overfitted' only; leave them out or choose that model"};
  }
  if (model.empty()) return {StatusCode::kInvalidArgument, "model: give a name or id"};
  return Status::Ok();
}

struct Encoder::Impl {
  EncodeOptions options;
  int threads = 1;
  ModelStore store;
  const ModelStore::Model* model = nullptr;  // null: the overfitted codec
  std::unique_ptr<Progress> progress;
  std::unique_ptr<EffortCheck> check;  // null: none

  // Units of analysis for each pixel; a search takes them step by step.
  double analysis_units() const {
    const int steps = SearchSteps(options.effort);
    // A correction synthesises and analyses once more.
    return steps > 0 ? steps : options.effort >= 3 ? 2 + kSynthesisUnits : 1;
  }
  // The picture of any model. `held`: bytes that the encoder holds beside what it works with;
  // `checked`: a check follows.
  Result<std::vector<std::uint8_t>> EncodeOnce(const PictureShape& shape, const Metadata& metadata,
                                               const RowSource& source, double quality,
                                               std::uint64_t held, bool checked,
                                               EncodeStats* stats);
  // What a file holds of the picture itself.
  struct Streams {
    TileStreams tiles;
    std::vector<std::uint8_t> networks;
    std::uint64_t memory_bytes = 0;
  };
  Result<Streams> EncodeByModel(const PictureShape& shape, const RowSource& source, Header* header,
                                std::uint64_t held, bool checked);
  Result<Streams> EncodeByFitting(const PictureShape& shape, const RowSource& source,
                                  double quality, Header* header);
  // The same, held against effort 1.
  Result<std::vector<std::uint8_t>> EncodeChecked(const PictureShape& shape,
                                                  const Metadata& metadata, const RowSource& source,
                                                  double quality, double lambda,
                                                  EncodeStats* stats);
};

Encoder::Encoder(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}
Encoder::Encoder(Encoder&&) noexcept = default;
Encoder& Encoder::operator=(Encoder&&) noexcept = default;
Encoder::~Encoder() = default;

Result<Encoder> Encoder::Create(const EncodeOptions& options) {
  HALFMOON_RETURN_IF_ERROR(options.Validate());
  return GuardExceptions("encoder", [&]() -> Result<Encoder> {
    const bool overfitted = options.model == kOverfittedName;
    HALFMOON_ASSIGN_OR_RETURN(
        ModelStore store,
        overfitted ? ModelStore() : ModelStore::Open(options.models_dir, options.model));
    const int threads = options.threads > 0
                            ? options.threads
                            : static_cast<int>(std::max(1u, std::thread::hardware_concurrency()));
    auto progress = std::make_unique<Progress>(options.progress);
    if (overfitted) {
      return Encoder(std::unique_ptr<Impl>(
          new Impl{options, threads, std::move(store), nullptr, std::move(progress), nullptr}));
    }
    std::optional<AeSearchOptions> search;
    if (const int steps = SearchSteps(options.effort); steps > 0) {
      search = {steps, [progress = progress.get()](std::uint64_t pixels) {
                  progress->Add(static_cast<double>(pixels));
                }};
    }
    std::unique_ptr<Impl> impl(
        new Impl{options, threads, std::move(store), nullptr, std::move(progress), nullptr});
    HALFMOON_ASSIGN_OR_RETURN(
        impl->model, impl->store.ForEncoding(options.model, EncodingOf(options.effort), search));
    if (options.effort >= kFirstCheckedEffort && impl->model->model->Lambda(0)) {
      HALFMOON_ASSIGN_OR_RETURN(impl->check, EffortCheck::Create(options, impl->progress.get()));
    }
    return Encoder(std::move(impl));
  });
}

Result<std::vector<std::uint8_t>> Encoder::Encode(const ImageView& image, EncodeStats* stats) {
  return Encode(image, impl_->options.quality, stats);
}

Result<std::vector<std::uint8_t>> Encoder::Encode(const ImageView& image, double quality,
                                                  EncodeStats* stats) {
  HALFMOON_RETURN_IF_ERROR(image.Validate());
  Metadata metadata;
  metadata.icc.assign(image.icc.begin(), image.icc.end());
  metadata.exif.assign(image.exif.begin(), image.exif.end());
  metadata.xmp.assign(image.xmp.begin(), image.xmp.end());
  metadata.density = image.density;
  std::uint32_t y = 0;
  const RowSource source = [&](std::span<std::uint8_t> row) {
    std::copy_n(image.row(y++), row.size(), row.data());
    return Status::Ok();
  };
  return EncodeRows(image.shape(), metadata, source, quality, stats);
}

Result<std::vector<std::uint8_t>> Encoder::EncodeRows(const PictureShape& given,
                                                      const Metadata& given_metadata,
                                                      const RowSource& rows, double quality,
                                                      EncodeStats* stats) {
  const EncodeOptions& o = impl_->options;
  HALFMOON_RETURN_IF_ERROR(CheckQuality(quality));
  HALFMOON_RETURN_IF_ERROR(given.Validate(o.max_pixels));
  PictureShape shape = given;
  RowSource source = rows;
  Metadata metadata = given_metadata;
  Image fitted;
  std::uint32_t fitted_row = 0;
  const PictureModel* model = impl_->model == nullptr ? nullptr : impl_->model->model.get();
  if (const auto fixed = model == nullptr ? std::nullopt : model->FixedShape()) {
    // Before a row is read: it may be a hundred megapixels.
    if (!o.resize) HALFMOON_RETURN_IF_ERROR(CheckFits(given, *impl_->model, *fixed));
    HALFMOON_ASSIGN_OR_RETURN(Image whole, Image::Create(given, o.max_pixels));
    for (std::uint32_t y = 0; y < given.height; ++y) {
      HALFMOON_RETURN_IF_ERROR(rows({whole.row(y), whole.stride()}));
    }
    HALFMOON_ASSIGN_OR_RETURN(fitted, Fit(whole.view(), *fixed));
    // Other pixels than those that the density counts.
    if (shape.width != fitted.width() || shape.height != fitted.height()) metadata.density.reset();
    shape = fitted.shape();
    source = [&](std::span<std::uint8_t> row) {
      std::copy_n(fitted.row(fitted_row++), row.size(), row.data());
      return Status::Ok();
    };
  } else if (o.resize) {
    return Status(StatusCode::kInvalidArgument,
                  "model '" + o.model + "' codes pictures of any size; leave out --resize");
  }
  const std::optional<double> lambda =
      model == nullptr ? std::nullopt : model->Lambda(QFromQuality(quality));
  if (impl_->check && lambda && shape.pixels() <= kLargestChecked)
    return impl_->EncodeChecked(shape, metadata, source, quality, *lambda, stats);
  return impl_->EncodeOnce(shape, metadata, source, quality, 0, false, stats);
}

Result<std::vector<std::uint8_t>> Encoder::Impl::EncodeChecked(const PictureShape& shape,
                                                               const Metadata& metadata,
                                                               const RowSource& source,
                                                               double quality, double lambda,
                                                               EncodeStats* stats) {
  return GuardExceptions("encoder", [&]() -> Result<std::vector<std::uint8_t>> {
    HALFMOON_ASSIGN_OR_RETURN(Image picture, Image::Create(shape, options.max_pixels));
    for (std::uint32_t y = 0; y < shape.height; ++y) {
      HALFMOON_RETURN_IF_ERROR(source({picture.row(y), picture.stride()}));
    }
    std::uint32_t next = 0;
    const RowSource rows = [&](std::span<std::uint8_t> row) {
      std::copy_n(picture.row(next++), row.size(), row.data());
      return Status::Ok();
    };
    picture.set_metadata(metadata);
    EncodeStats s;
    // The picture, and what is decoded.
    const std::uint64_t held = 2 * std::uint64_t{shape.height} * shape.row_bytes();
    HALFMOON_ASSIGN_OR_RETURN(std::vector<std::uint8_t> file,
                              EncodeOnce(shape, metadata, rows, quality, held, true, &s));
    HALFMOON_ASSIGN_OR_RETURN(file,
                              check->Cheaper(picture.view(), quality, lambda, std::move(file), &s));
    if (stats) *stats = s;
    progress->Finish();
    return file;
  });
}

Result<Encoder::Impl::Streams> Encoder::Impl::EncodeByModel(const PictureShape& shape,
                                                            const RowSource& source, Header* header,
                                                            std::uint64_t held, bool checked) {
  const EncodeOptions& o = options;
  header->model_id = model->entry.id;
  header->model_hash = model->identity;
  if (model->model->EncodesDependently()) header->flags |= kFlagDependent;
  const PictureModel& codec = *model->model;
  const ModelGeometry& g = codec.geometry();
  WorkRequest request;
  request.shape = shape;
  request.region = {0, 0, shape.width, shape.height};
  request.tile_size = header->tile_size;
  request.stride = g.stride;
  request.resident_bytes = g.resident_bytes + held;
  request.channels = g.channels;
  request.halo = g.analysis_halo;
  request.network_bytes_per_pixel = g.analysis_bytes_per_pixel;
  request.tile_bytes_per_pixel = g.tile_bytes_per_pixel;
  request.threads = threads;
  request.max_memory = o.max_memory;
  request.largest_window = static_cast<std::uint32_t>(g.largest_window);
  request.window_per_thread = g.window_per_thread;
  request.window_budget = g.window_budget;
  request.encode = true;
  BandEncodeOptions bands;
  HALFMOON_ASSIGN_OR_RETURN(bands.plan, PlanWork(request));
  bands.shape = shape;
  bands.tile_size = header->tile_size;
  bands.q = header->quality;
  bands.exact_transparent = o.exact_transparent;
  const auto pixels = static_cast<double>(shape.pixels());
  progress->Start(static_cast<double>(AnalysedPixels(bands, g.analysis_halo)) * analysis_units() +
                  pixels * kTilePixelUnits + (checked ? pixels * EffortCheck::kUnits : 0));
  bands.window_units = SearchSteps(o.effort) > 0 ? 0 : analysis_units();
  bands.progress = progress.get();
  Streams out;
  HALFMOON_ASSIGN_OR_RETURN(out.tiles, EncodeBands(codec, bands, source));
  out.memory_bytes = bands.plan.memory_bytes;
  return out;
}

Result<Encoder::Impl::Streams> Encoder::Impl::EncodeByFitting(const PictureShape& shape,
                                                              const RowSource& source,
                                                              double quality, Header* header) {
  header->model_id = kOverfittedModelId;
  header->model_hash = kOverfittedIdentity;
  OverfittedOptions o;
  o.shape = shape;
  o.tile_size = header->tile_size;
  o.quality = quality;
  o.iterations = options.iterations > 0 ? options.iterations : OverfittedIterations(options.effort);
  o.exact_transparent = options.exact_transparent;
  o.threads = threads;
  o.held = std::uint64_t{16} << 20;  // the process itself
  o.max_memory = options.max_memory;
  o.progress = progress.get();
  progress->Start(static_cast<double>(shape.pixels()) *
                  (kOverfittedUnits * o.iterations + kTilePixelUnits));
  HALFMOON_ASSIGN_OR_RETURN(OverfittedStreams streams, EncodeOverfitted(o, source));
  return Streams{std::move(streams.tiles), std::move(streams.networks), streams.memory_bytes};
}

Result<std::vector<std::uint8_t>> Encoder::Impl::EncodeOnce(const PictureShape& shape,
                                                            const Metadata& metadata,
                                                            const RowSource& source, double quality,
                                                            std::uint64_t held, bool checked,
                                                            EncodeStats* stats) {
  const EncodeOptions& o = options;
  return GuardExceptions("encoder", [&]() -> Result<std::vector<std::uint8_t>> {
    Header header;
    header.bit_depth = static_cast<std::uint8_t>(shape.bit_depth);
    header.channels = static_cast<std::uint8_t>(shape.channels);
    header.width = shape.width;
    header.height = shape.height;
    header.quality = static_cast<std::uint16_t>(QFromQuality(quality));
    header.tile_size =
        static_cast<std::uint16_t>(o.tile_size >= 0 ? static_cast<std::uint32_t>(o.tile_size)
                                                    : DefaultTileSize(shape.width, shape.height));

    MetadataChunks blocks;
    if (!o.strip_metadata) {
      HALFMOON_RETURN_IF_ERROR(blocks.Add(kChunkIcc, metadata.icc));
      HALFMOON_RETURN_IF_ERROR(blocks.Add(kChunkExif, metadata.exif));
      HALFMOON_RETURN_IF_ERROR(blocks.Add(kChunkXmp, metadata.xmp));
      HALFMOON_RETURN_IF_ERROR(blocks.Add(metadata.density));
      if (!metadata.icc.empty()) header.colour = Colour::kIcc;
    }

    HALFMOON_ASSIGN_OR_RETURN(const Streams coded,
                              model == nullptr
                                  ? EncodeByFitting(shape, source, quality, &header)
                                  : EncodeByModel(shape, source, &header, held, checked));
    const TileStreams& streams = coded.tiles;

    std::vector<Chunk> chunks = blocks.chunks();
    EncodeStats s;
    if (!coded.networks.empty()) {
      chunks.push_back({kChunkNetworks, coded.networks});
      s.latent_bytes += coded.networks.size();
    }
    for (std::size_t k = 0; k < streams.latents.size(); ++k) {
      chunks.push_back({kChunkLatents, streams.latents[k]});
      s.latent_bytes += streams.latents[k].size();
      if (streams.alphas.empty()) continue;
      chunks.push_back({kChunkAlpha, streams.alphas[k]});
      s.alpha_bytes += streams.alphas[k].size();
    }
    s.analysis_seconds = streams.analysis_seconds + streams.tiles.transform_seconds;
    s.prior_seconds = streams.tiles.prior_seconds;
    s.entropy_seconds = streams.tiles.entropy_seconds;
    s.estimated_bits = streams.tiles.estimated_bits;
    s.symbols = streams.tiles.symbols;
    s.kl_bits = streams.tiles.kl_bits;
    s.expected_excess_bits = streams.tiles.expected_excess_bits;
    s.tiles = streams.latents.size();
    s.memory_bytes = coded.memory_bytes;
    if (stats) *stats = s;
    if (!checked) progress->Finish();
    Limits limits;
    limits.max_pixels = o.max_pixels;
    return Write(header, chunks, limits);
  });
}

}  // namespace halfmoon
