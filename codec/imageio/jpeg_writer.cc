// See c_boundary.h for the rules that keep longjmp and C++ apart.
#include "codec/imageio/jpeg_errors.h"
//
#include <array>
#include <cstring>
#include <memory>

#include "codec/imageio/density.h"
#include "codec/imageio/formats.h"
#include "codec/imageio/icc.h"
#include "codec/imageio/pixels.h"

namespace halfmoon::imageio {
namespace {

// An APP2 segment carries 65519 bytes of profile, and there may be 255 of them.
constexpr std::size_t kMaxIccBytes = 255 * 65519;
// A segment has at most 65533 bytes behind its length.
constexpr std::size_t kMaxSegmentBytes = 65533;
// Optimised Huffman tables need all coefficients in memory, 6 bytes a pixel: up to 400 MB.
constexpr std::uint64_t kMaxOptimisedPixels = std::uint64_t{1} << 26;

struct Destination {
  jpeg_destination_mgr base = {};
  SinkState sink;
  std::array<JOCTET, 1 << 16> block;
};

// What libjpeg's callbacks touch; see c_boundary.h.
struct Writer {
  jpeg_compress_struct jpeg = {};
  ErrorManager errors;
  Destination destination;

  Writer() = default;
  Writer(const Writer&) = delete;
  Writer& operator=(const Writer&) = delete;
  ~Writer() { jpeg_destroy_compress(&jpeg); }
};

void StartBlock(Destination* destination) {
  destination->base.next_output_byte = destination->block.data();
  destination->base.free_in_buffer = destination->block.size();
}

void OnStart(j_compress_ptr jpeg) { StartBlock(reinterpret_cast<Destination*>(jpeg->dest)); }

boolean OnBlockFull(j_compress_ptr jpeg) {
  auto* destination = reinterpret_cast<Destination*>(jpeg->dest);
  if (!destination->sink.Put(destination->block.data(), destination->block.size())) {
    ERREXIT(jpeg, JERR_FILE_WRITE);
  }
  StartBlock(destination);
  return TRUE;
}

void OnEnd(j_compress_ptr jpeg) {
  auto* destination = reinterpret_cast<Destination*>(jpeg->dest);
  const std::size_t used = destination->block.size() - destination->base.free_in_buffer;
  if (!destination->sink.Put(destination->block.data(), used)) ERREXIT(jpeg, JERR_FILE_WRITE);
}

// JFIF knows inches and centimetres, in 16 bits. Empty when it cannot hold the density.
std::optional<PixelDensity> InJpeg(const std::optional<PixelDensity>& density) {
  constexpr std::uint32_t kMost = 65535;
  if (!density || !density->IsLegal()) return std::nullopt;
  if (density->unit == PixelDensity::Unit::kMetre) {
    return InUnit(*density, PixelDensity::Unit::kInch, kMost);
  }
  return InUnit(*density, density->unit, kMost);
}

// Everything before the pixels. `exif` and `xmp` are whole bodies of segments.
bool WriteHead(Writer* writer, const PictureShape* shape, const ImageWriteOptions* options,
               std::span<const std::uint8_t> icc, std::span<const std::uint8_t> exif,
               std::span<const std::uint8_t> xmp, const PixelDensity* density) {
  jpeg_compress_struct* jpeg = &writer->jpeg;
  Install(&writer->errors, &jpeg->err);
  if (setjmp(writer->errors.jump) != 0) return false;
  jpeg_create_compress(jpeg);
  writer->destination.base.init_destination = &OnStart;
  writer->destination.base.empty_output_buffer = &OnBlockFull;
  writer->destination.base.term_destination = &OnEnd;
  jpeg->dest = &writer->destination.base;
  jpeg->image_width = shape->width;
  jpeg->image_height = shape->height;
  jpeg->input_components = shape->is_grey() ? 1 : 3;
  jpeg->in_color_space = shape->is_grey() ? JCS_GRAYSCALE : JCS_RGB;
  jpeg_set_defaults(jpeg);
  jpeg_set_quality(jpeg, options->jpeg_quality, TRUE);
  jpeg->dct_method = JDCT_ISLOW;
  jpeg->optimize_coding = shape->pixels() <= kMaxOptimisedPixels ? TRUE : FALSE;
  if (!shape->is_grey()) {
    const int factor = options->jpeg_subsampling == ChromaSubsampling::k420 ? 2 : 1;
    jpeg->comp_info[0].h_samp_factor = factor;
    jpeg->comp_info[0].v_samp_factor = factor;
  }
  if (density != nullptr) {
    // JFIF's numbers of the units are ours. REQUIRES: InJpeg made it.
    jpeg->density_unit = static_cast<UINT8>(density->unit);
    jpeg->X_density = static_cast<UINT16>(density->x);
    jpeg->Y_density = static_cast<UINT16>(density->y);
  }
  if (options->jpeg_progressive) jpeg_simple_progression(jpeg);
  jpeg_start_compress(jpeg, TRUE);
  if (!exif.empty()) {
    jpeg_write_marker(jpeg, static_cast<int>(kExifMarker), exif.data(),
                      static_cast<unsigned>(exif.size()));
  }
  if (!xmp.empty()) {
    jpeg_write_marker(jpeg, static_cast<int>(kExifMarker), xmp.data(),
                      static_cast<unsigned>(xmp.size()));
  }
  if (!icc.empty()) {
    jpeg_write_icc_profile(jpeg, icc.data(), static_cast<unsigned>(icc.size()));
  }
  return true;
}

bool WriteOneRow(Writer* writer, JSAMPROW row) {
  if (setjmp(writer->errors.jump) != 0) return false;
  jpeg_write_scanlines(&writer->jpeg, &row, 1);
  return true;
}

bool WriteEnd(Writer* writer) {
  if (setjmp(writer->errors.jump) != 0) return false;
  jpeg_finish_compress(&writer->jpeg);
  return true;
}

// The body of an APP1 segment: a name and a block. Empty when there is none or it does not fit.
std::vector<std::uint8_t> SegmentBody(std::string_view name, std::span<const std::uint8_t> block,
                                      std::string_view code, const char* what, Warnings* warnings) {
  std::vector<std::uint8_t> body;
  if (block.empty()) return body;
  if (name.size() + block.size() > kMaxSegmentBytes) {
    Warn(warnings, code,
         std::string("JPEG holds at most 64 KiB of ") + what + "; its " +
             std::to_string(block.size()) + " bytes were not written");
    return body;
  }
  body.assign(name.begin(), name.end());
  body.insert(body.end(), block.begin(), block.end());
  return body;
}

class JpegRowWriter : public RowWriter {
 public:
  Status Open(const WriterSetup& setup);
  Status DoWriteRow(std::span<const std::uint8_t> row) override;
  Status DoFinish() override;

