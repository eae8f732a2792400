// Named limits of the format and of what a decoder accepts. Must not include anything but std.
#pragma once

#include <cstddef>
#include <cstdint>

namespace halfmoon {

// --- Limits of the format: part of FORMAT.md, the same for everybody ----------------------------

// A table index is one byte.
inline constexpr std::size_t kMaxTables = 256;

// Frequencies of one table sum to 2^16 and each is at least 1, and a table needs one symbol beside
// its escape.
inline constexpr std::int32_t kMinTableSize = 2;
inline constexpr std::int32_t kMaxTableSize = 1 << 16;

// Frequencies of a whole set. A set for scales 0.11..64 has about 6000; a million costs a reader
// 30 MB, so a weights file cannot exhaust memory with tables alone.
inline constexpr std::size_t kMaxTableEntries = std::size_t{1} << 20;

// Latent symbols lie in [-2^20, 2^20]. Trained latents stay below 2^12; the rest is head room, and
// 16 * symbol + mean still fits in 32 bits with a wide margin.
inline constexpr std::int32_t kMaxSymbolMagnitude = 1 << 20;

// Zero bits before the first one bit of an escape code. The farthest symbol from a table is 2^21
// away, its code value is below 2^22, so no legal code has a longer prefix.
inline constexpr int kMaxEscapePrefix = 22;

// Quality level times 256, levels 0..63.
inline constexpr std::uint16_t kMaxQuality = 63 * 256;

// Sides of tiles are multiples of 64: one sample of the hyper-latent z covers 64 x 64 pixels.
inline constexpr std::uint16_t kTileUnit = 64;

// --- Limits of a decoder: a caller may change them ---------------------------------------------

// What a reader accepts from an untrusted file before it allocates anything.
struct Limits {
  // Largest width and height in pixels. Every image library takes 16-bit sides (JPEG's maximum);
  // beyond it 32-bit offsets in other people's code begin to overflow.
  std::uint32_t max_dimension = 65535;

  // Largest width * height. 2^28 pixels (16384 x 16384) are 768 MiB of 8-bit RGB.
  std::uint64_t max_pixels = std::uint64_t{1} << 28;

  // Largest decompressed size of one metadata chunk, in bytes. ICC profiles and EXIF stay below
  // 4 MiB, XMP with embedded thumbnails below 64 MiB.
  std::uint64_t max_metadata_bytes = std::uint64_t{64} << 20;

  // Most chunks in a file; the field has 16 bits. Bounds the memory for the chunk list to 1.5 MiB.
  std::uint32_t max_chunks = 65535;
};

}  // namespace halfmoon
