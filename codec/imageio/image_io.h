// Picture files in and out: PNG and JPEG <-> Image. Must not include LibTorch, libpng or libjpeg.
//
// Thread-safety: all functions may be called from several threads at once.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "halfmoon/image.h"
#include "halfmoon/status.h"

namespace halfmoon {

enum class ImageFormat { kPng, kJpeg };

// "PNG" or "JPEG".
std::string_view ImageFormatName(ImageFormat format);

struct ImageReadOptions {
  // Most pixels of a picture; more is kLimitExceeded before anything is allocated for them.
  std::uint64_t max_pixels = kDefaultMaxImagePixels;
  // Most bytes of a picture file (ReadImageFile); more is kLimitExceeded.
  std::uint64_t max_file_bytes = std::uint64_t{1} << 30;
  // Turn the pixels as EXIF says (orientation 1..8), so that they are stored as they are shown.
  bool apply_orientation = true;
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
  // Quality of JPEG, 1..100.
  int jpeg_quality = 95;
  ChromaSubsampling jpeg_subsampling = ChromaSubsampling::k444;
  bool jpeg_progressive = false;

  // Errors: kInvalidArgument naming the field and its range.
  Status Validate() const;
};

// What a picture file holds, before any pixel is decoded.
struct ImageInfo {
  ImageFormat format = ImageFormat::kPng;
  std::uint32_t width = 0;      // pixels, as shown (after EXIF orientation, if that is applied)
  std::uint32_t height = 0;     // pixels, as shown
  std::uint32_t channels = 0;   // 1 grey, 2 grey + alpha, 3 RGB, 4 RGB + alpha or CMYK
  std::uint32_t bit_depth = 0;  // bits per sample as decoded: 8, or 16 for 16-bit PNG
  bool has_alpha = false;       // alpha channel or transparent colours
  bool has_icc = false;
  int orientation = 1;  // EXIF orientation, 1..8; 1 when there is none
};

// Reads a picture; the format is known by its first bytes, not by a name.
// `warnings` (may be null) receives one sentence for each thing that was dropped or guessed, e.g.
// "EXIF metadata is not kept yet".
// Errors: kNotHalfmoon (not a picture we know), kUnsupportedFeature (a picture of another format
// or of a kind that is named), kTruncated, kCorrupt, kLimitExceeded, kOutOfMemory.
Result<Image> ReadImage(std::span<const std::uint8_t> bytes, const ImageReadOptions& options = {},
                        std::vector<std::string>* warnings = nullptr);

// The same from a file; messages begin with the path. Errors also: those of ReadFile.
Result<Image> ReadImageFile(const std::string& path, const ImageReadOptions& options = {},
                            std::vector<std::string>* warnings = nullptr);

// Size and kind from the header alone: no pixels are allocated, size limits are not applied, and
// kinds that ReadImage refuses (16 bit, alpha, CMYK) are described.
// Errors: kNotHalfmoon, kUnsupportedFeature (another format), kTruncated, kCorrupt.
Result<ImageInfo> ReadImageInfo(std::span<const std::uint8_t> bytes,
                                const ImageReadOptions& options = {});
Result<ImageInfo> ReadImageInfoFile(const std::string& path, const ImageReadOptions& options = {});

// Format by the ending of the name: .png, .jpg, .jpeg in any case.
// Errors: kInvalidArgument listing the endings.
Result<ImageFormat> ImageFormatFromPath(std::string_view path);

// A whole file of the format. The ICC profile is written along; one that does not fit the picture
// is left out with a warning. Without a profile a PNG is marked as sRGB.
// Errors: kInvalidArgument (bad view or options, or a side above JPEG's 65500), kOutOfMemory.
Result<std::vector<std::uint8_t>> WriteImage(const ImageView& image, ImageFormat format,
                                             const ImageWriteOptions& options = {},
                                             std::vector<std::string>* warnings = nullptr);
Result<std::vector<std::uint8_t>> WriteImage(const Image& image, ImageFormat format,
                                             const ImageWriteOptions& options = {},
                                             std::vector<std::string>* warnings = nullptr);

// Writes a file atomically (see codec/io/atomic_file.h), its format by the ending of `path`.
// An existing file is kept unless `overwrite`. Errors also: kFileExists, kIo.
Status WriteImageFile(const std::string& path, const ImageView& image,
                      const ImageWriteOptions& options = {}, bool overwrite = false,
                      std::vector<std::string>* warnings = nullptr);

}  // namespace halfmoon
