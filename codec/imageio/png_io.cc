// See c_boundary.h for the rules that keep longjmp and C++ apart.
#include "codec/imageio/png_io.h"

#include <png.h>
#include <zlib.h>

#include <algorithm>
#include <array>
#include <csetjmp>
#include <cstdlib>
#include <cstring>
#include <string_view>

#include "codec/imageio/c_boundary.h"
#include "codec/imageio/orientation.h"

namespace halfmoon::imageio {
namespace {

constexpr std::array<std::uint8_t, 8> kSignature = {0x89, 'P', 'N', 'G', '\r', '\n', 0x1A, '\n'};

// Most memory libpng may take for one chunk, e.g. an unpacked ICC profile. Real profiles have up to
// a few MB (CMYK tables, look-up-table displays).
constexpr png_alloc_size_t kMaxChunkBytes = png_alloc_size_t{16} << 20;
// Chunks that libpng would keep for us. We ask for none; the limit is a second fence.
constexpr png_uint_32 kMaxKeptChunks = 64;
// deflate cannot expand more than 1032 times (zlib's technical notes): 258 bytes from 2 bits.
constexpr std::uint64_t kMaxDeflateRatio = 1032;

std::uint32_t BigEndian32(const std::uint8_t* bytes) {
  return (std::uint32_t{bytes[0]} << 24) | (std::uint32_t{bytes[1]} << 16) |
         (std::uint32_t{bytes[2]} << 8) | bytes[3];
}

bool StartsWith(std::span<const std::uint8_t> bytes, std::string_view text) {
  return bytes.size() >= text.size() && std::memcmp(bytes.data(), text.data(), text.size()) == 0;
}

// --- Survey ----------------------------------------------------------------------------------
// One walk over the chunk headers before libpng sees the file. It finds what libpng 1.6 does not
// tell (animation, Apple's variant, cICP), keeps libpng away from metadata we drop anyway, and
// knows how much packed pixel data there is before memory is taken for the unpacked.
struct Survey {
  std::uint32_t width = 0;  // of IHDR, unchecked; 0 when there is none
  std::uint32_t height = 0;
  std::uint64_t idat_bytes = 0;
  std::span<const std::uint8_t> exif;
  bool apple = false;     // CgBI: raw deflate and BGR samples, not a PNG by the standard
  bool animated = false;  // acTL
  bool has_exif = false;
  bool has_xmp = false;
  bool has_text = false;
  bool other_cicp = false;  // a coded colour space other than sRGB
};

Survey SurveyChunks(std::span<const std::uint8_t> bytes) {
  Survey survey;
  std::size_t at = kSignature.size();
  while (bytes.size() - at >= 8) {
    const std::uint32_t length = BigEndian32(bytes.data() + at);
    const std::string_view type(reinterpret_cast<const char*>(bytes.data()) + at + 4, 4);
    at += 8;
    const std::size_t present = std::min<std::size_t>(length, bytes.size() - at);
    const std::span<const std::uint8_t> body = bytes.subspan(at, present);
    if (type == "IHDR" && at == kSignature.size() + 8 && present >= 8) {
      survey.width = BigEndian32(body.data());
      survey.height = BigEndian32(body.data() + 4);
    } else if (type == "IDAT") {
      survey.idat_bytes += present;
    } else if (type == "CgBI") {
      survey.apple = true;
    } else if (type == "acTL") {
      survey.animated = true;
    } else if (type == "eXIf") {
      survey.has_exif = true;
      survey.exif = body;
    } else if (type == "iTXt" && StartsWith(body, "XML:com.adobe.xmp")) {
      survey.has_xmp = true;
    } else if (type == "tEXt" || type == "zTXt" || type == "iTXt") {
      // ImageMagick's way of storing EXIF in text, in use before there was an eXIf chunk.
      (StartsWith(body, "Raw profile type exif") ? survey.has_exif : survey.has_text) = true;
    } else if (type == "cICP") {
      constexpr std::array<std::uint8_t, 4> kSrgb = {1, 13, 0, 1};  // ITU-T H.273
      if (!std::equal(body.begin(), body.end(), kSrgb.begin(), kSrgb.end())) {
        survey.other_cicp = true;
      }
    }
    // Body and checksum; a chunk that is cut short ends the walk.
    if (bytes.size() - at < std::size_t{length} + 4) break;
    at += std::size_t{length} + 4;
    if (type == "IEND") break;
  }
  return survey;
}

// --- Reading by libpng -------------------------------------------------------------------------
struct Reader {
  std::jmp_buf jump;
  png_structp png = nullptr;
  png_infop info = nullptr;
  std::span<const std::uint8_t> bytes;
  std::size_t position = 0;
  bool lenient = false;
  bool hit_end = false;  // libpng asked for more than the file has
  png_uint_32 max_side = PNG_UINT_31_MAX;
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

