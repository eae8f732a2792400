#include "codec/tiling/transparency.h"

#include <gtest/gtest.h>

namespace halfmoon {
namespace {

TEST(FillTransparent, KeepsWhatIsSeenAndContinuesIt) {
  // Left third black, right third white, nothing seen between.
  constexpr std::uint32_t kW = 33, kH = 9;
  std::vector<std::uint8_t> visible(kW * kH, 0);
  std::vector<float> colour(kW * kH * 3, 7.0f);
  for (std::uint32_t y = 0; y < kH; ++y) {
    for (std::uint32_t x = 0; x < kW; ++x) {
      if (x >= 11 && x < 22) continue;
      visible[y * kW + x] = 1;
      for (int c = 0; c < 3; ++c) colour[3 * (y * kW + x) + c] = x < 11 ? 0.0f : 1.0f;
    }
  }
  FillTransparent(kW, kH, visible, colour);
  for (std::uint32_t y = 0; y < kH; ++y) {
    float last = 0;
    for (std::uint32_t x = 0; x < kW; ++x) {
      const float v = colour[3 * (y * kW + x)];
      if (x < 11) {
        EXPECT_EQ(v, 0.0f);
      }
      if (x >= 22) {
        EXPECT_EQ(v, 1.0f);
      }
      EXPECT_GE(v, 0.0f);
      EXPECT_LE(v, 1.0f);
      EXPECT_LT(v - last, 0.7f) << x;  // no edge where there was none
      last = v;
    }
  }
}

TEST(FillTransparent, NothingSeenIsGrey) {
  std::vector<float> colour(5 * 4 * 3, -3.0f);
  FillTransparent(5, 4, std::vector<std::uint8_t>(20, 0), colour);
  for (const float v : colour) EXPECT_EQ(v, 0.5f);
}

}  // namespace
}  // namespace halfmoon
