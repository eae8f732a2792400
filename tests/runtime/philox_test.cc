#include "models/runtime/generative/philox.h"

#include <gtest/gtest.h>

#include <cmath>

namespace halfmoon::runtime {
namespace {

// Known answers of the authors' library (Random123, kat_vectors).
TEST(Philox, KnownAnswers) {
  using Block = std::array<std::uint32_t, 4>;
  EXPECT_EQ(Philox4x32({0, 0, 0, 0}, {0, 0}),
            (Block{0x6627e8d5, 0xe169c58d, 0xbc57ac4c, 0x9b00dbd8}));
  EXPECT_EQ(Philox4x32({0xffffffff, 0xffffffff, 0xffffffff, 0xffffffff}, {0xffffffff, 0xffffffff}),
            (Block{0x408f276d, 0x41c83b0e, 0xa20bc7c6, 0x6d5451fd}));
  EXPECT_EQ(Philox4x32({0x243f6a88, 0x85a308d3, 0x13198a2e, 0x03707344}, {0xa4093822, 0x299f31d0}),
            (Block{0xd16cfe09, 0x94fdcceb, 0x5001e420, 0x24126ea1}));
}

TEST(Philox, StreamsAndSeedsDiffer) {
  Philox a(1, 0), b(1, 1), c(2, 0), again(1, 0);
  const std::uint32_t first = a.Next();
  EXPECT_NE(first, b.Next());
  EXPECT_NE(first, c.Next());
  EXPECT_EQ(first, again.Next());
}

TEST(Philox, MomentsOfTheNormal) {
  Philox random(3);
  double sum = 0, squares = 0, fourth = 0;
  constexpr int kCount = 200000;
  for (int i = 0; i < kCount; ++i) {
    const double x = random.Normal();
    sum += x, squares += x * x, fourth += x * x * x * x;
  }
  EXPECT_NEAR(sum / kCount, 0, 0.01);
  EXPECT_NEAR(squares / kCount, 1, 0.015);
  EXPECT_NEAR(fourth / kCount, 3, 0.1);
}

TEST(Philox, QuantilesInvertTheDistribution) {
  for (const double x : {-8.0, -5.5, -3.0, -1.0, -0.1, 0.0, 0.3, 2.0, 4.0}) {
    const double p = 0.5 * std::erfc(-x / std::sqrt(2.0));
    EXPECT_NEAR(NormalQuantile(p), x, 1e-9 * std::max(1.0, std::abs(x)));
  }
}

TEST(Philox, BelowIsUniform) {
  Philox random(9);
  int counts[7] = {};
  for (int i = 0; i < 70000; ++i) ++counts[random.Below(7)];
  for (const int c : counts) EXPECT_NEAR(c, 10000, 400);
}

}  // namespace
}  // namespace halfmoon::runtime
