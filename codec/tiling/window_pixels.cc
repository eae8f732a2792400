#include "codec/tiling/window_pixels.h"

#include <algorithm>
#include <cmath>
#include <cstring>

#include "codec/tiling/transparency.h"

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
void WriteSamples(const FloatPicture& x, const Rect& area, const PictureShape& shape,
                  std::size_t stride, std::uint8_t* out) {
  constexpr auto kMax = static_cast<float>(static_cast<Sample>(~Sample{0}));
  const auto put = [&](std::uint8_t* row, std::size_t index, float value) {
    // NaN, from hostile weights, becomes 0: the comparison fails.
    const float scaled = value * kMax;
    const auto sample = static_cast<Sample>(std::lrintf(scaled > 0 ? std::min(scaled, kMax) : 0));
    std::memcpy(row + index * sizeof(Sample), &sample, sizeof(Sample));
  };
  for (std::uint32_t j = 0; j < area.height; ++j) {
    std::uint8_t* row = out + j * stride;
    const float* pixel = x.at(area.x, area.y + j);
    for (std::size_t i = 0; i < area.width; ++i, pixel += 3) {
      const std::size_t at = i * shape.channels;
      if (shape.is_grey()) {
        put(row, at, (pixel[0] + pixel[1] + pixel[2]) / 3);
      } else {
        for (std::size_t c = 0; c < 3; ++c) put(row, at + c, pixel[c]);
      }
    }
  }
}

}  // namespace

FloatPicture FloatsFromRows(const PictureRows& rows, const Rect& window, bool fill_transparent) {
  const PictureShape& shape = rows.shape;
  FloatPicture x(window.width, window.height);
  const std::size_t row_floats = std::size_t{window.width} * 3;
  const bool alpha = shape.has_alpha() && fill_transparent;
  std::vector<std::uint8_t> visible(alpha ? std::size_t{window.width} * window.height : 0);
  const std::uint32_t inside = std::min(window.bottom(), shape.height) - window.y;
  for (std::uint32_t j = 0; j < window.height; ++j) {
    float* row = x.at(0, j);
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
  if (alpha) FillTransparent(window.width, window.height, visible, x.samples);
  return x;
}

void SamplesFromFloats(const FloatPicture& x, const Rect& area, const PictureShape& shape,
                       std::size_t stride, std::uint8_t* out) {
  if (shape.bit_depth == 16) {
    WriteSamples<std::uint16_t>(x, area, shape, stride, out);
  } else {
    WriteSamples<std::uint8_t>(x, area, shape, stride, out);
  }
}

void AppendAlpha(const PictureRows& rows, const Rect& part, std::vector<std::uint8_t>* alpha) {
  const std::size_t pixel = rows.shape.bytes_per_pixel();
  const std::size_t sample = rows.shape.bit_depth > 8 ? 2 : 1;
  for (std::uint32_t y = part.y; y < part.bottom(); ++y) {
    const std::uint8_t* in = rows.row(y) + part.x * pixel + pixel - sample;
    for (std::uint32_t x = 0; x < part.width; ++x, in += pixel) {
      if (sample == 1) {
        alpha->push_back(*in);
      } else {
        std::uint16_t value;
        std::memcpy(&value, in, sizeof(value));
        alpha->push_back(static_cast<std::uint8_t>(value >> 8));
        alpha->push_back(static_cast<std::uint8_t>(value));
      }
    }
  }
}

}  // namespace halfmoon
