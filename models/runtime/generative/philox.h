// Philox: random numbers for drawing pictures, from a counter. No LibTorch; nothing here decides a
// probability.
//
// Read me first: number i of stream s under seed k is a function of (k, s, i) alone. So picture 5
// of a seed is the same whether 1 or 64 are drawn, in whatever order, by however many threads.
#pragma once

#include <array>
#include <cstdint>

namespace halfmoon::runtime {

// Philox4x32 with ten rounds (Salmon et al., "Parallel random numbers: as easy as 1, 2, 3", SC
// 2011; the authors' library, Random123): a bijection of 128-bit counters keyed by 64 bits that
// passes BigCrush. The counter is (number of the block, stream), the key is the seed.
class Philox {
 public:
  // `stream`: e.g. the number of the picture; streams of a seed are independent.
  explicit Philox(std::uint64_t seed, std::uint64_t stream = 0) : seed_(seed), stream_(stream) {}

  // The next number: uniform over 32 bits.
  std::uint32_t Next();

  // Uniform in (0, 1): (Next() + 1/2) / 2^32, exact in a double.
  double Uniform() { return (static_cast<double>(Next()) + 0.5) * 0x1p-32; }

  // Uniform in 0 .. bound - 1, without bias (Lemire 2019). REQUIRES: bound >= 1.
  std::uint32_t Below(std::uint32_t bound);

  // Standard normal, one number used for each: NormalQuantile(Uniform()), rounded to a multiple of
  // 2^-20, so that the last bits of a platform's log() don't show.
  double Normal();

 private:
  std::uint64_t seed_, stream_, counter_ = 0;
  std::array<std::uint32_t, 4> block_{};
  int left_ = 0;
};

// The x with P(N(0, 1) <= x) = p, p in (0, 1); relative error below 1e-15.
// Wichura, "Algorithm AS 241: the percentage points of the normal distribution", 1988.
double NormalQuantile(double p);

}  // namespace halfmoon::runtime
