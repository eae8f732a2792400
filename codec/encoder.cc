#include "halfmoon/encoder.h"

#include <algorithm>
#include <cmath>
#include <list>
#include <optional>
#include <string>
#include <thread>

#include "bitstream/container.h"
#include "bitstream/metadata.h"
#include "codec/band_encoder.h"
#include "codec/common/exceptions.h"
#include "codec/common/progress.h"
#include "codec/effort_check.h"
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

// What is to be coded, beside the pixels.
struct EncodeJob {
  PictureShape shape;
  double quality = 0;  // 0..100
  Header header;       // but for what the model says
  MetadataChunks metadata;
};

// A file, and what making it took.
struct EncodedFile {
  std::vector<std::uint8_t> bytes;
  EncodeStats stats;
};

// networks: of the overfitted codec, else empty.
Result<EncodedFile> Assemble(const Header& header, const MetadataChunks& metadata,
                             const std::vector<std::uint8_t>& networks, const TileStreams& tiles,
                             std::uint64_t max_pixels) {
  EncodedFile file;
  EncodeStats& s = file.stats;
  std::vector<Chunk> chunks = metadata.chunks();
  if (!networks.empty()) {
    chunks.push_back({kChunkNetworks, networks});
    s.latent_bytes += networks.size();
  }
  for (std::size_t k = 0; k < tiles.latents.size(); ++k) {
    chunks.push_back({kChunkLatents, tiles.latents[k]});
    s.latent_bytes += tiles.latents[k].size();
    if (tiles.alphas.empty()) continue;
    chunks.push_back({kChunkAlpha, tiles.alphas[k]});
    s.alpha_bytes += tiles.alphas[k].size();
  }
  s.analysis_seconds = tiles.analysis_seconds + tiles.tiles.transform_seconds;
  s.coding = tiles.tiles;
  s.tiles = tiles.latents.size();
  Limits limits;
  limits.max_pixels = max_pixels;
  HALFMOON_ASSIGN_OR_RETURN(file.bytes, Write(header, chunks, limits));
  return file;
}

// The rows of a picture, once. Lifetime: the picture's.
RowSource RowsOf(const ImageView& image) {
  return [image, y = std::uint32_t{0}](std::span<std::uint8_t> row) mutable {
    std::copy_n(image.row(y++), row.size(), row.data());
    return Status::Ok();
  };
}

Result<Image> ReadRows(const PictureShape& shape, std::uint64_t max_pixels,
                       const RowSource& source) {
  HALFMOON_ASSIGN_OR_RETURN(Image picture, Image::Create(shape, max_pixels));
  for (std::uint32_t y = 0; y < shape.height; ++y) {
    HALFMOON_RETURN_IF_ERROR(source({picture.row(y), picture.stride()}));
  }
  return picture;
}

}  // namespace

