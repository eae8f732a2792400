#include "halfmoon/decoder.h"

#include <algorithm>
#include <optional>
#include <thread>

#include "bitstream/container.h"
#include "bitstream/metadata.h"
#include "bitstream/salvage.h"
#include "bitstream/saturating.h"
#include "codec/band_decoder.h"
#include "codec/common/exceptions.h"
#include "codec/common/stopwatch.h"
#include "codec/families/overfitted_model.h"
#include "codec/store/model_store.h"

namespace halfmoon {
namespace {

Limits ToLimits(const DecodeLimits& limits) {
  Limits l;
  l.max_dimension = limits.max_dimension;
  l.max_pixels = limits.max_pixels;
  l.max_metadata_bytes = limits.max_metadata_bytes;
  return l;
}

FileInfo ToInfo(const Header& h) {
  FileInfo info;
  info.format_major = h.format_major;
  info.format_minor = h.format_minor;
  info.width = h.width;
  info.height = h.height;
  info.channels = h.channels;
  info.bit_depth = h.bit_depth;
  info.has_icc = h.colour == Colour::kIcc;
  info.model_id = h.model_id;
  info.model_hash = h.model_hash;
  info.q = h.quality;
  info.quality = 100.0 * h.quality / kMaxQuality;
  info.tile_size = h.tile_size;
  info.has_own_networks = h.overfitted();
  info.dependent = h.dependent();
  info.tile_columns = h.tile_columns();
  info.tile_rows = h.tile_rows();
  return info;
}

std::optional<PixelDensity> DensityOf(const Chunk* chunk) {
  if (chunk == nullptr) return std::nullopt;
  const auto read = ReadDensity(chunk->payload);
  if (!read) return std::nullopt;
  return PixelDensity{read->x, read->y, static_cast<PixelDensity::Unit>(read->unit)};
}

// Adds what `chunk` holds to `block`; null: nothing. With `lost` a damaged block is named there.
Status ReadMetadata(const Chunk* chunk, const DecodeLimits& limits,
                    std::vector<std::uint8_t>* block, std::vector<std::string>* lost) {
  if (chunk == nullptr) return Status::Ok();
  auto raw = DecompressMetadata(chunk->payload, ToLimits(limits));
  if (raw.ok()) {
    *block = std::move(*raw);
  } else if (lost != nullptr && raw.status().code() != StatusCode::kLimitExceeded) {
    lost->push_back(chunk->type.Name());
  } else {
    return raw.status().WithContext("chunk " + chunk->type.Name());
  }
  return Status::Ok();
}

// What the decoder works on, from a whole file or from what is left of one.
struct FileParts {
  Header header;
  std::vector<std::span<const std::uint8_t>> latents, alphas;
  const Chunk *icc = nullptr, *exif = nullptr, *xmp = nullptr, *density = nullptr,
              *networks = nullptr;
  std::vector<Chunk> chunks;             // what these point into
  std::vector<std::string> lost_chunks;  // by name, LATT and ALPH apart
};

template <typename File>
void TakeChunks(const File& file, FileParts* parts) {
  const auto find = [&](ChunkType type) {
    const auto it = std::find_if(parts->chunks.begin(), parts->chunks.end(),
                                 [&](const Chunk& c) { return c.type == type; });
    return it == parts->chunks.end() ? nullptr : &*it;
  };
  parts->header = file.header;
  parts->icc = find(kChunkIcc);
  parts->exif = find(kChunkExif);
  parts->xmp = find(kChunkXmp);
  parts->density = find(kChunkDensity);
  parts->networks = find(kChunkNetworks);
}

Result<FileParts> ReadParts(std::span<const std::uint8_t> bytes, const DecodeOptions& options) {
  FileParts parts;
  const Limits limits = ToLimits(options.limits);
  auto whole = Parse(bytes, limits);
  if (whole.ok()) {
    parts.latents = whole->Latents();
    parts.alphas = whole->Alphas();
    parts.chunks = whole->chunks;
    TakeChunks(*whole, &parts);
    return parts;
  }
  const StatusCode code = whole.status().code();
  const bool damage = code == StatusCode::kTruncated || code == StatusCode::kChecksumMismatch ||
                      code == StatusCode::kCorrupt;
  if (!options.allow_partial || !damage) return whole.status();
  HALFMOON_ASSIGN_OR_RETURN(SalvagedFile left, Salvage(bytes, limits));
  parts.latents = left.latents;
  parts.alphas = left.alphas;
  parts.chunks = left.others;
  TakeChunks(left, &parts);
  if (left.header.colour == Colour::kIcc && parts.icc == nullptr)
    parts.lost_chunks.emplace_back("ICCP");
  std::uint64_t lost =
      left.lost_chunks - std::min<std::uint64_t>(left.lost_chunks, parts.lost_chunks.size());
  const auto missing = [](const auto& streams) {
    return static_cast<std::uint64_t>(std::count_if(
        streams.begin(), streams.end(), [](const auto& s) { return s.data() == nullptr; }));
  };
  const std::uint64_t tiles_lost = missing(left.latents) + missing(left.alphas);
  // Chunks whose type is gone with them: EXIF, XMP or unknown ones.
  if (lost > tiles_lost) parts.lost_chunks.emplace_back("optional chunks");
  return parts;
}

}  // namespace

Result<FileInfo> ReadHeader(std::span<const std::uint8_t> file, const DecodeLimits& limits) {
  HALFMOON_ASSIGN_OR_RETURN(const Header header, ParseHeader(file, ToLimits(limits)));
  return ToInfo(header);
}

Result<FileInfo> ReadInfo(std::span<const std::uint8_t> file, const DecodeLimits& limits) {
  HALFMOON_ASSIGN_OR_RETURN(FileInfo info, ReadHeader(file, limits));
  if (const auto parsed = Parse(file, ToLimits(limits)); parsed.ok()) {
    for (const Chunk& c : parsed->chunks) info.chunks.push_back({c.type.Name(), c.payload.size()});
    info.density = DensityOf(parsed->Find(kChunkDensity));
  }
  return info;
}

Status DecodeOptions::Validate() const {
  if (threads < 0 || threads > 256) {
    return {StatusCode::kInvalidArgument, "threads " + std::to_string(threads) +
                                              " is out of range; legal are 0 (all cores) to 256"};
  }
  if (stages < 0)
    return {StatusCode::kInvalidArgument, "stages " + std::to_string(stages) + " is below 0"};
  if (limits.max_pixels == 0 || limits.max_dimension == 0) {
    return {StatusCode::kInvalidArgument, "limits: a limit of 0 would refuse every picture"};
  }
  return Status::Ok();
}

struct Decoder::Impl {
  DecodeOptions options;
  int threads = 1;
  // An error where there are no models: files with networks of their own need none.
  Result<ModelStore> store;
  std::unique_ptr<Progress> progress;

