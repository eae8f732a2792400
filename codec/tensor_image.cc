#include "codec/tensor_image.h"

#include <algorithm>
#include <string>

namespace halfmoon {

Status CheckCodable(const PictureShape& shape) {
  if (shape.has_alpha()) {
    return {StatusCode::kUnsupportedFeature,
            "the picture has an alpha channel, which can't be coded yet; flatten it first"};
  }
  if (shape.bit_depth != 8) {
    return {StatusCode::kUnsupportedFeature,
            "the picture has " + std::to_string(shape.bit_depth) +
                " bits per sample, which can't be coded yet; convert it to 8 bit"};
  }
  return Status::Ok();
}

torch::Tensor TensorFromImage(const ImageView& image) {
  const std::int64_t h = PadUp(image.height), w = PadUp(image.width);
  torch::Tensor t = torch::empty({1, h, w, 3}, torch::kFloat32);
  float* out = t.data_ptr<float>();
  const std::size_t row_floats = static_cast<std::size_t>(w) * 3;
  for (std::uint32_t y = 0; y < image.height; ++y) {
    const std::uint8_t* in = image.row(y);
    float* row = out + y * row_floats;
    for (std::uint32_t x = 0; x < image.width; ++x) {
      for (std::uint32_t c = 0; c < 3; ++c) {
        const std::uint8_t sample = image.channels == 1 ? in[x] : in[3 * std::size_t{x} + c];
        row[3 * std::size_t{x} + c] = static_cast<float>(sample) * (1.0f / 255);
      }
    }
    const float* last = row + 3 * (std::size_t{image.width} - 1);
    for (std::size_t x = image.width; x < static_cast<std::size_t>(w); ++x) {
      std::copy(last, last + 3, row + 3 * x);
    }
  }
  const float* last = out + (std::size_t{image.height} - 1) * row_floats;
  for (std::size_t y = image.height; y < static_cast<std::size_t>(h); ++y) {
    std::copy(last, last + row_floats, out + y * row_floats);
  }
  return t.permute({0, 3, 1, 2});
}

Result<Image> ImageFromTensor(const torch::Tensor& x, std::uint32_t width, std::uint32_t height,
                              std::uint32_t channels, std::uint64_t max_pixels) {
  HALFMOON_ASSIGN_OR_RETURN(Image image, Image::Create(width, height, channels, max_pixels));
  torch::Tensor pixels = x[0].slice(1, 0, height).slice(2, 0, width);
  if (channels == 1) pixels = pixels.mean(0, /*keepdim=*/true);
  const torch::Tensor bytes =
      (pixels * 255).round().clamp(0, 255).to(torch::kUInt8).permute({1, 2, 0}).contiguous();
  const std::uint8_t* from = bytes.data_ptr<std::uint8_t>();
  std::copy(from, from + image.samples().size(), image.samples().data());
  return image;
}

}  // namespace halfmoon
