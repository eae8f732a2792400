// Pixels and latents between the codec and its models: plain numbers. std only.
#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

namespace halfmoon {

// The sides of a window behind which the picture goes on, so that a halo's width of what networks
// make of it is wrong there and will be thrown away.
struct CutSides {
  bool left = false, top = false, right = false, bottom = false;
};

// Colour of a window of a picture. 0 is black, 1 is white; what networks make may lie beyond.
struct FloatPicture {
  std::size_t width = 0, height = 0;
  std::vector<float> samples;  // [height][width][3]
  CutSides cut;

  FloatPicture() = default;
  FloatPicture(std::size_t w, std::size_t h) : width(w), height(h), samples(w * h * 3) {}

  float* at(std::size_t x, std::size_t y) { return samples.data() + (y * width + x) * 3; }
  const float* at(std::size_t x, std::size_t y) const {
    return samples.data() + (y * width + x) * 3;
  }
};

// Values on a grid of latent positions.
template <typename T>
struct LatentMap {
  std::size_t width = 0, height = 0, channels = 0;  // width, height in latent positions
  std::vector<T> values;                            // [height][width][channels]

  LatentMap() = default;
  LatentMap(std::size_t w, std::size_t h, std::size_t c)
      : width(w), height(h), channels(c), values(w * h * c) {}

  bool empty() const { return values.empty(); }
  T* at(std::size_t x, std::size_t y) { return values.data() + (y * width + x) * channels; }
  const T* at(std::size_t x, std::size_t y) const {
    return values.data() + (y * width + x) * channels;
  }
};

// A latent before it is quantised.
using FloatLatent = LatentMap<float>;

// What a model's analysis makes of pixels. Each model fills in what it has; the rest is empty.
struct AnalysedLatents {
  FloatLatent y;                    // the latent; of VAEs the posterior's mean
  FloatLatent z;                    // its hyper-latent, where it was chosen along with y
  FloatLatent log_variance;         // of VAEs: the posterior's
  LatentMap<std::int32_t> indices;  // of codebooks, where they are chosen at once
};

}  // namespace halfmoon
