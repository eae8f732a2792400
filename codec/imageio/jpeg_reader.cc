// See c_boundary.h for the rules that keep longjmp and C++ apart.
#include "codec/imageio/jpeg_errors.h"
//
#include <algorithm>
#include <cstdlib>
#include <cstring>
#include <memory>
#include <optional>
#include <string_view>

#include "codec/imageio/exif.h"
#include "codec/imageio/formats.h"
#include "codec/imageio/icc.h"
#include "codec/imageio/jpeg_supplements.h"

namespace halfmoon::imageio {
namespace {

// Scans of a progressive picture. Ordinary files have about 10, optimisers stay below 64. Each
// scan may cost a walk over the whole picture for a few bytes of file, so there must be a limit.
constexpr int kMaxScans = 100;
// libjpeg's own memory beside our pixels: a fixed part for tables, rows and markers, and, for
// progressive pictures, 16-bit coefficients of up to 4 components, padded to whole blocks.
constexpr std::uint64_t kFixedMemory = std::uint64_t{64} << 20;
constexpr std::uint64_t kMemoryPerPixel = 12;
// Otherwise it holds a few rows of blocks.
constexpr std::uint64_t kRowsMemory = std::uint64_t{8} << 20;
// A Huffman-coded block of 64 samples takes at least one bit, for its DC coefficient, so a byte
// can describe at most 512 samples of a component. 4 times that, as a margin for odd subsampling.
constexpr std::uint64_t kMaxPixelsPerByte = 2048;

constexpr std::string_view kPhotoshopName = "Photoshop ";

bool StartsWith(std::span<const std::uint8_t> bytes, std::string_view text) {
  return bytes.size() >= text.size() && std::memcmp(bytes.data(), text.data(), text.size()) == 0;
}

// What libjpeg's callbacks touch; see c_boundary.h.
struct Reader {
  jpeg_decompress_struct jpeg = {};
  ErrorManager errors;
  jpeg_progress_mgr progress = {};
  std::span<const std::uint8_t> bytes;
  JOCTET* icc = nullptr;  // from malloc
  unsigned icc_size = 0;
  bool too_many_scans = false;

