// The Gaussian window of SSIMULACRA 2, as the recursive filter its scores are defined by. Internal
// to eval/.
#pragma once

#include <array>
#include <cstddef>
#include <vector>

namespace halfmoon::metrics {

// Charalampidis 2016, "Recursive implementation of the Gaussian filter using truncated cosine
// functions": a Gaussian as the sum of three cosines that vanish at +-N, each computed from its two
// previous values. Beyond the picture are zeros.
//
// Read me first: single precision, on purpose. The cosines don't decay, so rounding accumulates
// along a row; SSIMULACRA 2 subtracts squares of what comes out, and its published implementation
// carries that noise into the score: up to 0.1 points on smooth pictures of high quality. The same
// filter with exact arithmetic gives other scores than the ones people quote.
class RecursiveGaussian {
 public:
  explicit RecursiveGaussian(double sigma);

  // out = in smoothed along x, then y. Both are width * height samples; they may be the same.
  void Blur(const float* in, std::size_t width, std::size_t height, float* out);

 private:
  void BlurRow(const float* in, std::ptrdiff_t width, float* out) const;
  void BlurColumns(const float* in, std::size_t width, std::size_t height, float* out);

  // Of each cosine, for the next four samples: weights of what enters, and of the last two samples.
  static constexpr int kStep = 4;
  using Weights = std::array<std::array<float, kStep>, 3>;
  int radius_;
  Weights input_, last_, before_;
  std::vector<float> rows_, previous_, zeros_;
};

}  // namespace halfmoon::metrics