Status EncodeOptions::Validate() const {
  HALFMOON_RETURN_IF_ERROR(CheckQuality(quality));
  if (threads < 0 || threads > 256) {
    return {StatusCode::kInvalidArgument, "threads " + std::to_string(threads) +
                                              " is out of range; legal are 0 (all cores) to 256"};
  }
  if (effort < kLowestEffort || effort > kHighestEffort) {
    return {StatusCode::kInvalidArgument,
            "effort " + std::to_string(effort) + " is out of range; legal are " +
                std::to_string(kLowestEffort) + " to " + std::to_string(kHighestEffort)};
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
  EffortPlan effort;
  int threads = 1;
  ModelStore store;
  const ModelStore::Model* model = nullptr;  // null: the overfitted codec
  std::unique_ptr<Progress> progress;

  Result<EncodedFile> Encode(const PictureShape& shape, const Metadata& metadata,
                             const RowSource& source, double quality) const;
  Result<EncodedFile> EncodeByFitting(const EncodeJob& job, const RowSource& source) const;
  Result<EncodedFile> EncodeByModel(const EncodeJob& job, const RowSource& source) const;
  // The same, held against effort 1.
  Result<EncodedFile> EncodeChecked(const EncodeJob& job, const RowSource& source) const;

  // The header of what is coded by such a plan.
  Header HeaderOf(const EncodeJob& job, const EffortPlan& plan) const;
  // What EncodeBands is to do by a plan, and DecodeBands with what comes of it, but for the
  // streams. held: bytes beside their work.
  Result<BandEncodeOptions> PlanEncode(const EncodeJob& job, const EffortPlan& plan,
                                       std::uint64_t held) const;
  Result<BandDecodeRequest> PlanDecode(const EncodeJob& job, std::uint64_t held) const;
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
    const EffortPlan& effort = EffortPlanOf(options.effort);
    std::unique_ptr<Impl> impl(new Impl{options, effort, threads, std::move(store), nullptr,
                                        std::make_unique<Progress>(options.progress)});
    if (!overfitted) {
      const SearchProgress search = [progress = impl->progress.get()](std::uint64_t pixels) {
        progress->Add(static_cast<double>(pixels));
      };
      HALFMOON_ASSIGN_OR_RETURN(impl->model,
                                impl->store.ForEncoding(options.model, effort, search));
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
  return EncodeRows(image.shape(), metadata, RowsOf(image), quality, stats);
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
  const auto fixed =
      impl_->model == nullptr ? std::nullopt : impl_->model->model->attributes().fixed_shape;
  if (fixed) {
    // Before a row is read: it may be a hundred megapixels.
    if (!o.resize) HALFMOON_RETURN_IF_ERROR(CheckFits(given, *impl_->model, *fixed));
    HALFMOON_ASSIGN_OR_RETURN(const Image whole, ReadRows(given, o.max_pixels, rows));
    HALFMOON_ASSIGN_OR_RETURN(fitted, Fit(whole.view(), *fixed));
    // Other pixels than those that the density counts.
    if (shape.width != fitted.width() || shape.height != fitted.height()) metadata.density.reset();
    shape = fitted.shape();
    source = RowsOf(fitted.view());
  } else if (o.resize) {
    return Status(StatusCode::kInvalidArgument,
                  "model '" + o.model + "' codes pictures of any size; leave out --resize");
  }
  return GuardExceptions("encoder", [&]() -> Result<std::vector<std::uint8_t>> {
    HALFMOON_ASSIGN_OR_RETURN(EncodedFile file, impl_->Encode(shape, metadata, source, quality));
    impl_->progress->Finish();
    if (stats) *stats = file.stats;
    return std::move(file.bytes);
  });
}

Result<EncodedFile> Encoder::Impl::Encode(const PictureShape& shape, const Metadata& metadata,
                                          const RowSource& source, double quality) const {
  EncodeJob job;
  job.shape = shape;
  job.quality = quality;
  Header& header = job.header;
  header.bit_depth = static_cast<std::uint8_t>(shape.bit_depth);
  header.channels = static_cast<std::uint8_t>(shape.channels);
  header.width = shape.width;
  header.height = shape.height;
  header.quality = static_cast<std::uint16_t>(QFromQuality(quality));
  header.tile_size = static_cast<std::uint16_t>(options.tile_size >= 0
                                                    ? static_cast<std::uint32_t>(options.tile_size)
                                                    : DefaultTileSize(shape.width, shape.height));
  if (!options.strip_metadata) {
    HALFMOON_RETURN_IF_ERROR(job.metadata.Add(kChunkIcc, metadata.icc));
    HALFMOON_RETURN_IF_ERROR(job.metadata.Add(kChunkExif, metadata.exif));
    HALFMOON_RETURN_IF_ERROR(job.metadata.Add(kChunkXmp, metadata.xmp));
    HALFMOON_RETURN_IF_ERROR(job.metadata.Add(metadata.density));
    if (!metadata.icc.empty()) header.colour = Colour::kIcc;
  }
  if (model == nullptr) return EncodeByFitting(job, source);
  const bool checked =
      effort.check && model->model->attributes().lambda && shape.pixels() <= kLargestChecked;
  return checked ? EncodeChecked(job, source) : EncodeByModel(job, source);
}

Result<EncodedFile> Encoder::Impl::EncodeByFitting(const EncodeJob& job,
                                                   const RowSource& source) const {
  Header header = job.header;
  header.model_id = kOverfittedModelId;
  header.model_hash = kOverfittedIdentity;
  OverfittedOptions o;
  o.shape = job.shape;
  o.tile_size = header.tile_size;
  o.quality = job.quality;
  o.iterations = options.iterations > 0 ? options.iterations : effort.iterations;
  o.exact_transparent = options.exact_transparent;
  o.threads = threads;
  o.held = std::uint64_t{16} << 20;  // the process itself
  o.max_memory = options.max_memory;
  o.progress = progress.get();
  progress->Start(static_cast<double>(job.shape.pixels()) *
                  (kOverfittedUnits * o.iterations + kTilePixelUnits));
  HALFMOON_ASSIGN_OR_RETURN(const OverfittedStreams streams, EncodeOverfitted(o, source));
  HALFMOON_ASSIGN_OR_RETURN(EncodedFile file, Assemble(header, job.metadata, streams.networks,
                                                       streams.tiles, options.max_pixels));
  file.stats.memory_bytes = streams.memory_bytes;
  return file;
}

Result<EncodedFile> Encoder::Impl::EncodeByModel(const EncodeJob& job,
                                                 const RowSource& source) const {
  HALFMOON_ASSIGN_OR_RETURN(const BandEncodeOptions bands, PlanEncode(job, effort, 0));
  progress->Start(EncodeUnits(*model->model, bands));
  HALFMOON_ASSIGN_OR_RETURN(const TileStreams tiles, EncodeBands(*model->model, bands, source));
  HALFMOON_ASSIGN_OR_RETURN(EncodedFile file, Assemble(HeaderOf(job, effort), job.metadata, {},
                                                       tiles, options.max_pixels));
  file.stats.memory_bytes = bands.plan.memory_bytes;
  return file;
}

Result<EncodedFile> Encoder::Impl::EncodeChecked(const EncodeJob& job,
                                                 const RowSource& source) const {
  const EncodingModel& codec = *model->model;
  const double lambda = codec.attributes().lambda(job.header.quality);
  // The picture is held throughout.
  const std::uint64_t held = std::uint64_t{job.shape.height} * job.shape.row_bytes();
  HALFMOON_ASSIGN_OR_RETURN(const BandEncodeOptions better, PlanEncode(job, effort, held));
  HALFMOON_ASSIGN_OR_RETURN(const BandEncodeOptions plain,
                            PlanEncode(job, EffortPlanOf(kLowestEffort), held));
  HALFMOON_ASSIGN_OR_RETURN(const BandDecodeRequest decode, PlanDecode(job, held));
  progress->Start(EncodeUnits(codec, better) + EncodeUnits(codec, plain) +
                  2 * DecodeUnits(codec, decode));
  HALFMOON_ASSIGN_OR_RETURN(const Image picture, ReadRows(job.shape, options.max_pixels, source));

  struct Candidate {
    EncodedFile file;
    double cost = 0;
  };
  const auto code = [&](const BandEncodeOptions& bands) -> Result<Candidate> {
    const Header header = HeaderOf(job, bands.effort);
    HALFMOON_ASSIGN_OR_RETURN(const TileStreams tiles,
                              EncodeBands(codec, bands, RowsOf(picture.view())));
    Candidate candidate;
    HALFMOON_ASSIGN_OR_RETURN(candidate.file,
                              Assemble(header, job.metadata, {}, tiles, options.max_pixels));
    BandDecodeRequest request = decode;
    request.dependent = header.dependent();
    request.latents.assign(tiles.latents.begin(), tiles.latents.end());
    request.alphas.assign(tiles.alphas.begin(), tiles.alphas.end());
    HALFMOON_ASSIGN_OR_RETURN(candidate.cost, CodingCost(codec, picture.view(), request,
                                                         candidate.file.bytes.size(), lambda));
    return candidate;
  };
  HALFMOON_ASSIGN_OR_RETURN(Candidate first, code(better));
  HALFMOON_ASSIGN_OR_RETURN(Candidate second, code(plain));
  EncodedFile file = std::move(first.cost <= second.cost ? first.file : second.file);
  file.stats.memory_bytes =
      std::max({better.plan.memory_bytes, plain.plan.memory_bytes, decode.plan.memory_bytes});
  return file;
}

Header Encoder::Impl::HeaderOf(const EncodeJob& job, const EffortPlan& plan) const {
  Header header = job.header;
  header.model_id = model->entry.id;
  header.model_hash = model->identity;
  if (model->model->attributes().EncodesDependently(plan)) header.flags |= kFlagDependent;
  return header;
}

Result<BandEncodeOptions> Encoder::Impl::PlanEncode(const EncodeJob& job, const EffortPlan& plan,
                                                    std::uint64_t held) const {
  const ModelAttributes& a = model->model->attributes();
  WorkRequest work = a.Work(job.shape, job.header.tile_size, a.AnalysisOf(plan));
  work.resident_bytes += held;
  work.threads = threads;
  work.max_memory = options.max_memory;
  work.encode = true;
  BandEncodeOptions bands;
  HALFMOON_ASSIGN_OR_RETURN(bands.plan, PlanWork(work));
  bands.shape = job.shape;
  bands.tile_size = job.header.tile_size;
  bands.q = job.header.quality;
  bands.effort = plan;
  bands.exact_transparent = options.exact_transparent;
  bands.progress = progress.get();
  return bands;
}

Result<BandDecodeRequest> Encoder::Impl::PlanDecode(const EncodeJob& job,
                                                    std::uint64_t held) const {
  const ModelAttributes& a = model->model->attributes();
  WorkRequest work = a.Work(job.shape, job.header.tile_size, a.synthesis);
  work.resident_bytes += held;
  work.threads = threads;
  work.max_memory = options.max_memory;
  BandDecodeRequest decode;
  HALFMOON_ASSIGN_OR_RETURN(decode.plan, PlanWork(work));
  decode.shape = job.shape;
  decode.region = work.region;
  decode.tile_size = job.header.tile_size;
  decode.q = job.header.quality;
  decode.progress = progress.get();
  return decode;
}

}  // namespace halfmoon
