#include "codec/tensor_image.h"

#include <algorithm>
#include <cmath>
#include <cstring>

#include "codec/transparency.h"

namespace halfmoon {
namespace {

template <typename Sample>
Sample SampleAt(const std::uint8_t* row, std::size_t index) {
  Sample sample;
  std::memcpy(&sample, row + index * sizeof(Sample), sizeof(Sample));
  return sample;
}

// One row of the window: colour as floats, and whether each pixel is visible.
template <typename Sample>
void ReadRow(const PictureShape& shape, const std::uint8_t* in, const Rect& window, float* out,
             std::uint8_t* visible) {
  constexpr float kScale = 1.0f / static_cast<float>(static_cast<Sample>(~Sample{0}));
  const std::size_t channels = shape.channels;
  const std::uint32_t inside = std::min(window.right(), shape.width) - window.x;
  for (std::uint32_t i = 0; i < inside; ++i) {
    const std::size_t at = (std::size_t{window.x} + i) * channels;
    for (std::size_t c = 0; c < 3; ++c) {
      const std::size_t channel = shape.is_grey() ? 0 : c;
      out[3 * std::size_t{i} + c] = static_cast<float>(SampleAt<Sample>(in, at + channel)) * kScale;
    }
    if (visible != nullptr) visible[i] = SampleAt<Sample>(in, at + channels - 1) != 0;
  }
  const float* last = out + 3 * (std::size_t{inside} - 1);
  for (std::uint32_t i = inside; i < window.width; ++i) {
    std::copy(last, last + 3, out + 3 * std::size_t{i});
    if (visible != nullptr) visible[i] = visible[inside - 1];
  }
}

template <typename Sample>
void WritePixels(const torch::Tensor& x, std::int64_t x0, std::int64_t y0, const PictureShape& shape,
                 std::uint32_t width, std::uint32_t height, std::size_t stride, std::uint8_t* out) {
  constexpr float kMax = static_cast<float>(static_cast<Sample>(~Sample{0}));
  const auto pixels = x.accessor<float, 4>();
  const auto put = [&](std::uint8_t* row, std::size_t index, float value) {
    // NaN, from hostile weights, becomes 0: the comparison fails.
    const float scaled = value * kMax;
    const Sample sample = static_cast<Sample>(std::lrintf(scaled > 0 ? std::min(scaled, kMax) : 0));
    std::memcpy(row + index * sizeof(Sample), &sample, sizeof(Sample));
  };
  for (std::uint32_t j = 0; j < height; ++j) {
    std::uint8_t* row = out + j * stride;
    for (std::uint32_t i = 0; i < width; ++i) {
      const float r = pixels[0][0][y0 + j][x0 + i];
      const float g = pixels[0][1][y0 + j][x0 + i];
      const float b = pixels[0][2][y0 + j][x0 + i];
      const std::size_t at = std::size_t{i} * shape.channels;
      if (shape.is_grey()) {
        put(row, at, (r + g + b) / 3);
      } else {
        put(row, at, r);
        put(row, at + 1, g);
        put(row, at + 2, b);
      }
    }
  }
}

}  // namespace

torch::Tensor TensorFromRows(const PictureRows& rows, const Rect& window, bool fill_transparent) {
  const PictureShape& shape = rows.shape;
  torch::Tensor t = torch::empty({1, window.height, window.width, 3}, torch::kFloat32);
  float* out = t.data_ptr<float>();
  const std::size_t row_floats = std::size_t{window.width} * 3;
  const bool alpha = shape.has_alpha() && fill_transparent;
  std::vector<std::uint8_t> visible(alpha ? std::size_t{window.width} * window.height : 0);
  const std::uint32_t inside = std::min(window.bottom(), shape.height) - window.y;
  for (std::uint32_t j = 0; j < window.height; ++j) {
    float* row = out + j * row_floats;
    std::uint8_t* seen = alpha ? visible.data() + std::size_t{j} * window.width : nullptr;
    if (j >= inside) {
      std::copy(row - row_floats, row, row);
      if (alpha) std::copy(seen - window.width, seen, seen);
    } else if (shape.bit_depth == 16) {
      ReadRow<std::uint16_t>(shape, rows.row(window.y + j), window, row, seen);
    } else {
      ReadRow<std::uint8_t>(shape, rows.row(window.y + j), window, row, seen);
    }
  }
  if (alpha) FillTransparent(window.width, window.height, visible, {out, row_floats * window.height});
  return t.permute({0, 3, 1, 2});
}

void PixelsFromTensor(const torch::Tensor& x, std::int64_t x0, std::int64_t y0,
                      const PictureShape& shape, std::uint32_t width, std::uint32_t height,
                      std::size_t stride, std::uint8_t* out) {
  if (shape.bit_depth == 16) {
    WritePixels<std::uint16_t>(x, x0, y0, shape, width, height, stride, out);
  } else {
    WritePixels<std::uint8_t>(x, x0, y0, shape, width, height, stride, out);
  }
}

}  // namespace halfmoon
