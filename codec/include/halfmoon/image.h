// Image and ImageView: pixels in memory. Public; depends on halfmoon/status.h and std only.
//
// Samples have 8 or 16 bit and use their whole range (0..255, 0..65535). They are interleaved
// (R G B R G B ...), rows from top to bottom, pixels from left to right; 16-bit samples are in the
// machine's byte order. Alpha comes last in a pixel and is not multiplied into the colour.
// Without an ICC profile samples are sRGB, or its grey axis for grey pictures.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <optional>
#include <span>
#include <utility>
#include <vector>

#include "halfmoon/status.h"

namespace halfmoon {

// Longest side of a picture. Fits the 16-bit sizes of JPEG, and keeps the bytes of a row in 32
// bits.
inline constexpr std::uint32_t kMaxImageSide = 65535;
// Most pixels unless the caller says otherwise: 16384 x 16384, 768 MiB as 8-bit RGB.
inline constexpr std::uint64_t kDefaultMaxImagePixels = std::uint64_t{1} << 28;

// Whether a picture of this size may be allocated.
// Errors: kInvalidArgument for a side of 0; kLimitExceeded for a side above kMaxImageSide or more
// than `max_pixels` pixels.
Status CheckImageSize(std::uint64_t width, std::uint64_t height,
                      std::uint64_t max_pixels = kDefaultMaxImagePixels);

// Width, height and kind of pixels.
struct PictureShape {
  std::uint32_t width = 0;      // pixels, 1..kMaxImageSide
  std::uint32_t height = 0;     // pixels, 1..kMaxImageSide
  std::uint32_t channels = 0;   // 1 grey, 2 grey + alpha, 3 RGB, 4 RGB + alpha
  std::uint32_t bit_depth = 8;  // bits per sample: 8 or 16

  bool operator==(const PictureShape&) const = default;
  bool has_alpha() const { return channels == 2 || channels == 4; }
  bool is_grey() const { return channels <= 2; }
  std::uint64_t pixels() const { return std::uint64_t{width} * height; }
  std::size_t bytes_per_pixel() const { return std::size_t{channels} * (bit_depth > 8 ? 2 : 1); }
  std::size_t row_bytes() const { return bytes_per_pixel() * width; }

  // Errors: those of CheckImageSize; kInvalidArgument naming channels or bit depth.
  Status Validate(std::uint64_t max_pixels = kDefaultMaxImagePixels) const;
};

// What a picture file said of its colours, for reports. What matters for showing the samples is in
// the ICC profile, which readers make where a file has other words (see Source).
struct FileColour {
  enum class Source {
    kUnstated,     // nothing: taken as sRGB
    kSrgb,         // said to be sRGB
    kIcc,          // the profile is the file's own, byte for byte
    kGammaChroma,  // gAMA and cHRM of a PNG: `icc` is a profile made from them, or empty when they
                   // say sRGB
    kCicp,         // cICP of a PNG: as kGammaChroma
    kExif,         // EXIF alone, which says Adobe RGB: `icc` is a profile made for it
  };
  Source source = Source::kUnstated;
  std::uint32_t gamma = 0;  // gAMA: exponent times 100000; 0: absent
  bool has_primaries = false;
  // cHRM, times 100000: white x y, red x y, green x y, blue x y.
  std::array<std::int32_t, 8> primaries = {};
};

// How large pixels are to be shown or printed, as a file states it.
struct PixelDensity {
  enum class Unit : std::uint8_t {
    kNone = 0,  // x and y mean only the shape of a pixel: y wide, x high
    kInch = 1,
    kCentimetre = 2,
    kMetre = 3,
  };
  std::uint32_t x = 0;  // pixels per unit from left to right, 1..2^31-1
  std::uint32_t y = 0;  // pixels per unit from top to bottom, 1..2^31-1
  Unit unit = Unit::kNone;

