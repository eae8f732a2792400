#include "halfmoon/decoder.h"

#include <thread>

#include "bitstream/checksum.h"
#include "bitstream/container.h"
#include "bitstream/metadata.h"
#include "codec/model_store.h"
#include "codec/stopwatch.h"
#include "codec/tensor_image.h"
#include "codec/torch_guard.h"
#include "models/networks/compute_threads.h"

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
  return info;
}

// The block of an optional metadata chunk; empty when there is none.
Result<std::vector<std::uint8_t>> ReadMetadata(const ParsedFile& file, const ChunkType& type,
                                               const DecodeLimits& limits) {
  const Chunk* chunk = file.Find(type);
  if (chunk == nullptr) return std::vector<std::uint8_t>();
  return DecompressMetadata(chunk->payload, ToLimits(limits));
}

Result<Metadata> ReadAllMetadata(const ParsedFile& file, const DecodeLimits& limits) {
  Metadata metadata;
  HALFMOON_ASSIGN_OR_RETURN(metadata.icc, ReadMetadata(file, kChunkIcc, limits));
  HALFMOON_ASSIGN_OR_RETURN(metadata.exif, ReadMetadata(file, kChunkExif, limits));
  HALFMOON_ASSIGN_OR_RETURN(metadata.xmp, ReadMetadata(file, kChunkXmp, limits));
  metadata.colour.source =
      metadata.icc.empty() ? FileColour::Source::kSrgb : FileColour::Source::kIcc;
  return metadata;
}

}  // namespace

Result<FileInfo> ReadInfo(std::span<const std::uint8_t> file, const DecodeLimits& limits) {
  HALFMOON_ASSIGN_OR_RETURN(const Header header, ParseHeader(file, ToLimits(limits)));
  FileInfo info = ToInfo(header);
  if (const auto parsed = Parse(file, ToLimits(limits)); parsed.ok()) {
    for (const Chunk& c : parsed->chunks) info.chunks.push_back({c.type.Name(), c.payload.size()});
  }
  return info;
}

Status DecodeOptions::Validate() const {
  if (threads < 0 || threads > 256) {
    return {StatusCode::kInvalidArgument,
            "threads " + std::to_string(threads) + " is out of range; legal are 0 (all cores) to 256"};
  }
  if (limits.max_pixels == 0 || limits.max_dimension == 0) {
    return {StatusCode::kInvalidArgument, "limits: a limit of 0 would refuse every picture"};
  }
  return Status::Ok();
}

struct Decoder::Impl {
  DecodeOptions options;
  int threads = 1;
  ModelStore store;

  struct Decoded {
    ParsedFile file;
    const ModelStore::Model* model = nullptr;
    TileLatent latent;
    std::int64_t height = 0, width = 0;  // padded
  };

  // Everything up to the symbols.
  Result<Decoded> DecodeSymbols(std::span<const std::uint8_t> bytes, DecodeStats* stats) {
    networks::SetComputeThreads(threads);
    DecodeStats s;
    Decoded d;
    HALFMOON_ASSIGN_OR_RETURN(d.file, Parse(bytes, ToLimits(options.limits)));
    const Header& h = d.file.header;
    if (h.tile_size != 0) {
      return Status(StatusCode::kUnsupportedFeature,
                    "the picture is divided into tiles of " + std::to_string(h.tile_size) +
                        " pixels, which this version can't decode yet; use a newer Halfmoon");
    }
    if (h.has_alpha() || h.bit_depth != 8) {
      return Status(StatusCode::kUnsupportedFeature,
                    "the picture has alpha or more than 8 bits, which this version can't decode "
                    "yet; use a newer Halfmoon");
    }
    Stopwatch watch;
    HALFMOON_ASSIGN_OR_RETURN(d.model, store.ForDecoding(h.model_id, h.model_hash));
    s.model_seconds = watch.Lap();
    if (const auto fixed = d.model->model->FixedShape();
        fixed && (h.width != fixed->width || h.height != fixed->height)) {
      return Status(StatusCode::kCorrupt,
                    "the header says " + std::to_string(h.width) + "x" + std::to_string(h.height) +
                        " pixels, model '" + d.model->entry.name + "' makes " +
                        std::to_string(fixed->width) + "x" + std::to_string(fixed->height) + " only");
    }
    d.height = PadUp(h.height);
    d.width = PadUp(h.width);
    const auto streams = d.file.Latents();
    HALFMOON_ENSURE(streams.size() == 1);
    TileStats tile;
    HALFMOON_ASSIGN_OR_RETURN(d.latent, d.model->model->DecodeTile(streams[0], h.quality, d.height,
                                                                   d.width, threads, &tile));
    s.prior_seconds = tile.prior_seconds;
    s.entropy_seconds = tile.entropy_seconds;
    s.symbols = tile.symbols;
    s.symbol_hash =
        XXH3_64bits(d.latent.symbols.data(), d.latent.symbols.size() * sizeof(std::int32_t));
    if (stats) *stats = s;
    return d;
  }
};

Decoder::Decoder(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}
Decoder::Decoder(Decoder&&) noexcept = default;
Decoder& Decoder::operator=(Decoder&&) noexcept = default;
Decoder::~Decoder() = default;

Result<Decoder> Decoder::Create(const DecodeOptions& options) {
  HALFMOON_RETURN_IF_ERROR(options.Validate());
  return GuardTorch("decoder", [&]() -> Result<Decoder> {
    HALFMOON_ASSIGN_OR_RETURN(ModelStore store, ModelStore::Open(options.models_dir));
    const int threads = options.threads > 0
                            ? options.threads
                            : static_cast<int>(std::max(1u, std::thread::hardware_concurrency()));
    return Decoder(std::unique_ptr<Impl>(new Impl{options, threads, std::move(store)}));
  });
}

Result<Image> Decoder::Decode(std::span<const std::uint8_t> file, DecodeStats* stats) {
  return GuardTorch("decoder", [&]() -> Result<Image> {
    HALFMOON_ASSIGN_OR_RETURN(Impl::Decoded d, impl_->DecodeSymbols(file, stats));
    const Header& h = d.file.header;
    Stopwatch watch;
    const torch::Tensor x = d.model->model->Synthesise(d.latent, h.quality, d.height, d.width);
    HALFMOON_ASSIGN_OR_RETURN(
        Image image,
        ImageFromTensor(x, h.width, h.height, h.channels, impl_->options.limits.max_pixels));
    if (stats) stats->synthesis_seconds = watch.Lap();
    HALFMOON_ASSIGN_OR_RETURN(Metadata metadata,
                              ReadAllMetadata(d.file, impl_->options.limits));
    image.set_metadata(std::move(metadata));
    return image;
  });
}

Status Decoder::Verify(std::span<const std::uint8_t> file, DecodeStats* stats) {
  return GuardTorch("decoder", [&]() -> Status {
    const auto decoded = impl_->DecodeSymbols(file, stats);
    if (!decoded.ok()) return decoded.status();
    return ReadAllMetadata(decoded->file, impl_->options.limits).status();
  });
}

}  // namespace halfmoon