  struct Loaded {
    const PictureModel* model;
    std::string name;
  };
  Result<Loaded> Load(const FileParts& parts, std::unique_ptr<PictureModel>* own) {
    const Header& h = parts.header;
    if (h.overfitted()) {
      if (parts.networks == nullptr) {
        return Status(StatusCode::kCorrupt,
                      "chunk NETW, which holds the picture's networks, is lost; nothing can be "
                      "decoded without it; get a fresh copy");
      }
      HALFMOON_ASSIGN_OR_RETURN(*own, OverfittedModel::Load(parts.networks->payload));
      return Loaded{own->get(), kOverfittedName};
    }
    if (!store.ok()) return store.status();
    HALFMOON_ASSIGN_OR_RETURN(const ModelStore::Model* entry,
                              store->ForDecoding(h.model_id, h.model_hash));
    return Loaded{entry->model.get(), entry->entry.name};
  }

  // region: null for all. begin: null to verify, without pixels.
  Status Run(std::span<const std::uint8_t> bytes, const Region* region, const Begin& begin,
             const RowSink& sink, DecodeStats* stats) {
    HALFMOON_ASSIGN_OR_RETURN(FileParts parts, ReadParts(bytes, options));
    const Header& h = parts.header;
    BandDecodeRequest request;
    request.shape = {h.width, h.height, h.channels, h.bit_depth};
    request.region = {0, 0, h.width, h.height};
    if (region != nullptr) HALFMOON_RETURN_IF_ERROR(TakeRegion(*region, &request));

    Metadata metadata;
    std::vector<std::string>* lost = options.allow_partial ? &parts.lost_chunks : nullptr;
    if (!options.strip_metadata) {
      HALFMOON_RETURN_IF_ERROR(ReadMetadata(parts.icc, options.limits, &metadata.icc, lost));
      HALFMOON_RETURN_IF_ERROR(ReadMetadata(parts.exif, options.limits, &metadata.exif, lost));
      HALFMOON_RETURN_IF_ERROR(ReadMetadata(parts.xmp, options.limits, &metadata.xmp, lost));
      metadata.density = DensityOf(parts.density);
    }
    metadata.colour.source =
        metadata.icc.empty() ? FileColour::Source::kSrgb : FileColour::Source::kIcc;

    Stopwatch watch;
    std::unique_ptr<PictureModel> own;  // what came in the file
    HALFMOON_ASSIGN_OR_RETURN(const Loaded loaded, Load(parts, &own));
    const double model_seconds = watch.Lap();
    const PictureModel& model = *loaded.model;
    const ModelAttributes& attributes = model.attributes();
    if (h.dependent() && !attributes.dependent) {
      return Status(StatusCode::kCorrupt,
                    "the header says dependent quantisation (flag 16), for which model '" +
                        loaded.name + "' has no tables; the file is damaged, get a fresh copy");
    }
    if (const auto& fixed = attributes.fixed_shape;
        fixed && (h.width != fixed->width || h.height != fixed->height)) {
      return Status(StatusCode::kCorrupt, "the header says " + std::to_string(h.width) + "x" +
                                              std::to_string(h.height) + " pixels, model '" +
                                              loaded.name + "' makes " +
                                              std::to_string(fixed->width) + "x" +
                                              std::to_string(fixed->height) + " only");
    }
    if (options.stages > attributes.stages) {
      return Status(StatusCode::kInvalidArgument,
                    "model '" + loaded.name + "' has " +
                        (attributes.stages == 0 ? "no" : std::to_string(attributes.stages)) +
                        " stages, not " + std::to_string(options.stages));
    }
    request.stages = options.stages;
    request.tile_size = h.tile_size;
    HALFMOON_ASSIGN_OR_RETURN(request.plan, Plan(attributes, request, bytes.size()));
    request.dependent = h.dependent();
    request.q = h.quality;
    request.latents = std::move(parts.latents);
    request.alphas = std::move(parts.alphas);
    request.allow_partial = options.allow_partial;
    request.pixels = begin != nullptr;
    request.progress = progress.get();
    if (begin) {
      PictureShape shape = request.shape;
      shape.width = request.region.width;
      shape.height = request.region.height;
      HALFMOON_RETURN_IF_ERROR(begin(shape, metadata));
    }
    DecodeStats s;
    progress->Start(DecodeUnits(model, request));
    HALFMOON_RETURN_IF_ERROR(DecodeBands(model, request, sink, &s));
    progress->Finish();
    s.model_seconds = model_seconds;
    s.memory_bytes = request.plan.memory_bytes + bytes.size();
    s.lost_chunks = std::move(parts.lost_chunks);
    if (stats) *stats = std::move(s);
    return Status::Ok();
  }

