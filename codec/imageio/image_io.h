// Picture files in and out: PNG, JPEG, PNM and PAM <-> Image, or row by row. Must not include
// LibTorch, libpng or libjpeg.
//
// Files are known by their content; metadata (ICC, EXIF, XMP) is carried byte for byte.
// Thread-safety: all functions may be called from several threads at once.
#pragma once

#include <array>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "codec/imageio/rows.h"
#include "codec/imageio/warning.h"
#include "halfmoon/image.h"
#include "halfmoon/status.h"

namespace halfmoon {

enum class ImageFormat {
  kPng,
  kJpeg,
  kPnm,  // read: P1 to P6; written: P5 (grey) or P6 (RGB) by the picture, binary
  kPgm,  // written: P5; pictures with colour are refused
  kPpm,  // written: P6, grey as equal R, G and B
  kPam,  // P7
};

// "PNG", "JPEG", "PNM", "PGM", "PPM" or "PAM".
std::string_view ImageFormatName(ImageFormat format);

struct ImageReadOptions {
  // Most pixels of a picture; more is kLimitExceeded before anything is allocated for them.
  std::uint64_t max_pixels = kDefaultMaxImagePixels;
  // Most bytes of a picture file (ReadImageFile); more is kLimitExceeded.
  std::uint64_t max_file_bytes = std::uint64_t{1} << 30;
  // Most bytes of each of ICC profile, EXIF block and XMP packet, unpacked; larger ones are left
  // out with a warning. Real ones have up to a few MB.
  std::uint64_t max_metadata_bytes = std::uint64_t{16} << 20;
  // Turn the pixels as EXIF says (orientation 1..8), so that they are stored as they are shown, and
  // set the tags in EXIF and XMP to "upright".
  bool apply_orientation = true;
  // Leave metadata out, without a look at it and without a word. Of EXIF the orientation is applied
  // all the same, because it is about the pixels, and the ICC profile is read, because it says what
  // the samples mean.
  bool skip_metadata = false;
  // Take what can be had from a damaged file: what the libraries can repair becomes a warning.
  bool lenient = false;
};

enum class ChromaSubsampling {
  k444,  // full-resolution colour
  k420,  // colour at half resolution both ways; smaller, blurs colour edges
};

struct ImageWriteOptions {
  // zlib level of PNG, 0 (stored) .. 9 (smallest). Pixels are the same at each. On photographs 9
  // is 3.5 % smaller than 1 and takes 7 times as long; README.md has the measurement.
  int png_level = 1;
  // Whether a PNG without a profile is marked as sRGB. Some programs (opj_compress of OpenJPEG 2.5)
  // take the mark for an order to make the samples linear.
  bool png_srgb_mark = true;
  // Quality of JPEG, 1..100.
  int jpeg_quality = 95;
  ChromaSubsampling jpeg_subsampling = ChromaSubsampling::k444;
  bool jpeg_progressive = false;
  // R, G, B to lay a picture with alpha over where a format holds none (JPEG). Without it that is
  // an error.
  std::optional<std::array<std::uint8_t, 3>> background;

  // Errors: kInvalidArgument naming the field and its range.
  Status Validate() const;
};

// What a picture file holds, before any pixel is decoded.
struct ImageInfo {
  ImageFormat format = ImageFormat::kPng;
  std::uint32_t width = 0;      // pixels, as shown (after EXIF orientation, if that is applied)
  std::uint32_t height = 0;     // pixels, as shown
  std::uint32_t channels = 0;   // as decoded: 1 grey, 2 grey + alpha, 3 RGB, 4 RGB + alpha
  std::uint32_t bit_depth = 0;  // bits per sample as decoded: 8 or 16
  bool has_alpha = false;       // alpha channel or transparent colours
  bool has_icc = false;         // a profile in the file
  bool has_exif = false;
  bool has_xmp = false;
  std::optional<PixelDensity> density;  // of the pixels as shown
  FileColour colour;
  int orientation = 1;  // EXIF orientation, 1..8; 1 when there is none
};

// Reads a picture; the format is known by its first bytes, not by a name.
// `warnings` (may be null) receives one for each thing that was dropped or guessed, e.g.
// {warning_code::kText, "text metadata is not kept"}.
// Errors: kNotHalfmoon (not a picture we know), kUnsupportedFeature (a picture of another format
// or of a kind that is named), kTruncated, kCorrupt, kLimitExceeded, kOutOfMemory.
Result<Image> ReadImage(std::span<const std::uint8_t> bytes, const ImageReadOptions& options = {},
                        Warnings* warnings = nullptr);

// The same from a file; messages begin with the path. Errors also: those of ReadFile.
Result<Image> ReadImageFile(const std::string& path, const ImageReadOptions& options = {},
                            Warnings* warnings = nullptr);

// Row by row; `bytes` must outlive the reader. Interlaced PNG and pictures that must be turned are
// held whole (RowReader::memory_bytes says so). Errors: as ReadImage.
Result<std::unique_ptr<RowReader>> OpenRows(std::span<const std::uint8_t> bytes,
                                            const ImageReadOptions& options = {});

// Size and kind from the header alone: no pixels are allocated, and size limits are not applied.
// Errors: kNotHalfmoon, kUnsupportedFeature (another format), kTruncated, kCorrupt.
Result<ImageInfo> ReadImageInfo(std::span<const std::uint8_t> bytes,
                                const ImageReadOptions& options = {});
Result<ImageInfo> ReadImageInfoFile(const std::string& path, const ImageReadOptions& options = {});

// The endings of files that can be read, with dot, in lower case. (What a file is, its content
// says.)
std::vector<std::string> ReadableEndings();

// Format to write by the ending of the name: .png, .jpg, .jpeg, .jpe, .jfif, .ppm, .pgm, .pnm, .pam
// in any case. Errors: kInvalidArgument listing the endings.
Result<ImageFormat> ImageFormatFromPath(std::string_view path);

// A whole file of the format. ICC, EXIF and XMP are written along; what does not fit the picture or
// the format is left out with a warning. Without a profile a PNG is marked as sRGB, by default.
// JPEG rounds 16 bits to 8 with a warning. Errors: kInvalidArgument (bad view or options, a side
// above JPEG's 65500, alpha in JPEG without a background or in PNM, colour in PGM), kOutOfMemory.
Result<std::vector<std::uint8_t>> WriteImage(const ImageView& image, ImageFormat format,
                                             const ImageWriteOptions& options = {},
                                             Warnings* warnings = nullptr);
Result<std::vector<std::uint8_t>> WriteImage(const Image& image, ImageFormat format,
                                             const ImageWriteOptions& options = {},
                                             Warnings* warnings = nullptr);

// The same, with the bytes going to `sink` as they come. Errors also: those of the sink.
Status WriteRows(const ImageView& image, ImageFormat format, const ImageWriteOptions& options,
                 const ByteSink& sink, Warnings* warnings = nullptr);

// Row by row. Of `metadata` only icc, exif, xmp and density are used, and only during the call.
// Errors: as WriteRows.
Result<std::unique_ptr<RowWriter>> CreateRows(const PictureShape& shape, const ImageView& metadata,
                                              ImageFormat format, const ImageWriteOptions& options,
                                              ByteSink sink);

// Writes a file atomically (see codec/io/atomic_file.h), its format by the ending of `path`.
// An existing file is kept unless `overwrite`. Errors also: kFileExists, kIo.
Status WriteImageFile(const std::string& path, const ImageView& image,
                      const ImageWriteOptions& options = {}, bool overwrite = false,
                      Warnings* warnings = nullptr);

}  // namespace halfmoon
