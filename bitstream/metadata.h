// Compressed blocks: a declared size and a zstd frame, as in the chunks ICCP, eXIF, xMPP and ALPH;
// and the density in chunk dENS. Must not include zstd headers.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <vector>

#include "bitstream/limits.h"
#include "halfmoon/status.h"

namespace halfmoon {

// zstd's densest level below those that need much memory; slow (MB/s), right for metadata.
inline constexpr int kMetadataLevel = 19;

// The block of `raw`: its size as a varint, then one zstd frame.
// Range: level 1..19, quick to dense. The same bytes for the same zstd version; other versions may
//   compress differently.
// Errors: kInvalidArgument for another level or above 2^32 - 1 bytes; kOutOfMemory.
Result<std::vector<std::uint8_t>> CompressBlock(std::span<const std::uint8_t> raw,
                                                int level = kMetadataLevel);

// The bytes of a block that declares at most `max_bytes`; the limit is checked before memory is
// taken. Errors: kTruncated, kCorrupt, kLimitExceeded, kOutOfMemory.
Result<std::vector<std::uint8_t>> DecompressBlock(std::span<const std::uint8_t> block,
                                                  std::uint64_t max_bytes);

// The same for metadata, bounded by limits.max_metadata_bytes in both directions: what is written
// can be read.
Result<std::vector<std::uint8_t>> CompressMetadata(std::span<const std::uint8_t> raw,
                                                   const Limits& limits = {});
Result<std::vector<std::uint8_t>> DecompressMetadata(std::span<const std::uint8_t> block,
                                                     const Limits& limits = {});

// Chunk dENS: pixels per unit of length.
struct Density {
  std::uint8_t unit = 0;       // 0 none: only the shape of a pixel, 1 inch, 2 cm, 3 m
  std::uint32_t x = 0, y = 0;  // 1..2^31-1
  bool operator==(const Density&) const = default;
};

// The payload. Errors: kInvalidArgument for numbers out of range.
Result<std::vector<std::uint8_t>> WriteDensity(const Density& density);

// What a payload says; nothing when it is not one of this version's.
std::optional<Density> ReadDensity(std::span<const std::uint8_t> payload);

}  // namespace halfmoon