 private:
  static Status TakeRegion(const Region& region, BandDecodeRequest* request) {
    const PictureShape& shape = request->shape;
    const bool inside = region.width >= 1 && region.height >= 1 && region.x < shape.width &&
                        region.y < shape.height && region.width <= shape.width - region.x &&
                        region.height <= shape.height - region.y;
    if (!inside) {
      return {StatusCode::kInvalidArgument,
              "region " + std::to_string(region.x) + "," + std::to_string(region.y) + "," +
                  std::to_string(region.width) + "," + std::to_string(region.height) +
                  " is not inside the picture of " + std::to_string(shape.width) + " x " +
                  std::to_string(shape.height) + " pixels; give x,y,width,height inside it"};
    }
    request->region = {region.x, region.y, region.width, region.height};
    return Status::Ok();
  }

  Result<WorkPlan> Plan(const ModelAttributes& model, const BandDecodeRequest& request,
                        std::uint64_t file_bytes) const {
    WorkRequest work = model.Work(request.shape, request.tile_size, model.synthesis);
    work.region = request.region;
    work.threads = threads;
    // The caller holds the file meanwhile.
    if (options.max_memory != 0) {
      work.max_memory =
          std::max<std::uint64_t>(1, SaturatingDifference(options.max_memory, file_bytes));
    }
    return PlanWork(work);
  }
};

Decoder::Decoder(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}
Decoder::Decoder(Decoder&&) noexcept = default;
Decoder& Decoder::operator=(Decoder&&) noexcept = default;
Decoder::~Decoder() = default;

Result<Decoder> Decoder::Create(const DecodeOptions& options) {
  HALFMOON_RETURN_IF_ERROR(options.Validate());
  return GuardExceptions("decoder", [&]() -> Result<Decoder> {
    Result<ModelStore> store = ModelStore::Open(options.models_dir, options.model);
    // A model that was named must be there.
    if (!store.ok() && !options.model.empty()) return store.status();
    const int threads = options.threads > 0
                            ? options.threads
                            : static_cast<int>(std::max(1u, std::thread::hardware_concurrency()));
    return Decoder(std::unique_ptr<Impl>(new Impl{options, threads, std::move(store),
                                                  std::make_unique<Progress>(options.progress)}));
  });
}

namespace {

// Collects rows in a picture.
class ImageMaker {
 public:
  explicit ImageMaker(std::uint64_t max_pixels) : max_pixels_(max_pixels) {}

