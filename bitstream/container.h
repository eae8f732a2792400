// The .hmn container: header and chunks, as bytes. Normative text: FORMAT.md. Must not include
// coders, images, or xxHash and zstd headers.
#pragma once

#include <array>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "bitstream/limits.h"
#include "halfmoon/status.h"

namespace halfmoon {

// The first byte is not ASCII (and illegal at the start of UTF-8), so no text file begins like
// this, and a transfer that clears bit 7 is noticed.
inline constexpr std::array<std::uint8_t, 4> kMagic = {0x8D, 'H', 'M', 'N'};
inline constexpr std::uint8_t kFormatMajor = 0;
inline constexpr std::uint8_t kFormatMinor = 5;
// What files need that have no networks of their own: with a pixel density, and without.
inline constexpr std::uint8_t kFormatMinorOfDensity = 4;
inline constexpr std::uint8_t kFormatMinorWithoutDensity = 3;
inline constexpr std::size_t kHeaderBytes = 38;

// Flag bits 0..3 may be ignored by a reader that does not know them, bits 4..7 may not.
inline constexpr std::uint8_t kFlagDependent = 0x10;  // dependent quantisation, FORMAT.md 9.6
inline constexpr std::uint8_t kUnknownCriticalFlags = 0xE0;

// Files of the overfitted codec bring their networks along (chunk NETW): model id and hash are
// these, and no weights are installed for them.
inline constexpr std::uint16_t kOverfittedModelId = 256;
inline constexpr std::array<std::uint8_t, 8> kOverfittedIdentity = {'o', 'v', 'e', 'r',
                                                                    'f', 'i', 't', 1};

enum class Colour : std::uint8_t {
  kSrgb = 0,
  kIcc = 1,  // by the profile in chunk ICCP
};

struct Header {
  // As read. Write writes the lowest format that has all that the file uses.
  std::uint8_t format_major = kFormatMajor;
  std::uint8_t format_minor = kFormatMinor;
  std::uint8_t flags = 0;
  std::uint8_t bit_depth = 8;  // bits per sample: 8 or 16
  std::uint8_t channels = 3;   // 1 grey, 2 grey + alpha, 3 RGB, 4 RGB + alpha
  Colour colour = Colour::kSrgb;
  std::uint16_t model_id = 0;                // 1..65535
  std::array<std::uint8_t, 8> model_hash{};  // of the model's tables and decoder weights
  std::uint32_t width = 0;                   // pixels, >= 1
  std::uint32_t height = 0;
  std::uint16_t quality = 0;      // quality level * 256, 0..kMaxQuality
  std::uint16_t tile_size = 0;    // pixels, multiple of 64; 0 = one tile
  std::uint16_t chunk_count = 0;  // as read; Write counts

  bool overfitted() const {
    return model_id == kOverfittedModelId && model_hash == kOverfittedIdentity;
  }
  bool dependent() const { return (flags & kFlagDependent) != 0; }
  bool has_alpha() const { return channels == 2 || channels == 4; }
  std::uint32_t tile_columns() const { return tile_size == 0 ? 1 : (width - 1) / tile_size + 1; }
  std::uint32_t tile_rows() const { return tile_size == 0 ? 1 : (height - 1) / tile_size + 1; }
  std::uint64_t tile_count() const { return std::uint64_t{tile_columns()} * tile_rows(); }
};

// Four ASCII letters, the first one in the lowest byte: as they lie in the file.
struct ChunkType {
  std::uint32_t code = 0;

  constexpr ChunkType() = default;
  explicit constexpr ChunkType(std::uint32_t value) : code(value) {}
  explicit constexpr ChunkType(std::string_view name) {  // REQUIRES: four characters
    for (std::size_t i = 4; i > 0; --i) code = (code << 8) | static_cast<std::uint8_t>(name[i - 1]);
  }

  // An upper-case first letter: a reader that does not know the chunk cannot decode the picture.
  constexpr bool critical() const { return (code & 0x20u) == 0; }
  // The letters, or hexadecimal bytes when they are none.
  std::string Name() const;
  bool operator==(const ChunkType&) const = default;
  auto operator<=>(const ChunkType&) const = default;
};

inline constexpr ChunkType kChunkLatents(
    "LATT");                                     // one tile's latent stream; k-th chunk = k-th tile
inline constexpr ChunkType kChunkAlpha("ALPH");  // one tile's alpha; k-th chunk = k-th tile
inline constexpr ChunkType kChunkNetworks("NETW");  // of the picture, overfitted codec only
inline constexpr ChunkType kChunkIcc("ICCP");       // ICC profile, compressed
inline constexpr ChunkType kChunkExif("eXIF");      // EXIF block, compressed
inline constexpr ChunkType kChunkXmp("xMPP");       // XMP packet, compressed
inline constexpr ChunkType kChunkDensity("dENS");   // pixels per length

struct Chunk {
  ChunkType type;
  std::span<const std::uint8_t> payload;  // of a tile's chunk: without the tile's number
};

struct ParsedFile {
  Header header;
  std::vector<Chunk> chunks;  // in file order, unknown optional ones too

  // The chunk of that type, or none; the first one of LATT.
  const Chunk* Find(ChunkType type) const;
  // The latent streams in tile order; header.tile_count() of them.
  std::vector<std::span<const std::uint8_t>> Latents() const { return All(kChunkLatents); }
  // The alpha streams in tile order; as many, or none without alpha.
  std::vector<std::span<const std::uint8_t>> Alphas() const { return All(kChunkAlpha); }

 private:
  std::vector<std::span<const std::uint8_t>> All(ChunkType type) const;
};

// Reads and checks the first kHeaderBytes bytes; what follows need not be there.
// Errors: kNotHalfmoon, kTruncated, kUnsupportedVersion, kChecksumMismatch, kCorrupt,
//   kUnsupportedFeature, kLimitExceeded; the message names field, offset, value and remedy.
Result<Header> ParseHeader(std::span<const std::uint8_t> file, const Limits& limits = {});

// Reads and checks a whole file. Payloads are checked by checksum only.
// Lifetime: the payloads point into `file`.
// Errors: as ParseHeader; kUnsupportedFeature for an unknown critical chunk; kOutOfMemory.
Result<ParsedFile> Parse(std::span<const std::uint8_t> file, const Limits& limits = {});

// The chunk at `offset`, and where the next one begins. Of its type and checksum everything is
// checked, its place among the others is not, and a tile's number is still in its payload. For
// readers of damaged files (salvage.h).
// Errors: kTruncated, kChecksumMismatch, kCorrupt; kUnsupportedFeature for an unknown critical one.
struct ChunkAt {
  Chunk chunk;
  std::size_t end = 0;
};
Result<ChunkAt> ParseChunk(std::span<const std::uint8_t> file, std::size_t offset);

// The number at the beginning of the payload of a tile's chunk in a file of several tiles.
struct TileNumber {
  bool ok = false;  // a legal varint was there
  std::uint32_t tile = 0;
  std::size_t bytes = 0;
};
TileNumber ReadTileNumber(std::span<const std::uint8_t> payload);

// Makes a file. Chunks are written in the order given; LATT chunks are in tile order.
// Errors: kInvalidArgument for whatever Parse would refuse; kLimitExceeded, kUnsupportedFeature for
// a
//   header beyond the limits or of a kind not supported; kOutOfMemory.
Result<std::vector<std::uint8_t>> Write(const Header& header, std::span<const Chunk> chunks,
                                        const Limits& limits = {});

}  // namespace halfmoon
