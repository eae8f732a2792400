// See c_boundary.h for the rules that keep longjmp and C++ apart.
#include "codec/imageio/png_decoder.h"

#include <algorithm>
#include <bit>
#include <cstring>
#include <string>

namespace halfmoon::imageio {
namespace {

[[noreturn]] void OnReadError(png_structp png, png_const_charp message) {
  auto* reader = static_cast<PngDecoder*>(png_get_error_ptr(png));
  CopyMessage(reader->error, message);
  std::longjmp(reader->jump, 1);
}

void OnReadWarning(png_structp png, png_const_charp message) {
  auto* reader = static_cast<PngDecoder*>(png_get_error_ptr(png));
  // libpng only warns when the Adler-32 checksum of the unpacked pixels is wrong. To us that is
  // damage. Surplus bytes after complete pixels are not.
  const bool about_pixels = std::strncmp(message, "IDAT: ", 6) == 0;
  const bool surplus = std::strstr(message, "Extra compressed data") != nullptr ||
                       std::strstr(message, "Too much image data") != nullptr;
  if (about_pixels && !surplus && !reader->lenient) OnReadError(png, message);
  reader->log.Add(message);
}

// The next bytes that libpng is to see; fewer at the end of the file.
std::size_t TakeBytes(PngDecoder* reader, png_bytep out, std::size_t size) {
  std::size_t taken = 0;
  while (taken < size) {
    if (!reader->hidden.empty() && reader->hidden.front().begin == reader->position) {
      reader->position = reader->hidden.front().end;
      reader->hidden = reader->hidden.subspan(1);
      continue;
    }
    const std::size_t end =
        reader->hidden.empty() ? reader->bytes.size() : reader->hidden.front().begin;
    const std::size_t count = std::min(end - reader->position, size - taken);
    if (count == 0) break;
    std::memcpy(out + taken, reader->bytes.data() + reader->position, count);
    reader->position += count;
    taken += count;
  }
  return taken;
}

void OnRead(png_structp png, png_bytep out, std::size_t size) {
  auto* reader = static_cast<PngDecoder*>(png_get_io_ptr(png));
  const std::size_t taken = TakeBytes(reader, out, size);
  if (taken == size) return;
  // libpng asks for 8 KiB of a chunk at a time. Being lenient, give it the rest of the file once,
  // so that the pixels in there are unpacked; the zeros after it are no valid deflate stream.
  reader->hit_end = true;
  if (!reader->lenient || taken == 0) png_error(png, "the file ends early");
  std::memset(out + taken, 0, size - taken);
}

}  // namespace

// Everything before the pixels. False on failure, with reader->error set.
bool ReadPngHeader(PngDecoder* reader) {
  if (setjmp(reader->jump) != 0) return false;
  reader->png = png_create_read_struct(PNG_LIBPNG_VER_STRING, reader, &OnReadError, &OnReadWarning);
  if (reader->png == nullptr) {
    CopyMessage(reader->error, "libpng could not start");
    return false;
  }
  png_structp png = reader->png;
  reader->info = png_create_info_struct(png);
  if (reader->info == nullptr) {
    CopyMessage(reader->error, "libpng could not start");
    return false;
  }
  png_infop info = reader->info;
  png_set_read_fn(png, reader, &OnRead);
  png_set_user_limits(png, reader->max_side, reader->max_side);
  png_set_chunk_malloc_max(png, reader->max_chunk_bytes);
  if (reader->lenient) {
    png_set_crc_action(png, PNG_CRC_WARN_USE, PNG_CRC_WARN_DISCARD);
#ifdef PNG_IGNORE_ADLER32
    png_set_option(png, PNG_IGNORE_ADLER32, PNG_OPTION_ON);
#endif
  } else {
    png_set_crc_action(png, PNG_CRC_ERROR_QUIT, PNG_CRC_ERROR_QUIT);
  }

  png_read_info(png, info);
  reader->width = png_get_image_width(png, info);
  reader->height = png_get_image_height(png, info);
  reader->bit_depth = png_get_bit_depth(png, info);
  reader->color_type = png_get_color_type(png, info);
  reader->has_transparency = png_get_valid(png, info, PNG_INFO_tRNS) != 0;
  reader->has_srgb = png_get_valid(png, info, PNG_INFO_sRGB) != 0;
  png_charp icc_name = nullptr;
  int icc_compression = 0;
  if (png_get_iCCP(png, info, &icc_name, &icc_compression, &reader->icc, &reader->icc_size) == 0) {
    reader->icc = nullptr;
  }
  reader->has_gamma = png_get_gAMA_fixed(png, info, &reader->gamma) != 0;
  auto& p = reader->primaries;
  reader->has_primaries =
      png_get_cHRM_fixed(png, info, &p[0], &p[1], &p[2], &p[3], &p[4], &p[5], &p[6], &p[7]) != 0;
  return true;
}

bool StartPngRows(PngDecoder* reader, std::size_t row_bytes) {
  if (setjmp(reader->jump) != 0) return false;
  png_structp png = reader->png;
  if (reader->color_type == PNG_COLOR_TYPE_PALETTE) png_set_palette_to_rgb(png);
  if (reader->color_type == PNG_COLOR_TYPE_GRAY) png_set_expand_gray_1_2_4_to_8(png);
  if (reader->has_transparency) png_set_tRNS_to_alpha(png);
  if (reader->bit_depth == 16 && std::endian::native == std::endian::little) png_set_swap(png);
  reader->passes = png_set_interlace_handling(png);
  png_read_update_info(png, reader->info);
  if (png_get_rowbytes(png, reader->info) != row_bytes) {
    png_error(png, "libpng and Halfmoon disagree about the length of a row");
  }
  return true;
}

bool ReadPngRow(PngDecoder* reader, std::uint8_t* row) {
  if (setjmp(reader->jump) != 0) return false;
  png_read_row(reader->png, row, nullptr);
  ++reader->rows_read;
  return true;
}

bool ReadPngPasses(PngDecoder* reader, Image* image) {
  if (setjmp(reader->jump) != 0) return false;
  for (int pass = 0; pass < reader->passes; ++pass) {
    for (png_uint_32 y = 0; y < reader->height; ++y) {
      png_read_row(reader->png, image->row(y), nullptr);
      ++reader->rows_read;
    }
  }
  return true;
}

bool ReadPngEnd(PngDecoder* reader) {
  if (setjmp(reader->jump) != 0) return false;
  png_read_end(reader->png, nullptr);
  return true;
}

Status PngFailure(const PngDecoder& reader) {
  if (reader.hit_end) {
    return {StatusCode::kTruncated, "PNG: the file ends early, after " +
                                        std::to_string(reader.bytes.size()) +
                                        " bytes; the rest is missing"};
  }
  std::string message = std::string("PNG: ") + reader.error;
  // "Invalid IHDR data" alone says little; the reason came as a warning before it.
  for (std::size_t i = 0; i < reader.log.kept; ++i) {
    message += std::string(i == 0 ? " (" : "; ") + reader.log.text[i];
  }
  if (reader.log.kept > 0) message += ")";
  if (std::strstr(reader.error, "ut of memory") != nullptr ||
      std::strstr(reader.error, "nsufficient memory") != nullptr) {
    return {StatusCode::kOutOfMemory, message};
  }
  if (std::strstr(reader.error, "too large") != nullptr) {
    return {StatusCode::kLimitExceeded,
            message + ": a chunk has more than " + std::to_string(reader.max_chunk_bytes) +
                " bytes; raise the metadata limit if you trust the file"};
  }
  return {StatusCode::kCorrupt,
          message + ", near byte " + std::to_string(reader.position) + "; the file is damaged"};
}

}  // namespace halfmoon::imageio