 private:
  Status Check(bool done) const {
    if (done) return Status::Ok();
    const Status& sink = writer_.destination.sink.status;
    return sink.ok() ? Failure(writer_.errors) : sink;
  }

  Writer writer_;
  std::uint32_t next_ = 0;
  std::array<std::uint8_t, 3> background_ = {};
  std::vector<std::uint8_t> flat_;  // a row without alpha, in 8 bit; empty when rows are so anyway
};

Status JpegRowWriter::Open(const WriterSetup& setup) {
  shape_ = setup.shape;
  if (shape_.width > JPEG_MAX_DIMENSION || shape_.height > JPEG_MAX_DIMENSION) {
    return {StatusCode::kInvalidArgument,
            "JPEG holds at most " + std::to_string(JPEG_MAX_DIMENSION) +
                " pixels a side, the picture has " + std::to_string(shape_.width) + " x " +
                std::to_string(shape_.height) + "; write PNG"};
  }
  if (shape_.has_alpha() && !setup.options.background.has_value()) {
    return {StatusCode::kInvalidArgument,
            "JPEG holds no transparency, and the picture has an alpha channel; give a background "
            "colour (--background) or write PNG"};
  }
  if (setup.options.background) background_ = *setup.options.background;
  if (shape_.bit_depth != 8) {
    Warn(&warnings_, warning_code::kDepth,
         "JPEG holds 8 bits per sample; the picture's 16 were rounded");
  }
  if (shape_.bit_depth != 8 || shape_.has_alpha()) {
    flat_.resize(std::size_t{shape_.width} * (shape_.is_grey() ? 1 : 3));
  }
  std::span<const std::uint8_t> icc = setup.icc;
  if (!icc.empty() && (!IccFits(icc, shape_.channels) || icc.size() > kMaxIccBytes)) {
    Warn(&warnings_, warning_code::kIcc,
         "the ICC profile does not fit the picture or JPEG and was not written");
    icc = {};
  }
  const auto exif = SegmentBody(kExifName, setup.exif, warning_code::kExif, "EXIF", &warnings_);
  const auto xmp = SegmentBody(kXmpName, setup.xmp, warning_code::kXmp, "XMP", &warnings_);
  writer_.destination.sink.sink = setup.sink;
  const std::optional<PixelDensity> density = InJpeg(setup.density);
  if (setup.density && !density) {
    Warn(&warnings_, warning_code::kDensity, "JPEG cannot hold the pixel density");
  }
  return Check(
      WriteHead(&writer_, &shape_, &setup.options, icc, exif, xmp, density ? &*density : nullptr));
}

Status JpegRowWriter::DoWriteRow(std::span<const std::uint8_t> row) {
  HALFMOON_RETURN_IF_ERROR(CheckRow(shape_, next_, row.size()));
  ++next_;
  const std::uint8_t* samples = row.data();
  if (!flat_.empty()) {
    FlattenRow(shape_, row.data(), background_, flat_.data());
    samples = flat_.data();
  }
  // libjpeg does not write to its input; its type merely lacks const.
  return Check(WriteOneRow(&writer_, const_cast<JSAMPROW>(samples)));
}

Status JpegRowWriter::DoFinish() {
  HALFMOON_RETURN_IF_ERROR(CheckAllRows(shape_, next_));
  return Check(WriteEnd(&writer_));
}

}  // namespace

Result<std::unique_ptr<RowWriter>> CreateJpeg(const WriterSetup& setup) {
  auto writer = std::make_unique<JpegRowWriter>();  // 64 KiB: not on the stack
  HALFMOON_RETURN_IF_ERROR(writer->Open(setup));
  return std::unique_ptr<RowWriter>(std::move(writer));
}

}  // namespace halfmoon::imageio
