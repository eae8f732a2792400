// See c_boundary.h for the rules that keep longjmp and C++ apart.
#include "codec/imageio/formats.h"

#include <png.h>

#include <algorithm>
#include <array>
#include <bit>
#include <csetjmp>
#include <cstdlib>
#include <cstring>
#include <string_view>

#include "codec/imageio/c_boundary.h"
#include "codec/imageio/exif.h"
#include "codec/imageio/icc.h"
#include "codec/imageio/png_chunks.h"

namespace halfmoon::imageio {
namespace {

constexpr std::array<std::uint8_t, 8> kSignature = {0x89, 'P', 'N', 'G', '\r', '\n', 0x1A, '\n'};

// Chunks that libpng would keep for us. We ask for none; the limit is a second fence.
constexpr png_uint_32 kMaxKeptChunks = 64;
constexpr std::uint64_t kLeastChunkLimit = 1 << 16;
// deflate cannot expand more than 1032 times (zlib's technical notes): 258 bytes from 2 bits.
constexpr std::uint64_t kMaxDeflateRatio = 1032;

bool StartsWith(std::span<const std::uint8_t> bytes, std::string_view text) {
  return bytes.size() >= text.size() && std::memcmp(bytes.data(), text.data(), text.size()) == 0;
}

// What libpng's callbacks touch; see c_boundary.h.
struct Reader {
  std::jmp_buf jump;
  png_structp png = nullptr;
  png_infop info = nullptr;
  std::span<const std::uint8_t> bytes;
  std::size_t position = 0;
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
  png_set_chunk_malloc_max(png, reader->max_chunk_bytes);
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

bool HasAlpha(const Reader& reader) {
  return (reader.color_type & PNG_COLOR_MASK_ALPHA) != 0 || reader.has_transparency;
}

bool IsGrey(const Reader& reader) { return (reader.color_type & PNG_COLOR_MASK_COLOR) == 0; }

// REQUIRES: ReadHeader succeeded. Rows come as `row_bytes` bytes after it.
bool StartRows(Reader* reader, std::size_t row_bytes) {
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

bool ReadOneRow(Reader* reader, std::uint8_t* row) {
  if (setjmp(reader->jump) != 0) return false;
  png_read_row(reader->png, row, nullptr);
  ++reader->rows_read;
  return true;
}

// All passes of an interlaced picture; each updates only its own pixels of the rows.
bool ReadPasses(Reader* reader, Image* image) {
  if (setjmp(reader->jump) != 0) return false;
  for (int pass = 0; pass < reader->passes; ++pass) {
    for (png_uint_32 y = 0; y < reader->height; ++y) {
      png_read_row(reader->png, image->row(y), nullptr);
      ++reader->rows_read;
    }
  }
  return true;
}

bool ReadEnd(Reader* reader) {
  if (setjmp(reader->jump) != 0) return false;
  png_read_end(reader->png, nullptr);
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
  if (std::strstr(reader.error, "too large") != nullptr) {
    return {StatusCode::kLimitExceeded,
            message + ": a chunk has more than " + std::to_string(reader.max_chunk_bytes) +
                " bytes; raise the metadata limit if you trust the file"};
  }
  return {StatusCode::kCorrupt,
          message + ", near byte " + std::to_string(reader.position) + "; the file is damaged"};
}

Status CheckSignature(std::span<const std::uint8_t> bytes) {
  if (bytes.size() < kSignature.size()) {
    return {StatusCode::kTruncated, "PNG: the file ends within its signature"};
  }
  if (!std::equal(kSignature.begin(), kSignature.end(), bytes.begin())) {
    return {StatusCode::kCorrupt,
            "PNG: damaged signature, as left by a transfer in text mode; copy the file as binary"};
  }
  return Status::Ok();
}

// A few bytes can claim a huge picture. Refuse before memory is taken.
Status CheckEnoughData(const Reader& reader, const PngSurvey& survey) {
  std::uint64_t samples_per_pixel = 1;  // palette and grey
  if (reader.color_type == PNG_COLOR_TYPE_GRAY_ALPHA) samples_per_pixel = 2;
  if (reader.color_type == PNG_COLOR_TYPE_RGB) samples_per_pixel = 3;
  if (reader.color_type == PNG_COLOR_TYPE_RGB_ALPHA) samples_per_pixel = 4;
  const std::uint64_t row_bits =
      std::uint64_t{reader.width} * samples_per_pixel * static_cast<unsigned>(reader.bit_depth);
  const std::uint64_t unpacked = (row_bits + 7) / 8 * reader.height;
  if (unpacked / kMaxDeflateRatio <= survey.idat_bytes) return Status::Ok();
  return {StatusCode::kTruncated,
          "PNG: " + std::to_string(survey.idat_bytes) + " bytes of packed pixels cannot hold " +
              std::to_string(reader.width) + " x " + std::to_string(reader.height) + " pixels"};
}

// What the file says of colour; a profile of its own, or one made from gAMA and cHRM.
void TakeColour(const Reader& reader, const PngSurvey& survey, Metadata* metadata,
                std::vector<std::string>* warnings) {
  FileColour& colour = metadata->colour;
  if (reader.icc != nullptr) {
    metadata->icc.assign(reader.icc, reader.icc + reader.icc_size);
    colour.source = FileColour::Source::kIcc;
    return;
  }
  if (reader.has_srgb) {
    colour.source = FileColour::Source::kSrgb;
    return;
  }
  if (survey.other_cicp) {
    Warn(warnings,
         "PNG colour space (cICP) differs from sRGB and is ignored; the samples are taken as "
         "sRGB");
  }
  if (reader.has_gamma && reader.gamma > 0) colour.gamma = static_cast<std::uint32_t>(reader.gamma);
  colour.has_primaries = reader.has_primaries;
  if (reader.has_primaries) {
    std::copy(reader.primaries.begin(), reader.primaries.end(), colour.primaries.begin());
  }
  if (colour.gamma == 0 && !colour.has_primaries) return;
  colour.source = FileColour::Source::kGammaChroma;
  if (SaysSrgb(colour)) return;
  metadata->icc = ProfileFromGammaChroma(colour, IsGrey(reader));
  if (metadata->icc.empty()) {
    Warn(warnings,
         "PNG gamma or primaries (gAMA, cHRM) describe no possible colours and are ignored; the "
         "samples are taken as sRGB");
  }
}

void WarnAboutDropped(const PngSurvey& survey, std::vector<std::string>* warnings) {
  if (survey.animated) {
    Warn(warnings, survey.still_is_frame
                       ? "animated PNG: only the first frame is read"
                       : "animated PNG: only the still picture is read, which is no part of the "
                         "animation");
  }
  if (survey.has_text_exif) Warn(warnings, "EXIF metadata in PNG text is not kept");
  if (survey.has_text) Warn(warnings, "text metadata is not kept");
}

class PngRowReader : public RowReader {
 public:
  Status Open(std::span<const std::uint8_t> bytes, const ImageReadOptions& options,
              bool check_limits);
  Status DoReadRow(std::span<std::uint8_t> row) override;
  Status DoReadRows(Image* image) override;
  Status DoFinish() override;

 private:
  // After libpng failed: an error, or a warning when lenient and there is something to show.
  Status Failed();

  Reader reader_;
  std::uint32_t next_ = 0;
  bool gave_up_ = false;  // lenient: the rest of the rows is black
  bool interlaced_ = false;
  Image picture_;  // interlaced only
};

Status PngRowReader::Open(std::span<const std::uint8_t> bytes, const ImageReadOptions& options,
                          bool check_limits) {
  HALFMOON_RETURN_IF_ERROR(CheckSignature(bytes));
  const PngSurvey survey = SurveyPng(bytes);
  if (survey.apple) {
    return {StatusCode::kUnsupportedFeature,
            "Apple's CgBI variant of PNG is not supported; convert to standard PNG"};
  }
  if (check_limits && survey.width != 0 && survey.height != 0) {
    HALFMOON_RETURN_IF_ERROR(CheckImageSize(survey.width, survey.height, options.max_pixels));
  }
  reader_.bytes = bytes;
  reader_.lenient = options.lenient;
  // The limit holds for palettes, too, and 0 would mean none.
  reader_.max_chunk_bytes =
      static_cast<png_alloc_size_t>(std::max(options.max_metadata_bytes, kLeastChunkLimit));
  if (check_limits) reader_.max_side = kMaxImageSide;
  if (!ReadHeader(&reader_)) return ReadFailure(reader_);
  shape_.width = reader_.width;
  shape_.height = reader_.height;
  shape_.channels = (IsGrey(reader_) ? 1u : 3u) + (HasAlpha(reader_) ? 1u : 0u);
  shape_.bit_depth = reader_.bit_depth == 16 ? 16 : 8;
  orientation_ = ExifOrientation(survey.exif);
  TakeColour(reader_, survey, &metadata_, &warnings_);
  if (!check_limits) {  // for a description only
    metadata_.exif.assign(survey.exif.begin(), survey.exif.end());
    metadata_.xmp.assign(survey.xmp.begin(), survey.xmp.end());
    return Status::Ok();
  }
  HALFMOON_RETURN_IF_ERROR(shape_.Validate(options.max_pixels));
  if (!options.lenient) HALFMOON_RETURN_IF_ERROR(CheckEnoughData(reader_, survey));
  HALFMOON_RETURN_IF_ERROR(
      CheckMetadataSize("PNG", "EXIF block", survey.exif.size(), options.max_metadata_bytes));
  metadata_.exif.assign(survey.exif.begin(), survey.exif.end());
  Result<std::vector<std::uint8_t>> xmp = XmpPacket(survey, options.max_metadata_bytes);
  if (xmp.ok()) {
    metadata_.xmp = std::move(xmp).value();
  } else if (options.lenient) {
    Warn(&warnings_, xmp.status().message() + "; left out");
  } else {
    return xmp.status();
  }
  WarnAboutDropped(survey, &warnings_);
  if (!StartRows(&reader_, shape_.row_bytes())) return ReadFailure(reader_);
  interlaced_ = reader_.passes > 1;
  if (interlaced_) memory_bytes_ = shape_.row_bytes() * shape_.height;
  return Status::Ok();
}

Status PngRowReader::Failed() {
  const Status failure = ReadFailure(reader_);
  if (!reader_.lenient || reader_.rows_read == 0) return failure;
  gave_up_ = true;
  Warn(&warnings_, failure.message() + "; pixels after that are black or coarse");
  return Status::Ok();
}

Status PngRowReader::DoReadRow(std::span<std::uint8_t> row) {
  HALFMOON_RETURN_IF_ERROR(CheckRow(shape_, next_, row.size()));
  if (interlaced_) {
    if (next_ == 0) {
      HALFMOON_ASSIGN_OR_RETURN(picture_, Image::Create(shape_, shape_.pixels()));
      if (!ReadPasses(&reader_, &picture_)) HALFMOON_RETURN_IF_ERROR(Failed());
    }
    std::memcpy(row.data(), picture_.row(next_++), shape_.row_bytes());
    return Status::Ok();
  }
  if (!gave_up_ && !ReadOneRow(&reader_, row.data())) HALFMOON_RETURN_IF_ERROR(Failed());
  if (gave_up_) std::fill_n(row.data(), shape_.row_bytes(), std::uint8_t{0});
  ++next_;
  return Status::Ok();
}

Status PngRowReader::DoReadRows(Image* image) {
  if (!interlaced_ || next_ > 0) return RowReader::DoReadRows(image);
  HALFMOON_ENSURE(image->shape() == shape_);
  next_ = shape_.height;
  return ReadPasses(&reader_, image) ? Status::Ok() : Failed();
}

Status PngRowReader::DoFinish() {
  HALFMOON_RETURN_IF_ERROR(CheckAllRows(shape_, next_));
  if (!gave_up_ && !ReadEnd(&reader_)) HALFMOON_RETURN_IF_ERROR(Failed());
  Warn(&warnings_, "PNG: ", reader_.log);
  return Status::Ok();
}

}  // namespace

bool HasPngSignature(std::span<const std::uint8_t> bytes) {
  // The first four bytes suffice: damage to the other four, which are there to reveal transfers in
  // text mode, is reported as such. A first byte that lost its top bit is such damage, too.
  return StartsWith(bytes, "\x89PNG") || StartsWith(bytes, "\x09PNG");
}

Result<std::unique_ptr<RowReader>> OpenPng(std::span<const std::uint8_t> bytes,
                                           const ImageReadOptions& options, bool check_limits) {
  auto reader = std::make_unique<PngRowReader>();
  HALFMOON_RETURN_IF_ERROR(reader->Open(bytes, options, check_limits));
  return std::unique_ptr<RowReader>(std::move(reader));
}

}  // namespace halfmoon::imageio
