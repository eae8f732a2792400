// Pictures the codec tests make. Tests only; no LibTorch.
#pragma once

#include <cmath>
#include <cstdint>
#include <string>

#include "halfmoon/decoder.h"
#include "halfmoon/encoder.h"
#include "halfmoon/image.h"

namespace halfmoon::testing {

enum class Kind { kFlat, kGradient, kNoise, kScene };

inline Image MakePicture(std::uint32_t width, std::uint32_t height, std::uint32_t channels, Kind kind) {
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

inline std::string ModelsDir() { return HALFMOON_GOLDEN_DIR "/model"; }

inline EncodeOptions TinyEncode(double quality = 50, int threads = 1) {
  EncodeOptions o;
  o.quality = quality;
  o.threads = threads;
  o.model = "tiny";
  o.models_dir = ModelsDir();
  return o;
}

inline DecodeOptions TinyDecode(int threads = 1) {
  DecodeOptions o;
  o.threads = threads;
  o.models_dir = ModelsDir();
  return o;
}

// Largest difference of a sample; -1 when the pictures are of different size or channels.
inline int MaxDifference(const Image& a, const Image& b) {
  if (a.width() != b.width() || a.height() != b.height() || a.channels() != b.channels()) return -1;
  int worst = 0;
  for (std::size_t i = 0; i < a.samples().size(); ++i) {
    worst = std::max(worst, std::abs(int{a.samples()[i]} - int{b.samples()[i]}));
  }
  return worst;
}

}  // namespace halfmoon::testing