  // Filled by ReadPixels.
  png_uint_32 rows_read = 0;

  Reader() = default;
  Reader(const Reader&) = delete;
  Reader& operator=(const Reader&) = delete;
  ~Reader() {
    if (png != nullptr) png_destroy_read_struct(&png, &info, nullptr);
  }
};

[[noreturn]] void OnReadError(png_structp png, png_const_charp message) {
  auto* reader = static_cast<Reader*>(png_get_error_ptr(png));
  CopyMessage(reader->error, message);
  std::longjmp(reader->jump, 1);
}

void OnReadWarning(png_structp png, png_const_charp message) {
  auto* reader = static_cast<Reader*>(png_get_error_ptr(png));
  // libpng only warns when the Adler-32 checksum of the unpacked pixels is wrong. To us that is
  // damage. Surplus bytes after complete pixels are not.
  const bool about_pixels = std::strncmp(message, "IDAT: ", 6) == 0;
  const bool surplus = std::strstr(message, "Extra compressed data") != nullptr ||
                       std::strstr(message, "Too much image data") != nullptr;
  if (about_pixels && !surplus && !reader->lenient) OnReadError(png, message);
  reader->log.Add(message);
}

void OnRead(png_structp png, png_bytep out, std::size_t size) {
  auto* reader = static_cast<Reader*>(png_get_io_ptr(png));
  const std::size_t left = reader->bytes.size() - reader->position;
  if (left < size) {
    // libpng asks for 8 KiB of a chunk at a time. Being lenient, give it the rest of the file once,
    // so that the pixels in there are unpacked; the zeros after it are no valid deflate stream.
    if (!reader->lenient || left == 0) {
      reader->hit_end = true;
      png_error(png, "the file ends early");
    }
    reader->hit_end = true;
    std::memset(out + left, 0, size - left);
    size = left;
  }
  std::memcpy(out, reader->bytes.data() + reader->position, size);
  reader->position += size;
}

// Everything before the pixels. False on failure, with reader->error set.
bool ReadHeader(Reader* reader) {
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
  png_set_chunk_malloc_max(png, kMaxChunkBytes);
  png_set_chunk_cache_max(png, kMaxKeptChunks);
  // Skip, but still check the CRC of, every chunk that has no part in the pixels.
  static constexpr char kIgnored[] =
      "tEXt\0zTXt\0iTXt\0eXIf\0sPLT\0hIST\0pCAL\0sCAL\0tIME\0oFFs\0bKGD\0sBIT\0pHYs";
  png_set_keep_unknown_chunks(png, PNG_HANDLE_CHUNK_NEVER,
                              reinterpret_cast<png_const_bytep>(kIgnored),
                              static_cast<int>(sizeof(kIgnored) / 5));
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

// REQUIRES: ReadHeader succeeded; `image` has the picture's size and channels.
bool ReadPixels(Reader* reader, Image* image) {
  if (setjmp(reader->jump) != 0) return false;
  png_structp png = reader->png;
  if (reader->color_type == PNG_COLOR_TYPE_PALETTE) png_set_palette_to_rgb(png);
  if (reader->color_type == PNG_COLOR_TYPE_GRAY) png_set_expand_gray_1_2_4_to_8(png);
  const int passes = png_set_interlace_handling(png);
  png_read_update_info(png, reader->info);
  if (png_get_rowbytes(png, reader->info) != image->stride()) {
    png_error(png, "libpng and Halfmoon disagree about the length of a row");
  }
  for (int pass = 0; pass < passes; ++pass) {
    // Interlaced passes update only their own pixels of the row.
    for (png_uint_32 y = 0; y < reader->height; ++y) {
      png_read_row(png, image->row(y), nullptr);
      ++reader->rows_read;
    }
  }
  png_read_end(png, nullptr);
  return true;
}

Status ReadFailure(const Reader& reader) {
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
  return {StatusCode::kCorrupt,
          message + ", near byte " + std::to_string(reader.position) + "; the file is damaged"};
}

Status CheckSignature(std::span<const std::uint8_t> bytes, const Survey& survey) {
  if (bytes.size() < kSignature.size()) {
    return {StatusCode::kTruncated, "PNG: the file ends within its signature"};
  }
  if (!std::equal(kSignature.begin(), kSignature.end(), bytes.begin())) {
    return {StatusCode::kCorrupt,
            "PNG: damaged signature, as left by a transfer in text mode; copy the file as binary"};
  }
  if (survey.apple) {
    return {StatusCode::kUnsupportedFeature,
            "Apple's CgBI variant of PNG is not supported; convert to standard PNG"};
  }
  return Status::Ok();
}

// Values of sRGB in units of 1/100000, and how far a writer's rounding may be off.
constexpr png_fixed_point kSrgbGamma = 45455;
constexpr png_fixed_point kGammaTolerance = 500;
constexpr std::array<png_fixed_point, 8> kSrgbPrimaries = {31270, 32900, 64000, 33000,
                                                           30000, 60000, 15000, 6000};
constexpr png_fixed_point kPrimaryTolerance = 1000;

void WarnAboutDropped(const Reader& reader, const Survey& survey, bool orientation_applied,
                      std::vector<std::string>* warnings) {
  if (reader.icc == nullptr && !reader.has_srgb) {
    if (reader.has_gamma && std::abs(reader.gamma - kSrgbGamma) > kGammaTolerance) {
      Warn(warnings, "PNG gamma " + std::to_string(reader.gamma) +
                         "/100000 differs from sRGB's 45455/100000 and is ignored; the samples "
                         "are taken as sRGB");
    }
    bool differs = false;
    for (std::size_t i = 0; i < kSrgbPrimaries.size(); ++i) {
      // Twice the limit would overflow for no legal value, but the file may hold any.
      const auto distance = std::abs(std::int64_t{reader.primaries[i]} - kSrgbPrimaries[i]);
      differs = differs || distance > kPrimaryTolerance;
    }
    if (reader.has_primaries && differs) {
      Warn(warnings,
           "PNG primaries (cHRM) differ from sRGB's and are ignored; the samples are taken as "
           "sRGB");
    }
    if (survey.other_cicp) {
      Warn(warnings,
           "PNG colour space (cICP) differs from sRGB and is ignored; the samples are taken as "
           "sRGB");
    }
  }
  if (survey.animated) Warn(warnings, "animated PNG: only the still picture is read");
  if (survey.has_exif) {
    Warn(warnings, orientation_applied
                       ? "EXIF metadata is not kept yet (its orientation was applied)"
                       : "EXIF metadata is not kept yet");
  }
  if (survey.has_xmp) Warn(warnings, "XMP metadata is not kept yet");
  if (survey.has_text) Warn(warnings, "text metadata is not kept yet");
  Warn(warnings, "PNG: ", reader.log);
}

bool HasAlpha(const Reader& reader) {
  return (reader.color_type & PNG_COLOR_MASK_ALPHA) != 0 || reader.has_transparency;
}

bool IsGrey(const Reader& reader) { return (reader.color_type & PNG_COLOR_MASK_COLOR) == 0; }

Status CheckSupported(const Reader& reader) {
  if (reader.bit_depth == 16) {
    return {StatusCode::kUnsupportedFeature, "16-bit PNG is not supported yet; convert to 8 bit"};
  }
  if ((reader.color_type & PNG_COLOR_MASK_ALPHA) != 0) {
    return {StatusCode::kUnsupportedFeature,
            "PNG with an alpha channel is not supported yet; flatten it first"};
  }
  if (reader.has_transparency) {
    return {StatusCode::kUnsupportedFeature,
            "PNG with transparent colours (tRNS) is not supported yet; flatten it first"};
  }
  return Status::Ok();
}

// A few bytes can claim a huge picture. Refuse before memory is taken.
Status CheckEnoughData(const Reader& reader, const Survey& survey) {
  const std::uint64_t samples_per_pixel =
      reader.color_type == PNG_COLOR_TYPE_RGB ? 3 : 1;  // palette and grey: 1
  const std::uint64_t row_bits =
      std::uint64_t{reader.width} * samples_per_pixel * static_cast<unsigned>(reader.bit_depth);
  const std::uint64_t unpacked = (row_bits + 7) / 8 * reader.height;
  if (unpacked / kMaxDeflateRatio <= survey.idat_bytes) return Status::Ok();
  return {StatusCode::kTruncated,
          "PNG: " + std::to_string(survey.idat_bytes) + " bytes of packed pixels cannot hold " +
              std::to_string(reader.width) + " x " + std::to_string(reader.height) + " pixels"};
}

}  // namespace

bool HasPngSignature(std::span<const std::uint8_t> bytes) {
  // The first four bytes suffice: damage to the other four, which are there to reveal transfers in
  // text mode, is reported as such. A first byte that lost its top bit is such damage, too.
  return StartsWith(bytes, "\x89PNG") || StartsWith(bytes, "\x09PNG");
}

Result<ImageInfo> ReadPngInfo(std::span<const std::uint8_t> bytes,
                              const ImageReadOptions& options) {
  const Survey survey = bytes.size() >= kSignature.size() ? SurveyChunks(bytes) : Survey();
  HALFMOON_RETURN_IF_ERROR(CheckSignature(bytes, survey));
  Reader reader;
  reader.bytes = bytes;
  reader.lenient = options.lenient;
  if (!ReadHeader(&reader)) return ReadFailure(reader);
  ImageInfo info;
  info.format = ImageFormat::kPng;
  info.width = reader.width;
  info.height = reader.height;
  info.has_alpha = HasAlpha(reader);
  info.channels = (IsGrey(reader) ? 1u : 3u) + (info.has_alpha ? 1u : 0u);
  info.bit_depth = reader.bit_depth == 16 ? 16 : 8;
  info.has_icc = reader.icc != nullptr;
  info.orientation = ExifOrientation(survey.exif);
  if (options.apply_orientation && OrientationSwapsSides(info.orientation)) {
    std::swap(info.width, info.height);
  }
  return info;
}

Result<Image> ReadPng(std::span<const std::uint8_t> bytes, const ImageReadOptions& options,
                      std::vector<std::string>* warnings) {
  const Survey survey = bytes.size() >= kSignature.size() ? SurveyChunks(bytes) : Survey();
  HALFMOON_RETURN_IF_ERROR(CheckSignature(bytes, survey));
  if (survey.width != 0 && survey.height != 0) {
    HALFMOON_RETURN_IF_ERROR(CheckImageSize(survey.width, survey.height, options.max_pixels));
  }
  Reader reader;
  reader.bytes = bytes;
  reader.lenient = options.lenient;
  reader.max_side = kMaxImageSide;
  if (!ReadHeader(&reader)) return ReadFailure(reader);
  HALFMOON_RETURN_IF_ERROR(CheckSupported(reader));
  if (!options.lenient) HALFMOON_RETURN_IF_ERROR(CheckEnoughData(reader, survey));
  HALFMOON_ASSIGN_OR_RETURN(Image image, Image::Create(reader.width, reader.height,
                                                       IsGrey(reader) ? 1 : 3, options.max_pixels));
  if (reader.icc != nullptr) image.set_icc({reader.icc, reader.icc + reader.icc_size});
  if (!ReadPixels(&reader, &image)) {
    if (!options.lenient || reader.rows_read == 0) return ReadFailure(reader);
    Warn(warnings, ReadFailure(reader).message() + "; pixels after that are black or coarse");
  }
  const int orientation = options.apply_orientation ? ExifOrientation(survey.exif) : 1;
  WarnAboutDropped(reader, survey, orientation != 1, warnings);
  return ApplyOrientation(std::move(image), orientation);
}

// --- Writing -----------------------------------------------------------------------------------
namespace {

struct Writer {
  std::jmp_buf jump;
  png_structp png = nullptr;
  png_infop info = nullptr;
  std::vector<std::uint8_t> out;
  char error[kMessageBytes] = {};
  bool out_of_memory = false;
  WarningLog log;

