// Image and ImageView: pixels in memory. Public; depends on halfmoon/status.h and std only.
//
// Samples are 8 bit, interleaved (R G B R G B ...), rows from top to bottom, pixels from left to
// right. Without an ICC profile they are sRGB, or its grey axis for one channel.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <utility>
#include <vector>

#include "halfmoon/status.h"

namespace halfmoon {

// Longest side of a picture. Fits the 16-bit sizes of JPEG, and keeps width * channels in 32 bits.
inline constexpr std::uint32_t kMaxImageSide = 65535;
// Most pixels unless the caller says otherwise: 16384 x 16384, 768 MiB as RGB.
inline constexpr std::uint64_t kDefaultMaxImagePixels = std::uint64_t{1} << 28;

// Whether a picture of this size may be allocated.
// Errors: kInvalidArgument for a side of 0; kLimitExceeded for a side above kMaxImageSide or more
// than `max_pixels` pixels.
Status CheckImageSize(std::uint64_t width, std::uint64_t height,
                      std::uint64_t max_pixels = kDefaultMaxImagePixels);

// Pixels that somebody else owns, read only. Cheap to copy.
// Lifetime: no longer than the owner of `data` and `icc`.
struct ImageView {
  const std::uint8_t* data = nullptr;  // first sample of the top row
  std::uint32_t width = 0;             // pixels, 1..kMaxImageSide
  std::uint32_t height = 0;            // pixels, 1..kMaxImageSide
  std::uint32_t channels = 0;          // 1 grey, 3 RGB
  std::uint32_t bit_depth = 8;         // bits per sample; only 8 for now
  std::size_t stride = 0;              // bytes from a row to the next, >= row_bytes()
  std::span<const std::uint8_t> icc;   // ICC profile; empty means sRGB

  // Bytes of one row without padding.
  std::size_t row_bytes() const { return std::size_t{width} * channels; }
  // REQUIRES: y < height.
  const std::uint8_t* row(std::uint32_t y) const { return data + std::size_t{y} * stride; }

  // Errors: kInvalidArgument when a field is out of the range stated above.
  Status Validate() const;
};

// A picture that owns its pixels: row-major, no padding between rows.
// Copies are explicit (Clone), because a picture is large. A moved-from Image is empty.
// Thread-safety: as std::vector.
class Image {
 public:
  Image() = default;  // empty: 0 x 0 pixels
  Image(Image&& other) noexcept { *this = std::move(other); }
  Image& operator=(Image&& other) noexcept;
  Image(const Image&) = delete;
  Image& operator=(const Image&) = delete;

  // A black picture of width x height pixels with 1 (grey) or 3 (RGB) channels.
  // Errors: those of CheckImageSize; kInvalidArgument for other channels; kOutOfMemory.
  static Result<Image> Create(std::uint32_t width, std::uint32_t height, std::uint32_t channels,
                              std::uint64_t max_pixels = kDefaultMaxImagePixels);

  // An independent copy, ICC profile included. Errors: kOutOfMemory.
  Result<Image> Clone() const;

  bool empty() const { return samples_.empty(); }
  std::uint32_t width() const { return width_; }
  std::uint32_t height() const { return height_; }
  std::uint32_t channels() const { return channels_; }
  std::uint32_t bit_depth() const { return 8; }
  std::uint64_t pixels() const { return std::uint64_t{width_} * height_; }

  // Bytes from a row to the next: width * channels.
  std::size_t stride() const { return std::size_t{width_} * channels_; }
  // All samples: height * stride() bytes.
  std::span<std::uint8_t> samples() { return samples_; }
  std::span<const std::uint8_t> samples() const { return samples_; }
  // REQUIRES: y < height().
  std::uint8_t* row(std::uint32_t y) { return samples_.data() + std::size_t{y} * stride(); }
  const std::uint8_t* row(std::uint32_t y) const {
    return samples_.data() + std::size_t{y} * stride();
  }

  // ICC profile of the samples; empty means sRGB. Not interpreted, only carried.
  const std::vector<std::uint8_t>& icc() const { return icc_; }
  void set_icc(std::vector<std::uint8_t> icc) { icc_ = std::move(icc); }

  // Lifetime: until this image is moved from, assigned or destroyed.
  ImageView view() const {
    return {samples_.data(), width_, height_, channels_, 8, stride(), icc_};
  }

 private:
  std::uint32_t width_ = 0;
  std::uint32_t height_ = 0;
  std::uint32_t channels_ = 0;
  std::vector<std::uint8_t> samples_;
  std::vector<std::uint8_t> icc_;
};

}  // namespace halfmoon
