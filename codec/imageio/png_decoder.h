// libpng's reading behind the C boundary: a struct and functions that leave by value. Internal to
// the png_*.cc files: it includes libpng's header. c_boundary.h has the rules.
#pragma once

#include <png.h>

#include <array>
#include <csetjmp>
#include <cstdint>
#include <span>

#include "codec/imageio/c_boundary.h"
#include "codec/imageio/png_chunks.h"
#include "halfmoon/image.h"

namespace halfmoon::imageio {

// What libpng's callbacks touch; see c_boundary.h.
struct PngDecoder {
  std::jmp_buf jump;
  png_structp png = nullptr;
  png_infop info = nullptr;
  std::span<const std::uint8_t> bytes;
  std::size_t position = 0;
  std::span<const ByteRange> hidden;  // what libpng is not to see, from `position` on
  bool lenient = false;
  bool hit_end = false;  // libpng asked for more than the file has
  png_uint_32 max_side = PNG_UINT_31_MAX;
  png_alloc_size_t max_chunk_bytes = 0;  // of metadata
  char error[kMessageBytes] = {};
  WarningLog log;

  // Filled by ReadHeader.
  png_uint_32 width = 0;
  png_uint_32 height = 0;
  int bit_depth = 0;
  int color_type = 0;
  bool has_transparency = false;  // tRNS
  bool has_srgb = false;
  png_bytep icc = nullptr;  // owned by `info`
  png_uint_32 icc_size = 0;
  bool has_gamma = false;
  png_fixed_point gamma = 0;
  bool has_primaries = false;
  std::array<png_fixed_point, 8> primaries = {};  // white x y, red x y, green x y, blue x y

  int passes = 1;
  png_uint_32 rows_read = 0;  // of all passes

  PngDecoder() = default;
  PngDecoder(const PngDecoder&) = delete;
  PngDecoder& operator=(const PngDecoder&) = delete;
  ~PngDecoder() {
    if (png != nullptr) png_destroy_read_struct(&png, &info, nullptr);
  }
};

inline bool HasAlpha(const PngDecoder& reader) {
  return (reader.color_type & PNG_COLOR_MASK_ALPHA) != 0 || reader.has_transparency;
}
inline bool IsGrey(const PngDecoder& reader) {
  return (reader.color_type & PNG_COLOR_MASK_COLOR) == 0;
}

// Each returns false on failure; PngFailure then says why.
bool ReadPngHeader(PngDecoder* reader);  // everything before the pixels
// Rows come as `row_bytes` bytes after it. REQUIRES: ReadPngHeader succeeded.
bool StartPngRows(PngDecoder* reader, std::size_t row_bytes);
bool ReadPngRow(PngDecoder* reader, std::uint8_t* row);
// All passes of an interlaced picture; each updates only its own pixels of the rows.
bool ReadPngPasses(PngDecoder* reader, Image* image);
bool ReadPngEnd(PngDecoder* reader);

Status PngFailure(const PngDecoder& reader);

}  // namespace halfmoon::imageio