  Writer() = default;
  Writer(const Writer&) = delete;
  Writer& operator=(const Writer&) = delete;
  ~Writer() {
    if (png != nullptr) png_destroy_write_struct(&png, &info);
  }
};

[[noreturn]] void OnWriteError(png_structp png, png_const_charp message) {
  auto* writer = static_cast<Writer*>(png_get_error_ptr(png));
  CopyMessage(writer->error, message);
  std::longjmp(writer->jump, 1);
}

void OnWriteWarning(png_structp png, png_const_charp message) {
  static_cast<Writer*>(png_get_error_ptr(png))->log.Add(message);
}

void OnWrite(png_structp png, png_bytep data, std::size_t size) {
  auto* writer = static_cast<Writer*>(png_get_io_ptr(png));
  if (!Append(&writer->out, data, size)) {
    writer->out_of_memory = true;
    png_error(png, "out of memory");
  }
}

void OnFlush(png_structp) {}

// Chosen by measuring on photographs; the figures are in README.md.
void SetCompression(png_structp png, int level) {
  png_set_compression_level(png, level);
  // libpng's own choice, Z_FILTERED, is slower and larger from level 4 on.
  png_set_compression_strategy(png, Z_DEFAULT_STRATEGY);
  // At low levels the Paeth filter costs a third of the time and gains nothing. Nothing profits
  // from filters when it is not packed.
  constexpr int kFastFilters = PNG_FILTER_SUB | PNG_FILTER_UP | PNG_FILTER_AVG;
  constexpr int kBestLevel = 6;
  png_set_filter(png, PNG_FILTER_TYPE_BASE,
                 level == 0           ? PNG_FILTER_NONE
                 : level < kBestLevel ? kFastFilters
                                      : PNG_ALL_FILTERS);
  png_set_compression_buffer_size(png, 1 << 16);  // bytes per IDAT chunk; libpng's default is 8192
}

bool WriteAll(Writer* writer, const ImageView* image, int level) {
  if (setjmp(writer->jump) != 0) return false;
  writer->png =
      png_create_write_struct(PNG_LIBPNG_VER_STRING, writer, &OnWriteError, &OnWriteWarning);
  if (writer->png == nullptr) {
    writer->out_of_memory = true;
    return false;
  }
  png_structp png = writer->png;
  writer->info = png_create_info_struct(png);
  if (writer->info == nullptr) {
    writer->out_of_memory = true;
    return false;
  }
  png_infop info = writer->info;
  png_set_write_fn(png, writer, &OnWrite, &OnFlush);
  // An ICC profile that libpng finds unfit becomes a warning and is left out.
  png_set_benign_errors(png, 1);
  SetCompression(png, level);
  png_set_IHDR(png, info, image->width, image->height, 8,
               image->channels == 1 ? PNG_COLOR_TYPE_GRAY : PNG_COLOR_TYPE_RGB, PNG_INTERLACE_NONE,
               PNG_COMPRESSION_TYPE_DEFAULT, PNG_FILTER_TYPE_DEFAULT);
  if (image->icc.empty()) {
    png_set_sRGB(png, info, PNG_sRGB_INTENT_PERCEPTUAL);
  } else {
    png_set_iCCP(png, info, "ICC profile", PNG_COMPRESSION_TYPE_BASE, image->icc.data(),
                 static_cast<png_uint_32>(image->icc.size()));
  }
  png_write_info(png, info);
  for (std::uint32_t y = 0; y < image->height; ++y) png_write_row(png, image->row(y));
  png_write_end(png, nullptr);
  return true;
}

}  // namespace

Result<std::vector<std::uint8_t>> WritePng(const ImageView& image, const ImageWriteOptions& options,
                                           std::vector<std::string>* warnings) {
  Writer writer;
  if (!WriteAll(&writer, &image, options.png_level)) {
    if (writer.out_of_memory) {
      return Status(StatusCode::kOutOfMemory, "PNG: no memory for the file");
    }
    return Status(StatusCode::kInternal, std::string("PNG: libpng refused to write: ") +
                                             writer.error + "; please report it");
  }
  Warn(warnings, "PNG: ", writer.log);
  return std::move(writer.out);
}

}  // namespace halfmoon::imageio