  bool operator==(const PixelDensity&) const = default;
  // Whether x and y are in the range stated above.
  bool IsLegal() const {
    constexpr std::uint32_t kMost = 0x7FFFFFFF;
    return x >= 1 && x <= kMost && y >= 1 && y <= kMost && unit <= Unit::kMetre;
  }
  // Whether it only says that pixels are square.
  bool SaysNothing() const { return unit == Unit::kNone && x == y; }
};

// What travels with the pixels. Blocks are carried byte for byte and not interpreted.
struct Metadata {
  std::vector<std::uint8_t> icc;   // ICC profile of the samples; empty means sRGB
  std::vector<std::uint8_t> exif;  // a TIFF structure: begins with "II" or "MM"
  std::vector<std::uint8_t> xmp;   // an XMP packet, UTF-8
  // Pixels per length (pHYs of PNG, JFIF); EXIF's own resolution is part of `exif`. Absent:
  // unknown.
  std::optional<PixelDensity> density;
  FileColour colour;
};

// Pixels that somebody else owns, read only. Cheap to copy.
// Lifetime: no longer than the owner of `data`, `icc`, `exif` and `xmp`.
struct ImageView {
  const std::uint8_t* data = nullptr;  // first sample of the top row; for 16 bit at an even address
  std::uint32_t width = 0;             // pixels, 1..kMaxImageSide
  std::uint32_t height = 0;            // pixels, 1..kMaxImageSide
  std::uint32_t channels = 0;          // 1 grey, 2 grey + alpha, 3 RGB, 4 RGB + alpha
  std::uint32_t bit_depth = 8;         // bits per sample: 8 or 16
  std::size_t stride = 0;  // bytes from a row to the next, >= row_bytes(); even for 16 bit
  std::span<const std::uint8_t> icc;    // ICC profile; empty means sRGB
  std::span<const std::uint8_t> exif;   // as Metadata::exif
  std::span<const std::uint8_t> xmp;    // as Metadata::xmp
  std::optional<PixelDensity> density;  // as Metadata::density

  PictureShape shape() const { return {width, height, channels, bit_depth}; }
  bool has_alpha() const { return shape().has_alpha(); }
  // Bytes of one row without padding.
  std::size_t row_bytes() const { return shape().row_bytes(); }
  // REQUIRES: y < height.
  const std::uint8_t* row(std::uint32_t y) const { return data + std::size_t{y} * stride; }
  // REQUIRES: y < height, bit_depth is 16.
  const std::uint16_t* row16(std::uint32_t y) const {
    return reinterpret_cast<const std::uint16_t*>(row(y));
  }

  // Errors: kInvalidArgument when a field is out of the range stated above.
  Status Validate() const;
};

// Gives the next row of a picture, from the top: fills shape.row_bytes() bytes (for 16 bit at an
// even address). A failure ends the work and is what the caller gets. Must not throw.
using RowSource = std::function<Status(std::span<std::uint8_t> row)>;
// Takes the next row of a picture. As RowSource.
using RowSink = std::function<Status(std::span<const std::uint8_t> row)>;

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

  // A picture whose samples are all 0: black, and transparent when it has alpha.
  // Errors: those of PictureShape::Validate; kOutOfMemory.
  static Result<Image> Create(const PictureShape& shape,
                              std::uint64_t max_pixels = kDefaultMaxImagePixels);
  // The same with 8 bit.
  static Result<Image> Create(std::uint32_t width, std::uint32_t height, std::uint32_t channels,
                              std::uint64_t max_pixels = kDefaultMaxImagePixels);

  // An independent copy, metadata included. Errors: kOutOfMemory.
  Result<Image> Clone() const;

  bool empty() const { return samples_.empty(); }
  const PictureShape& shape() const { return shape_; }
  std::uint32_t width() const { return shape_.width; }
  std::uint32_t height() const { return shape_.height; }
  std::uint32_t channels() const { return shape_.channels; }
  std::uint32_t bit_depth() const { return shape_.bit_depth; }
  bool has_alpha() const { return shape_.has_alpha(); }
  std::uint64_t pixels() const { return shape_.pixels(); }

  // Bytes from a row to the next.
  std::size_t stride() const { return shape_.row_bytes(); }
  // The bytes of all samples: height * stride().
  std::span<std::uint8_t> samples() { return samples_; }
  std::span<const std::uint8_t> samples() const { return samples_; }
  // REQUIRES: y < height().
  std::uint8_t* row(std::uint32_t y) { return samples_.data() + std::size_t{y} * stride(); }
  const std::uint8_t* row(std::uint32_t y) const {
    return samples_.data() + std::size_t{y} * stride();
  }
  // REQUIRES: y < height(), bit_depth() is 16.
  std::uint16_t* row16(std::uint32_t y) { return reinterpret_cast<std::uint16_t*>(row(y)); }
  const std::uint16_t* row16(std::uint32_t y) const {
    return reinterpret_cast<const std::uint16_t*>(row(y));
  }

  const Metadata& metadata() const { return metadata_; }
  void set_metadata(Metadata metadata) { metadata_ = std::move(metadata); }
  const std::vector<std::uint8_t>& icc() const { return metadata_.icc; }
  void set_icc(std::vector<std::uint8_t> icc) { metadata_.icc = std::move(icc); }

  // Lifetime: until this image is moved from, assigned or destroyed.
  ImageView view() const {
    return {samples_.data(), shape_.width,  shape_.height,  shape_.channels, shape_.bit_depth,
            stride(),        metadata_.icc, metadata_.exif, metadata_.xmp,   metadata_.density};
  }

 private:
  PictureShape shape_;
  std::vector<std::uint8_t> samples_;
  Metadata metadata_;
};

}  // namespace halfmoon
