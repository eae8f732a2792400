// Decoder: .hmn bytes -> picture. Public; depends on halfmoon headers and std only.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "halfmoon/image.h"
#include "halfmoon/status.h"

namespace halfmoon {

// What a decoder accepts before it allocates anything. A file that asks for more is refused with
// kLimitExceeded.
struct DecodeLimits {
  std::uint32_t max_dimension = 65535;                    // pixels per side
  std::uint64_t max_pixels = kDefaultMaxImagePixels;      // 2^28
  std::uint64_t max_metadata_bytes = std::uint64_t{64} << 20;  // per metadata chunk, raw
};

// Everything the header says. No model is needed to read it.
struct FileInfo {
  int format_major = 0, format_minor = 0;
  std::uint32_t width = 0, height = 0;
  int channels = 0;   // 1 grey, 3 RGB
  int bit_depth = 0;  // 8
  bool has_icc = false;
  int model_id = 0;
  std::array<std::uint8_t, 8> model_hash{};  // of the tables and decoder weights it needs
  double quality = 0;                        // 0..100, as given to the encoder
  int q = 0;                                 // the stored number, level * 256
  int tile_size = 0;                         // pixels; 0: one tile
  struct Chunk {
    std::string type;
    std::uint64_t bytes = 0;
  };
  std::vector<Chunk> chunks;  // ReadInfo of a whole file only
};

// Reads the header; no pixel is allocated and no model touched. `file` may be just the first bytes:
// then `chunks` is empty unless the file is whole. Errors: kNotHalfmoon, kTruncated (not even the
// header), kUnsupportedVersion, kChecksumMismatch, kCorrupt, kLimitExceeded.
Result<FileInfo> ReadInfo(std::span<const std::uint8_t> file, const DecodeLimits& limits = {});

struct DecodeOptions {
  int threads = 0;         // 1..256; 0: one per core
  std::string models_dir;  // as EncodeOptions::models_dir
  DecodeLimits limits;

  // Errors: kInvalidArgument naming the field and its range.
  Status Validate() const;
};

// What a decode did, for reports. Seconds are wall-clock.
struct DecodeStats {
  double model_seconds = 0;      // reading and checking weights; 0 when already loaded
  double prior_seconds = 0;      // integer networks
  double entropy_seconds = 0;    // rANS
  double synthesis_seconds = 0;  // g_s
  std::uint64_t symbols = 0;
  // XXH3-64 of all decoded symbols in coding order as int32 little-endian: equal everywhere.
  std::uint64_t symbol_hash = 0;
};

// Thread-safety: one call at a time per object. Models are kept between calls.
class Decoder {
 public:
  // Errors: kInvalidArgument; kModelMissing when there is no manifest.
  static Result<Decoder> Create(const DecodeOptions& options = {});

  Decoder(Decoder&&) noexcept;
  Decoder& operator=(Decoder&&) noexcept;
  ~Decoder();

  // The picture, at its own size and channels. Symbols are exact on every machine; pixels may
  // differ by one level between processors (float synthesis).
  // Errors: those of ReadInfo; kModelMissing, kModelMismatch, kModelCorrupt, kCorrupt, kOutOfMemory.
  Result<Image> Decode(std::span<const std::uint8_t> file, DecodeStats* stats = nullptr);

  // Checks everything without making pixels: checksums, and every symbol of every stream.
  Status Verify(std::span<const std::uint8_t> file, DecodeStats* stats = nullptr);

 private:
  struct Impl;
  explicit Decoder(std::unique_ptr<Impl> impl);
  std::unique_ptr<Impl> impl_;
};

}  // namespace halfmoon
