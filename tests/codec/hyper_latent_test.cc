// A latent and its hyper-latent in one.
#include "codec/families/hyper_latent.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <numeric>

namespace halfmoon {
namespace {

FloatLatent Counting(std::size_t width, std::size_t height, std::size_t channels) {
  FloatLatent y(width, height, channels);
  std::iota(y.values.begin(), y.values.end(), 0.0f);
  return y;
}

std::vector<float> Hyper(std::size_t count) {
  std::vector<float> z(count);
  std::iota(z.begin(), z.end(), 1e5f);
  return z;
}

// Channels of z: fewer than positions in a block, a multiple of them, and neither.
TEST(HyperLatent, ComesBackAsItWas) {
  for (const std::size_t channels : {1u, 5u, 16u, 40u, 96u}) {
    const FloatLatent y = Counting(8, 12, 3);
    const std::vector<float> z = Hyper(2 * 3 * channels);
    const FloatLatent joined = JoinHyperLatent(y, z);
    EXPECT_EQ(joined.channels, 3 + (channels + 15) / 16);
    const LatentPair pair = SplitHyperLatent(joined, 3, channels);
    EXPECT_EQ(pair.z, z) << channels;
    EXPECT_EQ(pair.y.values, y.values) << channels;
    EXPECT_EQ(pair.y.channels, 3u);
  }
}

// What band_encoder does: a tile's part of a band.
TEST(HyperLatent, IsCutWithItsLatent) {
  const std::size_t channels = 40;
  const std::vector<float> z = Hyper(2 * 3 * channels);
  const FloatLatent joined = JoinHyperLatent(Counting(12, 8, 3), z);
  FloatLatent part(4, 4, joined.channels);  // the block at 2, 1
  for (std::size_t i = 0; i < 4; ++i) {
    std::copy_n(joined.at(8, 4 + i), 4 * joined.channels, part.at(0, i));
  }
  const std::vector<float> expected(z.end() - static_cast<std::ptrdiff_t>(channels), z.end());
  const LatentPair pair = SplitHyperLatent(part, 3, channels);
  EXPECT_EQ(pair.z, expected);
  EXPECT_EQ(pair.y.at(3, 3)[2], 12 * 8 * 3 - 1);
}

}  // namespace
}  // namespace halfmoon
