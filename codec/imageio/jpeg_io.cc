// See c_boundary.h for the rules that keep longjmp and C++ apart.
#include "codec/imageio/jpeg_io.h"

#include <cstddef>
#include <cstdio>
// The order matters: jpeglib.h needs size_t and FILE, and jerror.h numbers its codes by the library
// version that jpeglib.h defines. Swapped, everything compiles and the codes are wrong.
#include <jpeglib.h>
//
#include <jerror.h>

#include <array>
#include <csetjmp>
#include <cstdlib>
#include <cstring>
#include <memory>
#include <string_view>

#include "codec/imageio/c_boundary.h"
#include "codec/imageio/orientation.h"

namespace halfmoon::imageio {
namespace {

// Scans of a progressive picture. Ordinary files have about 10, optimisers stay below 64. Each
// scan may cost a walk over the whole picture for a few bytes of file, so there must be a limit.
constexpr int kMaxScans = 100;
// libjpeg's own memory beside our pixels: a fixed part for tables, rows and markers, and, for
// progressive pictures, 16-bit coefficients of up to 4 components, padded to whole blocks.
constexpr std::uint64_t kFixedMemory = std::uint64_t{64} << 20;
constexpr std::uint64_t kMemoryPerPixel = 12;
// A Huffman-coded block of 64 samples takes at least one bit, for its DC coefficient, so a byte
// can describe at most 512 samples of a component. 4 times that, as a margin for odd subsampling.
constexpr std::uint64_t kMaxPixelsPerByte = 2048;

constexpr unsigned kExifMarker = JPEG_APP0 + 1;  // also XMP
constexpr unsigned kIccMarker = JPEG_APP0 + 2;
constexpr unsigned kPhotoshopMarker = JPEG_APP0 + 13;  // IPTC
constexpr std::string_view kExifName("Exif\0\0", 6);
constexpr std::string_view kXmpName = "http://ns.adobe.com/";
constexpr std::string_view kPhotoshopName = "Photoshop ";

bool StartsWith(std::span<const std::uint8_t> bytes, std::string_view text) {
  return bytes.size() >= text.size() && std::memcmp(bytes.data(), text.data(), text.size()) == 0;
}

// --- Errors ------------------------------------------------------------------------------------
// libjpeg finds these by a cast from its own struct, which therefore comes first.
struct ErrorManager {
  jpeg_error_mgr base;
  std::jmp_buf jump;
  bool lenient = false;
  int code = 0;  // JERR_ or JWRN_ of the failure
  char message[kMessageBytes] = {};
  WarningLog log;
};
static_assert(kMessageBytes >= JMSG_LENGTH_MAX);

[[noreturn]] void OnError(j_common_ptr jpeg) {
  auto* errors = reinterpret_cast<ErrorManager*>(jpeg->err);
  errors->code = errors->base.msg_code;
  errors->base.format_message(jpeg, errors->message);
  std::longjmp(errors->jump, 1);
}

// Warnings that say nothing about the pixels being damaged.
bool IsHarmless(int code) {
  return code == JWRN_ADOBE_XFORM || code == JWRN_JFIF_MAJOR || code == JWRN_BOGUS_ICC;
}

void OnMessage(j_common_ptr jpeg, int level) {
  if (level >= 0) return;  // traces
  auto* errors = reinterpret_cast<ErrorManager*>(jpeg->err);
  const int code = errors->base.msg_code;
  if (!errors->lenient && !IsHarmless(code)) OnError(jpeg);
  ++errors->base.num_warnings;
  char message[JMSG_LENGTH_MAX] = {};
  errors->base.format_message(jpeg, message);
  errors->log.Add(message);
}

void OnOutput(j_common_ptr) {}  // never print

void Install(ErrorManager* errors, jpeg_error_mgr** slot) {
  *slot = jpeg_std_error(&errors->base);
  errors->base.error_exit = &OnError;
  errors->base.emit_message = &OnMessage;
  errors->base.output_message = &OnOutput;
}

Status Failure(const ErrorManager& errors) {
  const std::string text = std::string("JPEG: ") + errors.message;
  switch (errors.code) {
    case JERR_OUT_OF_MEMORY: return {StatusCode::kOutOfMemory, text};
    case JERR_NO_BACKING_STORE:
      return {StatusCode::kLimitExceeded, "JPEG: decoding needs more memory than allowed"};
    case JERR_IMAGE_TOO_BIG: return {StatusCode::kLimitExceeded, text};
    case JERR_INPUT_EMPTY:
    case JERR_INPUT_EOF:
    case JWRN_JPEG_EOF: return {StatusCode::kTruncated, text + "; the rest of the file is missing"};
    case JWRN_HIT_MARKER:
      return {StatusCode::kTruncated, text + "; a part of the picture is missing"};
    case JERR_BAD_PRECISION:
      return {StatusCode::kUnsupportedFeature, text + "; only 8-bit JPEG is supported"};
    case JERR_SOF_UNSUPPORTED:
    case JERR_ARITH_NOTIMPL:
    case JERR_CCIR601_NOTIMPL:
    case JERR_CONVERSION_NOTIMPL:
    case JERR_FRACT_SAMPLE_NOTIMPL:
    case JERR_NOT_COMPILED:
      return {StatusCode::kUnsupportedFeature,
              text + "; lossless, hierarchical and other rare kinds of JPEG are not supported"};
    default: return {StatusCode::kCorrupt, text + "; the file is damaged"};
  }
}

// --- Reading -----------------------------------------------------------------------------------
struct Reader {
  jpeg_decompress_struct jpeg = {};
  ErrorManager errors;
  jpeg_progress_mgr progress = {};
  std::span<const std::uint8_t> bytes;
  JOCTET* icc = nullptr;  // from malloc
  unsigned icc_size = 0;
  bool too_many_scans = false;
  std::uint32_t rows_read = 0;

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

bool ReadHeader(Reader* reader, bool lenient) {
  jpeg_decompress_struct* jpeg = &reader->jpeg;
  Install(&reader->errors, &jpeg->err);
  reader->errors.lenient = lenient;
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
  if (jpeg_read_icc_profile(jpeg, &reader->icc, &reader->icc_size) == 0) reader->icc_size = 0;
  return true;
}

// REQUIRES: ReadHeader succeeded; `image` has the picture's size and channels.
bool ReadPixels(Reader* reader, Image* image) {
  if (setjmp(reader->errors.jump) != 0) return false;
  jpeg_decompress_struct* jpeg = &reader->jpeg;
  jpeg->out_color_space = image->channels() == 1 ? JCS_GRAYSCALE : JCS_RGB;
  jpeg->dct_method = JDCT_ISLOW;     // the accurate integer transform
  jpeg->do_fancy_upsampling = TRUE;  // triangle filter
  jpeg->do_block_smoothing = FALSE;  // would invent detail in incomplete progressive files
  jpeg_start_decompress(jpeg);
  while (jpeg->output_scanline < jpeg->output_height) {
    JSAMPROW row = image->row(jpeg->output_scanline);
    jpeg_read_scanlines(jpeg, &row, 1);
    reader->rows_read = jpeg->output_scanline;
  }
  jpeg_finish_decompress(jpeg);  // reads on to the end-of-image marker
  return true;
}

struct Metadata {
  int orientation = 1;
  bool has_exif = false;
  bool has_xmp = false;
  bool has_iptc = false;
  bool has_comment = false;
};

Metadata ReadMetadata(const jpeg_decompress_struct& jpeg) {
  Metadata found;
  for (jpeg_saved_marker_ptr marker = jpeg.marker_list; marker != nullptr; marker = marker->next) {
    const std::span<const std::uint8_t> data(marker->data, marker->data_length);
    if (marker->marker == kExifMarker && StartsWith(data, kExifName)) {
      if (!found.has_exif) found.orientation = ExifOrientation(data.subspan(kExifName.size()));
      found.has_exif = true;
    } else if (marker->marker == kExifMarker && StartsWith(data, kXmpName)) {
      found.has_xmp = true;
    } else if (marker->marker == kPhotoshopMarker && StartsWith(data, kPhotoshopName)) {
      found.has_iptc = true;
    } else if (marker->marker == JPEG_COM) {
      found.has_comment = true;
    }
  }
  return found;
}

Status ReadFailure(const Reader& reader) {
  if (reader.too_many_scans) {
    return {StatusCode::kLimitExceeded, "JPEG: more than " + std::to_string(kMaxScans) +
                                            " scans; the file is made to waste time"};
  }
  return Failure(reader.errors);
}

// Whether the profile describes samples of this many channels. A wrong one shows wrong colours in
// every program that believes it, and PNG may not hold it.
bool IccFits(std::span<const std::uint8_t> icc, std::uint32_t channels) {
  constexpr std::size_t kHeaderBytes = 128;
  if (icc.size() < kHeaderBytes + 4 || !StartsWith(icc.subspan(36), "acsp")) return false;
  return StartsWith(icc.subspan(16), channels == 1 ? "GRAY" : "RGB ");
}

Status CheckSupported(const jpeg_decompress_struct& jpeg) {
  const auto refuse = [](std::string_view what) {
    return Status(StatusCode::kUnsupportedFeature,
                  std::string(what) + " JPEG is not supported; convert to RGB");
  };
  switch (jpeg.jpeg_color_space) {
    case JCS_GRAYSCALE:
    case JCS_RGB:
    case JCS_YCbCr: return Status::Ok();
    case JCS_CMYK: return refuse("CMYK");
    case JCS_YCCK: return refuse("YCCK (CMYK)");
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

}  // namespace

bool HasJpegSignature(std::span<const std::uint8_t> bytes) {
  return StartsWith(bytes, "\xFF\xD8\xFF");
}

Result<ImageInfo> ReadJpegInfo(std::span<const std::uint8_t> bytes,
                               const ImageReadOptions& options) {
  Reader reader;
  reader.bytes = bytes;
  if (!ReadHeader(&reader, options.lenient)) return ReadFailure(reader);
  ImageInfo info;
  info.format = ImageFormat::kJpeg;
  info.width = reader.jpeg.image_width;
  info.height = reader.jpeg.image_height;
  info.channels = static_cast<std::uint32_t>(reader.jpeg.num_components);
  info.bit_depth = static_cast<std::uint32_t>(reader.jpeg.data_precision);
  info.has_icc = reader.icc_size > 0;
  info.orientation = ReadMetadata(reader.jpeg).orientation;
  if (options.apply_orientation && OrientationSwapsSides(info.orientation)) {
    std::swap(info.width, info.height);
  }
  return info;
}

Result<Image> ReadJpeg(std::span<const std::uint8_t> bytes, const ImageReadOptions& options,
                       std::vector<std::string>* warnings) {
  Reader reader;
  reader.bytes = bytes;
  if (!ReadHeader(&reader, options.lenient)) return ReadFailure(reader);
  const std::uint32_t width = reader.jpeg.image_width;
  const std::uint32_t height = reader.jpeg.image_height;
  HALFMOON_RETURN_IF_ERROR(CheckSupported(reader.jpeg));
  HALFMOON_RETURN_IF_ERROR(CheckImageSize(width, height, options.max_pixels));
  if (!options.lenient) HALFMOON_RETURN_IF_ERROR(CheckEnoughData(reader.jpeg, bytes.size()));
  reader.jpeg.mem->max_memory_to_use = static_cast<long>(
      kFixedMemory + bytes.size() + kMemoryPerPixel * (std::uint64_t{width} * height));

  const std::uint32_t channels = reader.jpeg.jpeg_color_space == JCS_GRAYSCALE ? 1 : 3;
  HALFMOON_ASSIGN_OR_RETURN(Image image,
                            Image::Create(width, height, channels, options.max_pixels));
  const Metadata metadata = ReadMetadata(reader.jpeg);
  if (reader.icc_size > 0) {
    const std::span<const std::uint8_t> icc(reader.icc, reader.icc_size);
    if (IccFits(icc, channels)) {
      image.set_icc({icc.begin(), icc.end()});
    } else {
      Warn(warnings,
           "the ICC profile does not fit the picture and is ignored; the samples are "
           "taken as sRGB");
    }
  }
  if (!ReadPixels(&reader, &image)) {
    if (!options.lenient || reader.rows_read == 0) return ReadFailure(reader);
    Warn(warnings, ReadFailure(reader).message() + "; rows after that are black");
  }

  const int orientation = options.apply_orientation ? metadata.orientation : 1;
  if (metadata.has_exif) {
    Warn(warnings, orientation != 1 ? "EXIF metadata is not kept yet (its orientation was applied)"
                                    : "EXIF metadata is not kept yet");
  }
  if (metadata.has_xmp) Warn(warnings, "XMP metadata is not kept yet");
  if (metadata.has_iptc) Warn(warnings, "IPTC metadata is not kept yet");
  if (metadata.has_comment) Warn(warnings, "text metadata is not kept yet");
  Warn(warnings, "JPEG: ", reader.errors.log);
  return ApplyOrientation(std::move(image), orientation);
}

// --- Writing -----------------------------------------------------------------------------------
namespace {

// libjpeg's own memory destination leaks its buffer on errors; this one appends to a vector.
struct Destination {
  jpeg_destination_mgr base = {};
  std::vector<std::uint8_t> out;
  std::array<JOCTET, 1 << 16> block;
};

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
  if (!Append(&destination->out, destination->block.data(), destination->block.size())) {
    ERREXIT1(jpeg, JERR_OUT_OF_MEMORY, 0);
  }
  StartBlock(destination);
  return TRUE;
}

void OnEnd(j_compress_ptr jpeg) {
  auto* destination = reinterpret_cast<Destination*>(jpeg->dest);
  const std::size_t used = destination->block.size() - destination->base.free_in_buffer;
  if (!Append(&destination->out, destination->block.data(), used)) {
    ERREXIT1(jpeg, JERR_OUT_OF_MEMORY, 0);
  }
}

bool WriteAll(Writer* writer, const ImageView* image, const ImageWriteOptions* options,
              bool with_icc) {
  jpeg_compress_struct* jpeg = &writer->jpeg;
  Install(&writer->errors, &jpeg->err);
  if (setjmp(writer->errors.jump) != 0) return false;
  jpeg_create_compress(jpeg);
  writer->destination.base.init_destination = &OnStart;
  writer->destination.base.empty_output_buffer = &OnBlockFull;
  writer->destination.base.term_destination = &OnEnd;
  jpeg->dest = &writer->destination.base;
  jpeg->image_width = image->width;
  jpeg->image_height = image->height;
  jpeg->input_components = static_cast<int>(image->channels);
  jpeg->in_color_space = image->channels == 1 ? JCS_GRAYSCALE : JCS_RGB;
  jpeg_set_defaults(jpeg);
  jpeg_set_quality(jpeg, options->jpeg_quality, TRUE);
  jpeg->dct_method = JDCT_ISLOW;
  jpeg->optimize_coding = TRUE;
  if (image->channels == 3) {
    const int factor = options->jpeg_subsampling == ChromaSubsampling::k420 ? 2 : 1;
    jpeg->comp_info[0].h_samp_factor = factor;
    jpeg->comp_info[0].v_samp_factor = factor;
  }
  if (options->jpeg_progressive) jpeg_simple_progression(jpeg);
  jpeg_start_compress(jpeg, TRUE);
  if (with_icc) {
    jpeg_write_icc_profile(jpeg, image->icc.data(), static_cast<unsigned>(image->icc.size()));
  }
  while (jpeg->next_scanline < jpeg->image_height) {
    // libjpeg does not write to its input; its type merely lacks const.
    auto* row = const_cast<JSAMPROW>(image->row(jpeg->next_scanline));
    jpeg_write_scanlines(jpeg, &row, 1);
  }
  jpeg_finish_compress(jpeg);
  return true;
}

}  // namespace

Result<std::vector<std::uint8_t>> WriteJpeg(const ImageView& image,
                                            const ImageWriteOptions& options,
                                            std::vector<std::string>* warnings) {
  if (image.width > JPEG_MAX_DIMENSION || image.height > JPEG_MAX_DIMENSION) {
    return Status(StatusCode::kInvalidArgument,
                  "JPEG holds at most " + std::to_string(JPEG_MAX_DIMENSION) +
                      " pixels a side, the picture has " + std::to_string(image.width) + " x " +
                      std::to_string(image.height) + "; write PNG");
  }
  // An APP2 segment carries 65519 bytes of profile, and there may be 255 of them.
  constexpr std::size_t kMaxIccBytes = 255 * 65519;
  const bool with_icc = IccFits(image.icc, image.channels) && image.icc.size() <= kMaxIccBytes;
  if (!image.icc.empty() && !with_icc) {
    Warn(warnings, "the ICC profile does not fit the picture or JPEG and was not written");
  }
  const auto writer = std::make_unique<Writer>();  // 64 KiB: not on the stack
  if (!WriteAll(writer.get(), &image, &options, with_icc)) return Failure(writer->errors);
  return std::move(writer->destination.out);
}

}  // namespace halfmoon::imageio
