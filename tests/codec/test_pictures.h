// Pictures the codec tests make. Tests only; no LibTorch.
#pragma once

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <string>

#include "halfmoon/decoder.h"
#include "halfmoon/encoder.h"
#include "halfmoon/image.h"

namespace halfmoon::testing {

enum class Kind { kFlat, kGradient, kNoise, kScene };

inline Image MakePicture(std::uint32_t width, std::uint32_t height, std::uint32_t channels,
                         Kind kind) {
  Image image = *Image::Create(width, height, channels);
  std::uint32_t random = 12345;
  for (std::uint32_t y = 0; y < height; ++y) {
    for (std::uint32_t x = 0; x < width; ++x) {
      for (std::uint32_t c = 0; c < channels; ++c) {
        double v = 97 + 20 * c;
        random = random * 1664525u + 1013904223u;
        if (kind == Kind::kGradient) v = 255.0 * (x + y) / (width + height);
        if (kind == Kind::kNoise) v = random >> 24;
        if (kind == Kind::kScene) {
          v = 110 + 50 * std::sin(x * 0.05 + c) * std::cos(y * 0.07) + (x + 2 * y > width ? 40 : 0);
        }
        image.row(y)[std::size_t{x} * channels + c] = static_cast<std::uint8_t>(v);
      }
    }
  }
  return image;
}

// A scene of any kind: 16 bit have detail below 8 bit, alpha is a soft disc with holes.
inline Image MakeKind(const PictureShape& shape) {
  Image image = *Image::Create(shape);
  const std::uint32_t colours = shape.is_grey() ? 1 : 3;
  for (std::uint32_t y = 0; y < shape.height; ++y) {
    for (std::uint32_t x = 0; x < shape.width; ++x) {
      for (std::uint32_t c = 0; c < shape.channels; ++c) {
        double v = 0.43 + 0.2 * std::sin(x * 0.05 + c) * std::cos(y * 0.07) +
                   (x + 2 * y > shape.width ? 0.15 : 0);
        if (c == colours) {
          const double dx = 2.0 * x / shape.width - 1, dy = 2.0 * y / shape.height - 1;
          v = std::min(1.0, std::max(0.0, 2.5 - 3 * std::sqrt(dx * dx + dy * dy)));
          if (x % 37 == 5) v = 0;
        }
        const std::size_t at = std::size_t{x} * shape.channels + c;
        if (shape.bit_depth == 16) {
          image.row16(y)[at] = static_cast<std::uint16_t>(v * 65535);
        } else {
          image.row(y)[at] = static_cast<std::uint8_t>(v * 255);
        }
      }
    }
  }
  return image;
}

// Sample c of pixel (x, y), 0..1.
inline double SampleOf(const Image& image, std::uint32_t x, std::uint32_t y, std::uint32_t c) {
  const std::size_t at = std::size_t{x} * image.channels() + c;
  return image.bit_depth() == 16 ? image.row16(y)[at] / 65535.0 : image.row(y)[at] / 255.0;
}

inline std::string ModelsDir() { return HALFMOON_GOLDEN_DIR "/model"; }

inline EncodeOptions TinyEncode(double quality = 50, int threads = 1) {
  EncodeOptions o;
  o.quality = quality;
  o.threads = threads;
  o.model = "tiny-dependent";
  o.models_dir = ModelsDir();
  return o;
}

inline DecodeOptions TinyDecode(int threads = 1) {
  DecodeOptions o;
  o.threads = threads;
  o.models_dir = ModelsDir();
  return o;
}

// Largest difference of an 8-bit sample; -1 when the pictures are of different size or channels.
inline int MaxDifference(const Image& a, const Image& b) {
  if (a.width() != b.width() || a.height() != b.height() || a.channels() != b.channels()) return -1;
  int worst = 0;
  for (std::size_t i = 0; i < a.samples().size(); ++i) {
    worst = std::max(worst, std::abs(int{a.samples()[i]} - int{b.samples()[i]}));
  }
  return worst;
}

}  // namespace halfmoon::testing
