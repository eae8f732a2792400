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

Status ImageView::Validate() const {
  const auto invalid = [](std::string message) {
    return Status(StatusCode::kInvalidArgument, "image view: " + std::move(message));
  };
  if (data == nullptr) return invalid("no pixels");
  if (width == 0 || height == 0 || width > kMaxImageSide || height > kMaxImageSide) {
    return invalid("size " + SizeText(width, height) + " is outside 1.." +
                   std::to_string(kMaxImageSide));
  }
  if (channels != 1 && channels != 3) {
    return invalid(std::to_string(channels) + " channels; 1 (grey) or 3 (RGB) expected");
  }
  if (bit_depth != 8) return invalid(std::to_string(bit_depth) + " bits per sample; 8 expected");
  if (stride < row_bytes()) {
    return invalid("stride of " + std::to_string(stride) + " bytes is shorter than a row of " +
                   std::to_string(row_bytes()));
  }
  return Status::Ok();
}

Image& Image::operator=(Image&& other) noexcept {
  if (this == &other) return *this;
  width_ = std::exchange(other.width_, 0);
  height_ = std::exchange(other.height_, 0);
  channels_ = std::exchange(other.channels_, 0);
  samples_ = std::exchange(other.samples_, {});
  icc_ = std::exchange(other.icc_, {});
  return *this;
}

Result<Image> Image::Create(std::uint32_t width, std::uint32_t height, std::uint32_t channels,
                            std::uint64_t max_pixels) {
  HALFMOON_RETURN_IF_ERROR(CheckImageSize(width, height, max_pixels));
  if (channels != 1 && channels != 3) {
    return Status(StatusCode::kInvalidArgument, "picture with " + std::to_string(channels) +
                                                    " channels; 1 (grey) or 3 (RGB) expected");
  }
  // At most 65535 * 65535 * 3 < 2^34: no overflow in 64 bits.
  const std::uint64_t bytes = std::uint64_t{width} * height * channels;
  Image image;
  try {
    image.samples_.resize(bytes);
  } catch (const std::bad_alloc&) {
    return Status(StatusCode::kOutOfMemory, "no memory for a picture of " +
                                                SizeText(width, height) + " pixels (" +
                                                std::to_string(bytes) + " bytes)");
  } catch (const std::length_error&) {  // where size_t has 32 bits
    return Status(StatusCode::kLimitExceeded,
                  "a picture of " + SizeText(width, height) +
                      " pixels is larger than this machine can address");
  }
  image.width_ = width;
  image.height_ = height;
  image.channels_ = channels;
  return image;
}

Result<Image> Image::Clone() const {
  Image copy;
  try {
    copy.samples_ = samples_;
    copy.icc_ = icc_;
  } catch (const std::bad_alloc&) {
    return Status(StatusCode::kOutOfMemory,
                  "no memory to copy a picture of " + SizeText(width_, height_) + " pixels");
  }
  copy.width_ = width_;
  copy.height_ = height_;
  copy.channels_ = channels_;
  return copy;
}

}  // namespace halfmoon
