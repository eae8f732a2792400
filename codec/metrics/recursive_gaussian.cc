#include "codec/metrics/recursive_gaussian.h"

#include <algorithm>
#include <cmath>
#include <numbers>

namespace halfmoon::metrics {
namespace {

// a * b + c with one rounding to single precision, on processors with and without such an
// instruction: the product of two floats is exact in double precision.
inline float MultiplyAdd(float a, float b, float c) {
  return static_cast<float>(double{a} * double{b} + double{c});
}

}  // namespace

// The coefficients are those of the Gaussian's own cosine series with the least change that makes
// the taps sum to 1 and gives them the variance sigma^2.
RecursiveGaussian::RecursiveGaussian(double sigma)
    : radius_(static_cast<int>(std::lround(3.2795 * sigma + 0.2546))) {  // equation (57)
  double omega[3], series[3], sum[3] = {}, moment[3] = {};
  for (int k = 0; k < 3; ++k) {
    omega[k] = (2 * k + 1) * std::numbers::pi / (2 * radius_);
    series[k] = std::exp(-sigma * sigma * omega[k] * omega[k] / 2) / radius_;
    for (int n = 1 - radius_; n < radius_; ++n) {
      sum[k] += std::cos(omega[k] * n);
      moment[k] += n * n * std::cos(omega[k] * n);
    }
  }
  auto dot = [](const double* a, const double* b) {
    return a[0] * b[0] + a[1] * b[1] + a[2] * b[2];
  };
  // series + u * sum + v * moment; u and v from the two conditions.
  const double ss = dot(sum, sum), sm = dot(sum, moment), mm = dot(moment, moment);
  const double miss_sum = 1 - dot(series, sum);
  const double miss_variance = sigma * sigma - dot(series, moment);
  const double det = ss * mm - sm * sm;
  const double u = (miss_sum * mm - miss_variance * sm) / det;
  const double v = (miss_variance * ss - miss_sum * sm) / det;
  for (int k = 0; k < 3; ++k) {
    const double coefficient = series[k] + u * sum[k] + v * moment[k];
    // The first sample of the cosine, at N - 1, is what starts its recursion.
    const double input = coefficient * std::cos(omega[k] * (radius_ - 1));
    const double turn = 2 * std::cos(omega[k]);
    // y(n + j) = sum over i of input * s(j - i) * x(n + i) + s(j + 1) * y(n - 1) - s(j) * y(n - 2),
    // with s(0) = 1, s(1) = turn and s(j) = turn * s(j - 1) - s(j - 2).
    double s = 1, older = 0;
    for (int j = 0; j < kStep; ++j) {
      const double next = turn * s - older;
      input_[k][j] = static_cast<float>(input * s);
      last_[k][j] = static_cast<float>(next);
      before_[k][j] = static_cast<float>(-s);
      older = s;
      s = next;
    }
  }
}

void RecursiveGaussian::BlurRow(const float* in, std::ptrdiff_t width, float* out) const {
  float last[3] = {}, before[3] = {};
  auto one = [&](std::ptrdiff_t n) {
    const std::ptrdiff_t left = n - radius_ - 1, right = n + radius_ - 1;
    const float sum = (left >= 0 ? in[left] : 0.0f) + (right < width ? in[right] : 0.0f);
    float y[3];
    for (int k = 0; k < 3; ++k) {
      y[k] = MultiplyAdd(last_[k][0], last[k],
                         MultiplyAdd(before_[k][0], before[k], sum * input_[k][0]));
      before[k] = last[k];
      last[k] = y[k];
    }
    if (n >= 0) out[n] = y[0] + (y[1] + y[2]);
  };
  std::ptrdiff_t n = 1 - radius_;
  for (; n < std::min<std::ptrdiff_t>(width, (radius_ + kStep) / kStep * kStep); ++n) one(n);
  // Four at once: errors then accumulate once in four samples.
  for (; n + radius_ - 1 + kStep <= width; n += kStep) {
    float sums[kStep], y[3][kStep];
    for (int j = 0; j < kStep; ++j) sums[j] = in[n + j - radius_ - 1] + in[n + j + radius_ - 1];
    for (int k = 0; k < 3; ++k) {
      for (int j = 0; j < kStep; ++j) y[k][j] = sums[0] * input_[k][j];
      for (int i = 1; i < kStep; ++i) {
        for (int j = i; j < kStep; ++j) y[k][j] = MultiplyAdd(input_[k][j - i], sums[i], y[k][j]);
      }
      for (int j = 0; j < kStep; ++j) {
        y[k][j] = MultiplyAdd(last_[k][j], last[k], MultiplyAdd(before_[k][j], before[k], y[k][j]));
      }
      before[k] = y[k][kStep - 2];
      last[k] = y[k][kStep - 1];
    }
    for (int j = 0; j < kStep; ++j) out[n + j] = y[0][j] + (y[1][j] + y[2][j]);
  }
  for (; n < width; ++n) one(n);
}

void RecursiveGaussian::BlurColumns(const float* in, std::size_t width, std::size_t height,
                                    float* out) {
  // Three cosines, and of each the last two rows.
  previous_.assign(6 * width, 0.0f);
  zeros_.assign(width, 0.0f);
  const std::ptrdiff_t rows = static_cast<std::ptrdiff_t>(height);
  for (std::ptrdiff_t n = 1 - radius_; n < rows; ++n) {
    const std::ptrdiff_t top = n - radius_ - 1, bottom = n + radius_ - 1;
    const float* a = top >= 0 ? in + static_cast<std::size_t>(top) * width : zeros_.data();
    const float* b = bottom < rows ? in + static_cast<std::size_t>(bottom) * width : zeros_.data();
    // The older of the two rows is overwritten with the new one.
    const std::size_t newest = static_cast<std::size_t>(n + radius_) % 2, older = 1 - newest;
    float* y0 = previous_.data() + newest * width;
    float* y1 = y0 + 2 * width;
    float* y2 = y1 + 2 * width;
    const float* l0 = previous_.data() + older * width;
    const float* l1 = l0 + 2 * width;
    const float* l2 = l1 + 2 * width;
    for (std::size_t x = 0; x < width; ++x) {
      const float sum = a[x] + b[x];
      y0[x] = MultiplyAdd(input_[0][0], sum, MultiplyAdd(last_[0][0], l0[x], -y0[x]));
      y1[x] = MultiplyAdd(input_[1][0], sum, MultiplyAdd(last_[1][0], l1[x], -y1[x]));
      y2[x] = MultiplyAdd(input_[2][0], sum, MultiplyAdd(last_[2][0], l2[x], -y2[x]));
    }
    if (n < 0) continue;
    float* row = out + static_cast<std::size_t>(n) * width;
    for (std::size_t x = 0; x < width; ++x) row[x] = y0[x] + (y1[x] + y2[x]);
  }
}

void RecursiveGaussian::Blur(const float* in, std::size_t width, std::size_t height, float* out) {
  rows_.resize(width * height);
  for (std::size_t y = 0; y < height; ++y) {
    BlurRow(in + y * width, static_cast<std::ptrdiff_t>(width), rows_.data() + y * width);
  }
  BlurColumns(rows_.data(), width, height, out);
}

}  // namespace halfmoon::metrics
