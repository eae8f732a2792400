// What must hold for any bytes that are said to be a picture; shared by the targets of the readers.
#pragma once

#include <algorithm>
#include <span>

#include "codec/imageio/image_io.h"

namespace halfmoon::fuzz {

inline void Require(bool condition) {
  if (!condition) __builtin_trap();
}

inline bool SamePixels(const Image& a, const Image& b) {
  return a.shape() == b.shape() && std::ranges::equal(a.samples(), b.samples());
}

// An error of the input is fine; a bug of ours is not, nor blaming the caller.
inline void RequireSane(const Result<Image>& image) {
  if (image.ok()) {
    Require(image->samples().size() == image->pixels() * image->shape().bytes_per_pixel());
    return;
  }
  Require(image.status().code() != StatusCode::kInternal);
  Require(image.status().code() != StatusCode::kInvalidArgument);
  Require(!image.status().message().empty());
}

inline void RequireSameByRows(std::span<const std::uint8_t> file, const ImageReadOptions& options,
                              const Image& whole) {
  const auto reader = OpenRows(file, options);
  Require(reader.ok() && (*reader)->shape() == whole.shape());
  std::vector<std::uint8_t> row(whole.stride());
  for (std::uint32_t y = 0; y < whole.height(); ++y) {
    Require((*reader)->ReadRow(row).ok());
    Require(std::equal(row.begin(), row.end(), whole.row(y)));
  }
  Require((*reader)->Finish().ok());
}

// What was read can be written, and is the same then.
inline void RequireRoundTrip(const Image& image) {
  ImageWriteOptions write;
  write.png_level = 1;
  const auto file = WriteImage(image, ImageFormat::kPng, write);
  Require(file.ok());
  const auto again = ReadImage(*file);
  Require(again.ok() && SamePixels(*again, image));
  Require(again->metadata().exif == image.metadata().exif);
  Require(again->metadata().xmp == image.metadata().xmp);
  Require(!again->metadata().density || again->metadata().density->IsLegal());
  constexpr std::uint64_t kSmall = 4096;  // pixels; more would only be slower
  if (image.pixels() > kSmall) return;
  ImageWriteOptions options;
  options.background = {1, 2, 3};
  const auto jpeg = WriteImage(image, ImageFormat::kJpeg, options);
  Require(jpeg.ok());
  const auto lossy = ReadImage(*jpeg);
  Require(lossy.ok() && lossy->width() == image.width() && lossy->height() == image.height());
}

inline void CheckPicture(std::span<const std::uint8_t> file) {
  ImageReadOptions options;
  options.max_pixels = 1 << 16;
  options.max_metadata_bytes = 1 << 16;
  const Result<ImageInfo> info = ReadImageInfo(file, options);
  Warnings warnings;
  const Result<Image> strict = ReadImage(file, options, &warnings);
  RequireSane(strict);
  options.lenient = true;
  const Result<Image> lenient = ReadImage(file, options, &warnings);
  RequireSane(lenient);
  if (strict.ok()) {
    Require(info.ok() && (PictureShape{info->width, info->height, info->channels,
                                       info->bit_depth}) == strict->shape());
    Require(lenient.ok() && SamePixels(*strict, *lenient));
    options.lenient = false;
    RequireSameByRows(file, options, *strict);
  }
  // Leaving metadata out refuses nothing and changes no pixel, the orientation included.
  options.lenient = false;
  options.skip_metadata = true;
  const Result<Image> bare = ReadImage(file, options);
  RequireSane(bare);
  if (strict.ok()) Require(bare.ok() && SamePixels(*strict, *bare));
  if (lenient.ok()) RequireRoundTrip(*lenient);
}

}  // namespace halfmoon::fuzz
