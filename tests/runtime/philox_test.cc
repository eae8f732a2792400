#include "models/runtime/generative/philox.h"

#include <gtest/gtest.h>

#include <cmath>

namespace halfmoon::runtime {
namespace {

// Known answers of Random123 (kat_vectors), as far as a counter that begins with 0 has them.
TEST(Philox, KnownAnswers) {
  Philox random(0, 0);
  for (const std::uint32_t number : {0x6627e8d5u, 0xe169c58du, 0xbc57ac4cu, 0x9b00dbd8u})
    EXPECT_EQ(random.Next(), number);
  // Where seed and stream go; and the second block.
  Philox other(0x299f31d0a4093822, 0x0370734413198a2e);
  for (const std::uint32_t number : {0xb60a410eu, 0x61bd7780u, 0xa53f3958u, 0x3d51eb3fu,
                                     0x314ddb4bu, 0x0ab83527u, 0x9fc3cabeu, 0x3fc8cf4cu})
    EXPECT_EQ(other.Next(), number);
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
