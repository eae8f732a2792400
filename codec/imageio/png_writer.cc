// See c_boundary.h for the rules that keep longjmp and C++ apart.
#include <png.h>
#include <zlib.h>

#include <bit>
#include <csetjmp>
#include <string_view>

#include "codec/imageio/c_boundary.h"
#include "codec/imageio/density.h"
#include "codec/imageio/formats.h"
#include "codec/imageio/icc.h"

namespace halfmoon::imageio {
namespace {

// Keyword, not packed, no language, no translated keyword.
constexpr std::string_view kXmpStart("XML:com.adobe.xmp\0\0\0\0\0", 22);

// What libpng's callbacks touch; see c_boundary.h.
struct Writer {
  std::jmp_buf jump;
  png_structp png = nullptr;
  png_infop info = nullptr;
  SinkState sink;
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
  if (!writer->sink.Put(data, size)) png_error(png, "the bytes could not be written");
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

int ColorType(std::uint32_t channels) {
  switch (channels) {
    case 1: return PNG_COLOR_TYPE_GRAY;
    case 2: return PNG_COLOR_TYPE_GRAY_ALPHA;
    case 3: return PNG_COLOR_TYPE_RGB;
    default: return PNG_COLOR_TYPE_RGB_ALPHA;
  }
}

// What libpng makes an error at the latest when it writes the chunk, and some versions of it
// earlier a warning: a length that is not the one the profile names, or (from version 4 on) no
// multiple of 4. REQUIRES: IccFits.
bool IccIsWhole(std::span<const std::uint8_t> icc) {
  std::uint32_t named = 0;
  for (std::size_t i = 0; i < 4; ++i) named = named << 8 | icc[i];
  return named == icc.size() && (icc[8] < 4 || named % 4 == 0);
}

// PNG knows only metres. Empty when that is out of range.
std::optional<PixelDensity> InPng(const std::optional<PixelDensity>& density) {
  if (!density || !density->IsLegal() || density->unit == PixelDensity::Unit::kNone) return density;
  return InUnit(*density, PixelDensity::Unit::kMetre, 0x7FFFFFFF);
}

// Everything before the pixels. `xmp` is the body of an iTXt chunk.
bool WriteHead(Writer* writer, const PictureShape* shape, std::span<const std::uint8_t> icc,
               std::span<const std::uint8_t> exif, std::span<const std::uint8_t> xmp,
               const PixelDensity* density, const ImageWriteOptions* options) {
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
  SetCompression(png, options->png_level);
  png_set_IHDR(png, info, shape->width, shape->height, static_cast<int>(shape->bit_depth),
               ColorType(shape->channels), PNG_INTERLACE_NONE, PNG_COMPRESSION_TYPE_DEFAULT,
               PNG_FILTER_TYPE_DEFAULT);
  if (icc.empty()) {
    if (options->png_srgb_mark) png_set_sRGB(png, info, PNG_sRGB_INTENT_PERCEPTUAL);
  } else {
    png_set_iCCP(png, info, "ICC profile", PNG_COMPRESSION_TYPE_BASE, icc.data(),
                 static_cast<png_uint_32>(icc.size()));
  }
  if (density != nullptr) {
    png_set_pHYs(
        png, info, density->x, density->y,
        density->unit == PixelDensity::Unit::kNone ? PNG_RESOLUTION_UNKNOWN : PNG_RESOLUTION_METER);
  }
  png_write_info(png, info);
  // Written as they are: libpng's functions for them would copy, and stop at a NUL in the packet.
  if (!exif.empty()) {
    png_write_chunk(png, reinterpret_cast<png_const_bytep>("eXIf"), exif.data(), exif.size());
  }
  if (!xmp.empty()) {
    png_write_chunk(png, reinterpret_cast<png_const_bytep>("iTXt"), xmp.data(), xmp.size());
  }
  if (shape->bit_depth == 16 && std::endian::native == std::endian::little) png_set_swap(png);
  return true;
}

bool WriteOneRow(Writer* writer, const std::uint8_t* row) {
  if (setjmp(writer->jump) != 0) return false;
  png_write_row(writer->png, row);
  return true;
}

bool WriteEnd(Writer* writer) {
  if (setjmp(writer->jump) != 0) return false;
  png_write_end(writer->png, nullptr);
  return true;
}

class PngRowWriter : public RowWriter {
 public:
  Status Open(const WriterSetup& setup) {
    shape_ = setup.shape;
    writer_.sink.sink = setup.sink;
    std::span<const std::uint8_t> icc = setup.icc;
    if (!icc.empty() && (!IccFits(icc, shape_.channels) || !IccIsWhole(icc))) {
      Warn(&warnings_, warning_code::kIcc,
           "the ICC profile does not fit the picture or PNG and was not written");
      icc = {};
    }
    std::vector<std::uint8_t> xmp;
    if (!setup.xmp.empty()) {
      xmp.assign(kXmpStart.begin(), kXmpStart.end());
      xmp.insert(xmp.end(), setup.xmp.begin(), setup.xmp.end());
    }
    const std::optional<PixelDensity> density = InPng(setup.density);
    if (setup.density && !density) {
      Warn(&warnings_, warning_code::kDensity, "PNG cannot hold the pixel density");
    }
    return Check(WriteHead(&writer_, &shape_, icc, setup.exif, xmp, density ? &*density : nullptr,
                           &setup.options));
  }

  Status DoWriteRow(std::span<const std::uint8_t> row) override {
    HALFMOON_RETURN_IF_ERROR(CheckRow(shape_, next_, row.size()));
    ++next_;
    return Check(WriteOneRow(&writer_, row.data()));
  }

  Status DoFinish() override {
    HALFMOON_RETURN_IF_ERROR(CheckAllRows(shape_, next_));
    HALFMOON_RETURN_IF_ERROR(Check(WriteEnd(&writer_)));
    WarnOf(&warnings_, "PNG: ", writer_.log);
    return Status::Ok();
  }

 private:
  Status Check(bool done) const {
    if (done) return Status::Ok();
    if (!writer_.sink.status.ok()) return writer_.sink.status;
    if (writer_.out_of_memory || std::strstr(writer_.error, "emory") != nullptr) {
      return {StatusCode::kOutOfMemory, "PNG: no memory for the file"};
    }
    return {StatusCode::kInternal,
            std::string("PNG: libpng refused to write: ") + writer_.error + "; please report it"};
  }

  Writer writer_;
  std::uint32_t next_ = 0;
};

}  // namespace

Result<std::unique_ptr<RowWriter>> CreatePng(const WriterSetup& setup) {
  auto writer = std::make_unique<PngRowWriter>();
  HALFMOON_RETURN_IF_ERROR(writer->Open(setup));
  return std::unique_ptr<RowWriter>(std::move(writer));
}

}  // namespace halfmoon::imageio
