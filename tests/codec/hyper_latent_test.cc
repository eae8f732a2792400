// A latent and its hyper-latent in one.
#include "codec/hyper_latent.h"

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
    FloatLatent joined = JoinHyperLatent(y, z);
    EXPECT_EQ(joined.channels, 3 + (channels + 15) / 16);
    EXPECT_EQ(SplitHyperLatent(&joined, 3, channels), z) << channels;
    EXPECT_EQ(joined.values, y.values) << channels;
    EXPECT_EQ(joined.channels, 3u);
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
  EXPECT_EQ(SplitHyperLatent(&part, 3, channels), expected);
  EXPECT_EQ(part.at(3, 3)[2], 12 * 8 * 3 - 1);
}

}  // namespace
}  // namespace halfmoon