  Decoder::Begin begin() {
    return [this](const PictureShape& shape, const Metadata& metadata) -> Status {
      HALFMOON_ASSIGN_OR_RETURN(image_, Image::Create(shape, max_pixels_));
      image_.set_metadata(metadata);
      return Status::Ok();
    };
  }
  RowSink sink() {
    return [this](std::span<const std::uint8_t> row) {
      std::copy(row.begin(), row.end(), image_.row(y_++));
      return Status::Ok();
    };
  }
  Image Take() { return std::move(image_); }

 private:
  std::uint64_t max_pixels_;
  Image image_;
  std::uint32_t y_ = 0;
};

}  // namespace

Result<Image> Decoder::Decode(std::span<const std::uint8_t> file, DecodeStats* stats) {
  ImageMaker maker(impl_->options.limits.max_pixels);
  HALFMOON_RETURN_IF_ERROR(DecodeRows(file, nullptr, maker.begin(), maker.sink(), stats));
  return maker.Take();
}

Result<Image> Decoder::DecodeRegion(std::span<const std::uint8_t> file, const Region& region,
                                    DecodeStats* stats) {
  ImageMaker maker(impl_->options.limits.max_pixels);
  HALFMOON_RETURN_IF_ERROR(DecodeRows(file, &region, maker.begin(), maker.sink(), stats));
  return maker.Take();
}

Status Decoder::DecodeRows(std::span<const std::uint8_t> file, const Region* region,
                           const Begin& begin, const RowSink& sink, DecodeStats* stats) {
  return GuardExceptions("decoder",
                         [&]() -> Status { return impl_->Run(file, region, begin, sink, stats); });
}

Status Decoder::Verify(std::span<const std::uint8_t> file, DecodeStats* stats) {
  return GuardExceptions("decoder",
                         [&]() -> Status { return impl_->Run(file, nullptr, {}, {}, stats); });
}

}  // namespace halfmoon
