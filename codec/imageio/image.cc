#include "halfmoon/image.h"

#include <new>
#include <stdexcept>
#include <string>

namespace halfmoon {
namespace {

std::string SizeText(std::uint64_t width, std::uint64_t height) {
  return std::to_string(width) + " x " + std::to_string(height);
}

}  // namespace

Status CheckImageSize(std::uint64_t width, std::uint64_t height, std::uint64_t max_pixels) {
  if (width == 0 || height == 0) {
    return {StatusCode::kInvalidArgument,
            "picture of " + SizeText(width, height) + " pixels; both sides must be at least 1"};
  }
  if (width > kMaxImageSide || height > kMaxImageSide) {
    return {StatusCode::kLimitExceeded, "picture of " + SizeText(width, height) +
                                            " pixels; a side may have at most " +
                                            std::to_string(kMaxImageSide)};
  }
  if (width * height > max_pixels) {
    return {StatusCode::kLimitExceeded,
            "picture of " + SizeText(width, height) + " = " + std::to_string(width * height) +
                " pixels; the limit is set to " + std::to_string(max_pixels) +
                "; raise the pixel limit if you trust the file"};
  }
  return Status::Ok();
}

Status PictureShape::Validate(std::uint64_t max_pixels) const {
  HALFMOON_RETURN_IF_ERROR(CheckImageSize(width, height, max_pixels));
  if (channels < 1 || channels > 4) {
    return {StatusCode::kInvalidArgument,
            "picture with " + std::to_string(channels) +
                " channels; 1 (grey), 2 (grey + alpha), 3 (RGB) or 4 (RGB + alpha) expected"};
  }
  if (bit_depth != 8 && bit_depth != 16) {
    return {StatusCode::kInvalidArgument,
            "picture with " + std::to_string(bit_depth) + " bits per sample; 8 or 16 expected"};
  }
  return Status::Ok();
}

Status ImageView::Validate() const {
  const auto invalid = [](std::string message) {
    return Status(StatusCode::kInvalidArgument, "image view: " + std::move(message));
  };
  if (data == nullptr) return invalid("no pixels");
  if (width == 0 || height == 0 || width > kMaxImageSide || height > kMaxImageSide) {
    return invalid("size " + SizeText(width, height) + " is outside 1.." +
                   std::to_string(kMaxImageSide));
  }
  HALFMOON_RETURN_IF_ERROR(
      shape().Validate(std::uint64_t{kMaxImageSide} * kMaxImageSide).WithContext("image view"));
  if (stride < row_bytes()) {
    return invalid("stride of " + std::to_string(stride) + " bytes is shorter than a row of " +
                   std::to_string(row_bytes()));
  }
  if (bit_depth == 16 && (stride % 2 != 0 || reinterpret_cast<std::uintptr_t>(data) % 2 != 0)) {
    return invalid("16-bit samples must lie at even addresses; data or stride is odd");
  }
  return Status::Ok();
}

Image& Image::operator=(Image&& other) noexcept {
  if (this == &other) return *this;
  shape_ = std::exchange(other.shape_, {});
  samples_ = std::exchange(other.samples_, {});
  metadata_ = std::exchange(other.metadata_, {});
  return *this;
}

Result<Image> Image::Create(std::uint32_t width, std::uint32_t height, std::uint32_t channels,
                            std::uint64_t max_pixels) {
  return Create(PictureShape{width, height, channels, 8}, max_pixels);
}

Result<Image> Image::Create(const PictureShape& shape, std::uint64_t max_pixels) {
  HALFMOON_RETURN_IF_ERROR(shape.Validate(max_pixels));
  // At most 65535 * 65535 * 8 < 2^35: no overflow in 64 bits.
  const std::uint64_t bytes = shape.pixels() * shape.bytes_per_pixel();
  Image image;
  try {
    image.samples_.resize(bytes);
  } catch (const std::bad_alloc&) {
    return Status(StatusCode::kOutOfMemory, "no memory for a picture of " +
                                                SizeText(shape.width, shape.height) + " pixels (" +
                                                std::to_string(bytes) + " bytes)");
  } catch (const std::length_error&) {  // where size_t has 32 bits
    return Status(StatusCode::kLimitExceeded,
                  "a picture of " + SizeText(shape.width, shape.height) +
                      " pixels is larger than this machine can address");
  }
  image.shape_ = shape;
  return image;
}

Result<Image> Image::Clone() const {
  Image copy;
  try {
    copy.samples_ = samples_;
    copy.metadata_ = metadata_;
  } catch (const std::bad_alloc&) {
    return Status(StatusCode::kOutOfMemory,
                  "no memory to copy a picture of " + SizeText(width(), height()) + " pixels");
  }
  copy.shape_ = shape_;
  return copy;
}

}  // namespace halfmoon
