// The checksum of header and chunks: XXH3-64 cut to its low 32 bits. Includes xxHash; use in .cc
// files only, so that xxHash stays out of other headers.
#pragma once

#include <cstdint>
#include <span>

#define XXH_INLINE_ALL
#include <xxhash.h>

namespace halfmoon {

// Why 32 of 64 bits: it detects accidents, not attacks, and every byte counts in a file of 3 kB.
inline std::uint32_t Checksum32(std::span<const std::uint8_t> bytes) {
  return static_cast<std::uint32_t>(XXH3_64bits(bytes.data(), bytes.size()) & 0xFFFFFFFFu);
}

}  // namespace halfmoon
