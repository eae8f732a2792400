#include "codec/families/hyper_latent.h"

#include <algorithm>

namespace halfmoon {
namespace {

constexpr std::size_t kSide = 4;  // positions of y per position of z, in each direction

std::size_t PerPosition(std::size_t hyper_channels) {
  return (hyper_channels + kSide * kSide - 1) / (kSide * kSide);
}

// Calls f(x, y, first, count, z) for each position: the values [first, first + count) of the vector
// at position z of the hyper-latent are its part.
template <typename F>
void ForEachPart(const FloatLatent& y, std::size_t hyper_channels, F f) {
  const std::size_t part = PerPosition(hyper_channels);
  for (std::size_t i = 0; i < y.height; ++i) {
    for (std::size_t j = 0; j < y.width; ++j) {
      const std::size_t first = std::min(hyper_channels, (i % kSide * kSide + j % kSide) * part);
      f(j, i, first, std::min(part, hyper_channels - first),
        i / kSide * (y.width / kSide) + j / kSide);
    }
  }
}

}  // namespace

FloatLatent JoinHyperLatent(const FloatLatent& y, std::span<const float> z) {
  const std::size_t hyper_channels = z.size() / (y.height / kSide * (y.width / kSide));
  FloatLatent joined(y.width, y.height, y.channels + PerPosition(hyper_channels));
  ForEachPart(
      y, hyper_channels,
      [&](std::size_t j, std::size_t i, std::size_t first, std::size_t count, std::size_t at) {
        float* to = std::copy_n(y.at(j, i), y.channels, joined.at(j, i));
        std::copy_n(z.data() + at * hyper_channels + first, count, to);
      });
  return joined;
}

LatentPair SplitHyperLatent(const FloatLatent& joined, std::size_t latent_channels,
                            std::size_t hyper_channels) {
  LatentPair pair;
  pair.y = FloatLatent(joined.width, joined.height, latent_channels);
  pair.z.resize(joined.height / kSide * (joined.width / kSide) * hyper_channels);
  ForEachPart(
      joined, hyper_channels,
      [&](std::size_t j, std::size_t i, std::size_t first, std::size_t count, std::size_t at) {
        const float* from = joined.at(j, i);
        std::copy_n(from, latent_channels, pair.y.at(j, i));
        std::copy_n(from + latent_channels, count, pair.z.data() + at * hyper_channels + first);
      });
  return pair;
}

}  // namespace halfmoon
