// Decoder: .hmn bytes -> picture. Public; depends on halfmoon headers and std only.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "halfmoon/image.h"
#include "halfmoon/status.h"
#include "halfmoon/tile_stats.h"

namespace halfmoon {

// What a decoder accepts before it allocates anything. A file that asks for more is refused with
// kLimitExceeded.
struct DecodeLimits {
  std::uint32_t max_dimension = 65535;                         // pixels per side
  std::uint64_t max_pixels = kDefaultMaxImagePixels;           // 2^28
  std::uint64_t max_metadata_bytes = std::uint64_t{64} << 20;  // per metadata chunk, raw
};

// Everything the header says. No model is needed to read it.
struct FileInfo {
  int format_major = 0, format_minor = 0;
  std::uint32_t width = 0, height = 0;
  int channels = 0;   // 1 grey, 2 grey + alpha, 3 RGB, 4 RGB + alpha
  int bit_depth = 0;  // 8 or 16
  bool has_icc = false;
  int model_id = 0;
  std::array<std::uint8_t, 8> model_hash{};  // of the tables and decoder weights it needs
  double quality = 0;                        // 0..100, as given to the encoder
  int q = 0;                                 // the stored number, level * 256
  int tile_size = 0;                         // pixels; 0: one tile
  bool has_own_networks = false;             // the overfitted codec: no model is needed
  bool dependent = false;                    // dependent quantisation (FORMAT.md, 9.6)
  std::uint32_t tile_columns = 0, tile_rows = 0;
  struct Chunk {
    std::string type;
    std::uint64_t bytes = 0;
  };
  // In file order; the k-th LATT and the k-th ALPH belong to tile k, counted row by row. ReadInfo
  // of a whole file only.
  std::vector<Chunk> chunks;
  // Pixels per length, where the file says. ReadInfo of a whole file only.
  std::optional<PixelDensity> density;
};

// Reads the header, for which the first bytes of a file will do; no pixel is allocated and no model
// touched. Errors: kNotHalfmoon, kTruncated, kUnsupportedVersion, kChecksumMismatch, kCorrupt,
// kLimitExceeded.
Result<FileInfo> ReadHeader(std::span<const std::uint8_t> file, const DecodeLimits& limits = {});

// The same with the chunks, whose checksums are computed; there are none if the file is not whole.
Result<FileInfo> ReadInfo(std::span<const std::uint8_t> file, const DecodeLimits& limits = {});

// Part of a picture, in pixels from the top left.
struct Region {
  std::uint32_t x = 0, y = 0, width = 0, height = 0;
};

struct DecodeOptions {
  int threads = 0;         // 1..256; 0: one per core
  std::string models_dir;  // as EncodeOptions::models_dir
  // A weights file (.safetensors) beside the installed models, for files that were made with it.
  // Which weights a file needs it says itself: anything else is not looked at.
  std::string model;
  DecodeLimits limits;
  // Memory of the whole process, bytes: work that is estimated to need more is refused, and windows
  // are chosen to stay below. 0: no limit.
  std::uint64_t max_memory = 0;
  // Leave out the ICC profile, EXIF, XMP and the pixel density.
  bool strip_metadata = false;
  // Decode what is left of a damaged file: lost tiles become mid-grey (and opaque), lost metadata
  // is missing; DecodeStats says which. The header must be intact. Pixels within the model's halo
  // of a lost tile suffer, too.
  bool allow_partial = false;

  // Of models with residual stages (VQ-VAE): decode only the first ones, a coarser picture; 0: all
  // that the file has.
  int stages = 0;

  // As EncodeOptions::progress, of a decode or a check.
  std::function<void(double done)> progress;

  // Errors: kInvalidArgument naming the field and its range.
  Status Validate() const;
};

// What a decode did, for reports. Seconds are wall-clock, but for those of tiles.
struct DecodeStats {
  double model_seconds = 0;  // reading and checking weights; 0 when already loaded
  TileStats coding;
  double synthesis_seconds = 0;  // g_s
  // XXH3-64 of all decoded symbols in coding order as int32 little-endian: equal everywhere.
  std::uint64_t symbol_hash = 0;
  std::uint64_t tiles = 0;         // decoded
  std::uint64_t memory_bytes = 0;  // estimated before the work, for the whole process
  // With allow_partial: tiles whose colour or alpha is lost, ascending; other chunks by name.
  std::vector<std::uint32_t> lost_tiles;
  std::vector<std::string> lost_chunks;
  bool damaged() const { return !lost_tiles.empty() || !lost_chunks.empty(); }
};

// Thread-safety: one call at a time per object. Models are kept between calls.
class Decoder {
 public:
  // Errors: kInvalidArgument; kModelMissing when there is no manifest.
  static Result<Decoder> Create(const DecodeOptions& options = {});

  Decoder(Decoder&&) noexcept;
  Decoder& operator=(Decoder&&) noexcept;
  ~Decoder();

  // The picture, at its own size and channels: the same samples on every machine, with any number
  // of threads and any memory limit. (Of VAE models, which run on LibTorch: within one level.)
  // Errors: those of ReadInfo; kModelMissing, kModelMismatch, kModelCorrupt, kCorrupt,
  // kOutOfMemory.
  Result<Image> Decode(std::span<const std::uint8_t> file, DecodeStats* stats = nullptr);

  // The same of a part; reads only the tiles it needs. Metadata comes along as it is.
  // Errors also: kInvalidArgument when the region is empty or reaches beyond the picture.
  Result<Image> DecodeRegion(std::span<const std::uint8_t> file, const Region& region,
                             DecodeStats* stats = nullptr);

  // The same row by row: `begin` is told the shape and the metadata, then `sink` gets the rows.
  // Memory grows with the width of the picture, not with its height. `region`: null for all of it.
  //
  // Rows are handed out before the last tile has been checked: when this returns an error, throw
  // away what came. Errors also: those of begin and sink.
  using Begin = std::function<Status(const PictureShape& shape, const Metadata& metadata)>;
  Status DecodeRows(std::span<const std::uint8_t> file, const Region* region, const Begin& begin,
                    const RowSink& sink, DecodeStats* stats = nullptr);

  // Checks everything without making pixels: checksums, and every symbol of every stream.
  Status Verify(std::span<const std::uint8_t> file, DecodeStats* stats = nullptr);

 private:
  struct Impl;
  explicit Decoder(std::unique_ptr<Impl> impl);
  std::unique_ptr<Impl> impl_;
};

}  // namespace halfmoon
