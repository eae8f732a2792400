// RgbPicture: what metrics compare and what the codecs of an evaluation get. No files.
#pragma once

#include <array>
#include <cstdint>
#include <span>
#include <string>
#include <utility>

#include "halfmoon/image.h"
#include "halfmoon/status.h"

namespace halfmoon::metrics {

// Mid-grey lies under transparent pixels: equally far from black and white, so that neither dark
// nor bright pictures are favoured. R, G, B of 8 bit.
inline constexpr std::array<std::uint8_t, 3> kBackground = {128, 128, 128};

// A picture of 8-bit R, G, B and nothing else. It is a type of its own so that no function of
// measuring can be given samples of another depth or number.
// Copies are explicit (Clone of Image), as those of Image. Thread-safety: as Image.
class RgbPicture {
 public:
  RgbPicture() = default;  // empty: 0 x 0 pixels

  // Black. Errors: those of Image::Create.
  static Result<RgbPicture> Create(std::uint32_t width, std::uint32_t height);

  // Any picture: 16 bits are rounded to 8, transparency is laid over kBackground with one rounding,
  // grey becomes R = G = B. Metadata is left out. Errors: those of ImageView::Validate,
  // kOutOfMemory.
  static Result<RgbPicture> From(const ImageView& picture);
  // The same; takes over the samples of an 8-bit RGB picture without a copy.
  static Result<RgbPicture> From(Image picture);

  bool empty() const { return image_.empty(); }
  std::uint32_t width() const { return image_.width(); }
  std::uint32_t height() const { return image_.height(); }
  std::size_t stride() const { return image_.stride(); }  // bytes from a row to the next: 3 * width
  std::uint64_t pixels() const { return image_.pixels(); }
  // 3 * width bytes. REQUIRES: y < height().
  std::uint8_t* row(std::uint32_t y) { return image_.row(y); }
  const std::uint8_t* row(std::uint32_t y) const { return image_.row(y); }
  std::span<std::uint8_t> samples() { return image_.samples(); }
  std::span<const std::uint8_t> samples() const { return image_.samples(); }
  ImageView view() const { return image_.view(); }

 private:
  explicit RgbPicture(Image image) : image_(std::move(image)) {}

  Image image_;  // 3 channels, 8 bit
};

// What From changes of a picture of this shape, for people: "transparency over mid-grey",
// "16 bits rounded to 8", both, or nothing.
std::string ConversionNote(const PictureShape& shape);

// Errors: kInvalidArgument, naming both sizes, unless they are equal.
Status CheckSameSize(const RgbPicture& a, const RgbPicture& b);

}  // namespace halfmoon::metrics