  Reader() = default;
  Reader(const Reader&) = delete;
  Reader& operator=(const Reader&) = delete;
  ~Reader() {
    jpeg_destroy_decompress(&jpeg);  // safe on a struct that was only zeroed
    std::free(icc);
  }
};

void OnProgress(j_common_ptr jpeg) {
  auto* reader = static_cast<Reader*>(jpeg->client_data);
  if (reader->jpeg.input_scan_number <= kMaxScans) return;
  reader->too_many_scans = true;
  OnError(jpeg);
}

bool ReadHeader(Reader* reader, bool lenient, bool skip_metadata) {
  jpeg_decompress_struct* jpeg = &reader->jpeg;
  Install(&reader->errors, &jpeg->err);
  reader->errors.lenient = lenient;
  reader->errors.file = reader->bytes;
  if (setjmp(reader->errors.jump) != 0) return false;
  jpeg_create_decompress(jpeg);
  jpeg->client_data = reader;
  reader->progress.progress_monitor = &OnProgress;
  jpeg->progress = &reader->progress;
  jpeg_mem_src(jpeg, reader->bytes.data(), static_cast<unsigned long>(reader->bytes.size()));
  // Whole EXIF and ICC segments; of the others only enough to know that they are there.
  jpeg_save_markers(jpeg, static_cast<int>(kExifMarker), 0xFFFF);
  jpeg_save_markers(jpeg, static_cast<int>(kIccMarker), 0xFFFF);
  jpeg_save_markers(jpeg, static_cast<int>(kPhotoshopMarker), 16);
  jpeg_save_markers(jpeg, JPEG_COM, 16);
  jpeg_read_header(jpeg, TRUE);
  // A damaged profile is a warning in the library's words, which nobody wants to hear who leaves
  // profiles out.
  if (jpeg_read_icc_profile(jpeg, &reader->icc, &reader->icc_size) == 0) reader->icc_size = 0;
  if (skip_metadata) reader->errors.log = WarningLog();
  return true;
}

// REQUIRES: ReadHeader succeeded.
bool StartRows(Reader* reader) {
  if (setjmp(reader->errors.jump) != 0) return false;
  jpeg_decompress_struct* jpeg = &reader->jpeg;
  jpeg->dct_method = JDCT_ISLOW;     // the accurate integer transform
  jpeg->do_fancy_upsampling = TRUE;  // triangle filter
  jpeg->do_block_smoothing = FALSE;  // would invent detail in incomplete progressive files
  jpeg_start_decompress(jpeg);
  return true;
}

bool ReadOneRow(Reader* reader, JSAMPROW row) {
  if (setjmp(reader->errors.jump) != 0) return false;
  jpeg_read_scanlines(&reader->jpeg, &row, 1);
  return true;
}

bool ReadEnd(Reader* reader) {
  if (setjmp(reader->errors.jump) != 0) return false;
  jpeg_finish_decompress(&reader->jpeg);  // reads on to the end-of-image marker
  return true;
}

// The segments of interest, in place.
struct Segments {
  std::span<const std::uint8_t> exif, xmp;
  bool has_extended_xmp = false;
  bool has_iptc = false;
  bool has_comment = false;
};

Segments FindSegments(const jpeg_decompress_struct& jpeg) {
  Segments found;
  for (jpeg_saved_marker_ptr marker = jpeg.marker_list; marker != nullptr; marker = marker->next) {
    const std::span<const std::uint8_t> data(marker->data, marker->data_length);
    if (marker->marker == kExifMarker && StartsWith(data, kExifName)) {
      if (found.exif.empty()) found.exif = WithoutExifName(data);
    } else if (marker->marker == kExifMarker && StartsWith(data, kXmpName)) {
      if (found.xmp.empty()) found.xmp = data.subspan(kXmpName.size());
    } else if (marker->marker == kExifMarker && StartsWith(data, kExtendedXmpName)) {
      found.has_extended_xmp = true;
    } else if (marker->marker == kPhotoshopMarker && StartsWith(data, kPhotoshopName)) {
      found.has_iptc = true;
    } else if (marker->marker == JPEG_COM) {
      found.has_comment = true;
    }
  }
  return found;
}

// JFIF's. Without it, and where it only says that pixels are square, none.
std::optional<PixelDensity> DensityOf(const jpeg_decompress_struct& jpeg) {
  if (jpeg.saw_JFIF_marker == 0 || jpeg.density_unit > 2) return std::nullopt;
  constexpr PixelDensity::Unit kUnits[] = {PixelDensity::Unit::kNone, PixelDensity::Unit::kInch,
                                           PixelDensity::Unit::kCentimetre};
  const PixelDensity density{jpeg.X_density, jpeg.Y_density, kUnits[jpeg.density_unit]};
  if (!density.IsLegal() || density.SaysNothing()) return std::nullopt;
  return density;
}

void WarnOfDropped(const Segments& segments, Warnings* warnings) {
  if (segments.has_extended_xmp) {
    Warn(warnings, warning_code::kXmp, "extended XMP metadata (more than 64 KiB) is not kept");
  }
  if (segments.has_iptc) Warn(warnings, warning_code::kIptc, "IPTC metadata is not kept");
  if (segments.has_comment) Warn(warnings, warning_code::kText, "text metadata is not kept");
}

Status ReadFailure(const Reader& reader) {
  if (reader.too_many_scans) {
    return {StatusCode::kLimitExceeded, "JPEG: more than " + std::to_string(kMaxScans) +
                                            " scans; the file is made to waste time"};
  }
  return Failure(reader.errors);
}

Status CheckSupported(const jpeg_decompress_struct& jpeg) {
  const auto refuse = [](std::string_view what) {
    return Status(StatusCode::kUnsupportedFeature,
                  std::string(what) + " JPEG is not supported; convert to RGB");
  };
  switch (jpeg.jpeg_color_space) {
    case JCS_GRAYSCALE:
    case JCS_RGB:
    case JCS_YCbCr:
    case JCS_CMYK:
    case JCS_YCCK: return Status::Ok();
    default: return refuse(std::to_string(jpeg.num_components) + "-component");
  }
}

Status CheckEnoughData(const jpeg_decompress_struct& jpeg, std::uint64_t bytes) {
  const std::uint64_t pixels = std::uint64_t{jpeg.image_width} * jpeg.image_height;
  // Arithmetic coding has no smallest size.
  if (jpeg.arith_code || pixels / kMaxPixelsPerByte <= bytes) return Status::Ok();
  return {StatusCode::kTruncated, "JPEG: " + std::to_string(bytes) + " bytes cannot hold " +
                                      std::to_string(jpeg.image_width) + " x " +
                                      std::to_string(jpeg.image_height) + " pixels"};
}

// Whether scans are missing in a file of several, all of which have been read.
struct MissingScans {
  bool component = false;     // not a progressive file: a component without any
  bool coefficients = false;  // progressive: some that never came, or came coarse
};

MissingScans FindMissingScans(const jpeg_decompress_struct& jpeg) {
  MissingScans missing;
  for (int c = 0; c < jpeg.num_components; ++c) {
    // libjpeg takes a component's table with its first scan.
    if (!jpeg.progressive_mode) {
      missing.component = missing.component || jpeg.comp_info[c].quant_table == nullptr;
    } else if (jpeg.coef_bits != nullptr) {
      const int* bits = jpeg.coef_bits[c];
      missing.coefficients =
          missing.coefficients || std::any_of(bits, bits + DCTSIZE2, [](int b) { return b != 0; });
    }
  }
  return missing;
}

class JpegRowReader : public RowReader {
 public:
  Status Open(std::span<const std::uint8_t> bytes, const ImageReadOptions& options,
              bool check_limits);
  Status DoReadRow(std::span<std::uint8_t> row) override;
  Status DoFinish() override;

