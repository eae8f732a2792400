// Sums, differences and products of sizes that stop at the ends of their range instead of wrapping
// around: a limit that was given as 2^64 - 1 stays a limit. std only.
#pragma once

#include <cstdint>
#include <limits>

namespace halfmoon {

inline constexpr std::uint64_t kMostBytes = std::numeric_limits<std::uint64_t>::max();

constexpr std::uint64_t SaturatingSum(std::uint64_t a, std::uint64_t b) {
  return a > kMostBytes - b ? kMostBytes : a + b;
}
constexpr std::uint64_t SaturatingDifference(std::uint64_t a, std::uint64_t b) {
  return a < b ? 0 : a - b;
}
constexpr std::uint64_t SaturatingProduct(std::uint64_t a, std::uint64_t b) {
  return a != 0 && b > kMostBytes / a ? kMostBytes : a * b;
}

}  // namespace halfmoon
