#include "bitstream/saturating.h"

#include <gtest/gtest.h>

namespace halfmoon {
namespace {

TEST(Saturating, StopsAtTheEndsOfTheRange) {
  EXPECT_EQ(SaturatingSum(2, 3), 5u);
  EXPECT_EQ(SaturatingSum(kMostBytes - 1, 1), kMostBytes);
  EXPECT_EQ(SaturatingSum(kMostBytes, 1), kMostBytes);
  EXPECT_EQ(SaturatingSum(1, kMostBytes), kMostBytes);
  EXPECT_EQ(SaturatingDifference(5, 3), 2u);
  EXPECT_EQ(SaturatingDifference(3, 5), 0u);
  EXPECT_EQ(SaturatingProduct(6, 7), 42u);
  EXPECT_EQ(SaturatingProduct(0, kMostBytes), 0u);
  EXPECT_EQ(SaturatingProduct(std::uint64_t{1} << 32, std::uint64_t{1} << 31),
            std::uint64_t{1} << 63);
  EXPECT_EQ(SaturatingProduct(std::uint64_t{1} << 32, std::uint64_t{1} << 32), kMostBytes);
  EXPECT_EQ(SaturatingProduct(3, kMostBytes / 2), kMostBytes);
}

}  // namespace
}  // namespace halfmoon