 private:
  void TakeColour(std::span<const std::uint8_t> exif, const ImageReadOptions& options);
  // Of several scans: warns, or fails, when some are missing. REQUIRES: StartRows succeeded.
  Status CheckScans();
  // After libjpeg failed: an error, or a warning when lenient and there is something to show.
  Status Failed();

  Reader reader_;
  bool lenient_ = false;
  bool gave_up_ = false;  // lenient: the rest of the rows is black
  std::uint32_t next_ = 0;
  std::optional<CmykToSrgb> from_cmyk_;
  std::vector<std::uint8_t> cmyk_row_;
};

// REQUIRES: shape_ is known.
void JpegRowReader::TakeColour(std::span<const std::uint8_t> exif,
                               const ImageReadOptions& options) {
  std::span<const std::uint8_t> icc(reader_.icc, reader_.icc_size);
  if (icc.size() > options.max_metadata_bytes) {
    if (!options.skip_metadata)
      WarnTooLarge(warning_code::kIcc, "ICC profile", options, &warnings_);
    icc = {};
  }
  const J_COLOR_SPACE stored = reader_.jpeg.jpeg_color_space;
  if (stored == JCS_CMYK || stored == JCS_YCCK) {
    reader_.jpeg.out_color_space = JCS_CMYK;
    // Adobe's programs, which leave this marker, store ink as light.
    from_cmyk_.emplace(icc, reader_.jpeg.saw_Adobe_marker != 0);
    cmyk_row_.resize(std::size_t{4} * shape_.width);
    Warn(&warnings_, warning_code::kColour,
         from_cmyk_->by_profile()
             ? "CMYK was converted to sRGB by the embedded profile"
             : "CMYK without a usable profile was converted to sRGB by a simple formula; "
               "the colours are approximate");
    metadata_.colour.source = FileColour::Source::kSrgb;
    return;
  }
  reader_.jpeg.out_color_space = stored == JCS_GRAYSCALE ? JCS_GRAYSCALE : JCS_RGB;
  if (icc.empty()) {
    if (!options.skip_metadata && shape_.channels == 3) {
      TakeExifColour(exif, &metadata_, &warnings_);
    }
    return;
  }
  if (IccFits(icc, shape_.channels)) {
    metadata_.icc.assign(icc.begin(), icc.end());
    metadata_.colour.source = FileColour::Source::kIcc;
  } else if (!options.skip_metadata) {
    Warn(&warnings_, warning_code::kIcc,
         "the ICC profile does not fit the picture and is ignored; the samples are taken as sRGB");
  }
}

Status JpegRowReader::Open(std::span<const std::uint8_t> bytes, const ImageReadOptions& options,
                           bool check_limits) {
  reader_.bytes = bytes;
  lenient_ = options.lenient;
  if (!ReadHeader(&reader_, lenient_, options.skip_metadata)) return ReadFailure(reader_);
  shape_.width = reader_.jpeg.image_width;
  shape_.height = reader_.jpeg.image_height;
  shape_.channels = reader_.jpeg.jpeg_color_space == JCS_GRAYSCALE ? 1 : 3;
  const Segments segments = FindSegments(reader_.jpeg);
  orientation_ = ExifOrientation(segments.exif);
  if (check_limits) {
    HALFMOON_RETURN_IF_ERROR(CheckSupported(reader_.jpeg));
    HALFMOON_RETURN_IF_ERROR(shape_.Validate(options.max_pixels));
    if (!lenient_) HALFMOON_RETURN_IF_ERROR(CheckEnoughData(reader_.jpeg, bytes.size()));
  }
  if (!options.skip_metadata) {
    TakeBlock(segments.exif, warning_code::kExif, "EXIF block", options, &metadata_.exif,
              &warnings_);
    TakeBlock(segments.xmp, warning_code::kXmp, "XMP packet", options, &metadata_.xmp, &warnings_);
  }
  TakeColour(segments.exif, options);
  if (!options.skip_metadata) metadata_.density = DensityOf(reader_.jpeg);
  if (!check_limits) return Status::Ok();
  WarnOfLinearLight(metadata_, options, &warnings_);
  DropSupplements(bytes, metadata_.xmp, &warnings_);
  if (!options.skip_metadata) WarnOfDropped(segments, &warnings_);

  const std::uint64_t most_memory = kFixedMemory + bytes.size() + kMemoryPerPixel * shape_.pixels();
  reader_.jpeg.mem->max_memory_to_use = static_cast<long>(most_memory);
  const bool by_scans = jpeg_has_multiple_scans(&reader_.jpeg) != 0;
  memory_bytes_ = by_scans ? kMemoryPerPixel * shape_.pixels() : kRowsMemory;
  if (!StartRows(&reader_)) return ReadFailure(reader_);
  return by_scans ? CheckScans() : Status::Ok();
}

Status JpegRowReader::CheckScans() {
  const MissingScans missing = FindMissingScans(reader_.jpeg);
  if (missing.component && !lenient_) {
    return {StatusCode::kTruncated,
            "JPEG: a component has no scan; a part of the picture is missing"};
  }
  if (missing.component || missing.coefficients) {
    Warn(&warnings_, warning_code::kDamage,
         "JPEG: some of the picture's scans are not in the file; it may be coarser than it was, or "
         "lack colour");
  }
  return Status::Ok();
}

Status JpegRowReader::Failed() {
  const Status failure = ReadFailure(reader_);
  if (!lenient_ || next_ == 0) return failure;
  gave_up_ = true;
  Warn(&warnings_, warning_code::kDamage, failure.message() + "; rows after that are black");
  return Status::Ok();
}

Status JpegRowReader::DoReadRow(std::span<std::uint8_t> row) {
  HALFMOON_RETURN_IF_ERROR(CheckRow(shape_, next_, row.size()));
  if (!gave_up_ && !ReadOneRow(&reader_, from_cmyk_ ? cmyk_row_.data() : row.data())) {
    HALFMOON_RETURN_IF_ERROR(Failed());
  }
  ++next_;
  if (gave_up_) {
    std::fill_n(row.data(), shape_.row_bytes(), std::uint8_t{0});
  } else if (from_cmyk_) {
    from_cmyk_->Convert(cmyk_row_.data(), row.data(), shape_.width);
  }
  return Status::Ok();
}

Status JpegRowReader::DoFinish() {
  HALFMOON_RETURN_IF_ERROR(CheckAllRows(shape_, next_));
  if (!gave_up_ && !ReadEnd(&reader_)) HALFMOON_RETURN_IF_ERROR(Failed());
  WarnOf(&warnings_, "JPEG: ", reader_.errors.log);
  return Status::Ok();
}

}  // namespace

bool HasJpegSignature(std::span<const std::uint8_t> bytes) {
  // The third byte begins the next marker, or is a stray one.
  return bytes.size() > 2 && StartsWith(bytes, "\xFF\xD8");
}

Result<std::unique_ptr<RowReader>> OpenJpeg(std::span<const std::uint8_t> bytes,
                                            const ImageReadOptions& options, bool check_limits) {
  auto reader = std::make_unique<JpegRowReader>();
  HALFMOON_RETURN_IF_ERROR(reader->Open(bytes, options, check_limits));
  return std::unique_ptr<RowReader>(std::move(reader));
}

}  // namespace halfmoon::imageio
