#include "codec/metrics/planes.h"

#include <algorithm>

namespace halfmoon::metrics {
namespace {

constexpr std::size_t kMoments = 5;

// out[x] = sum over k of taps[k] * in[x + k].
void FilterRow(const double* in, const std::vector<double>& taps, std::size_t count, double* out) {
  std::fill_n(out, count, 0.0);
  for (std::size_t k = 0; k < taps.size(); ++k) {
    const double t = taps[k];
    const double* p = in + k;
    for (std::size_t x = 0; x < count; ++x) out[x] += t * p[x];
  }
}

}  // namespace

Plane ChannelPlane(const RgbPicture& picture, std::uint32_t c) {
  Plane plane(picture.width(), picture.height());
  for (std::uint32_t y = 0; y < picture.height(); ++y) {
    const std::uint8_t* in = picture.row(y) + c;
    double* out = plane.row(y);
    for (std::size_t x = 0; x < plane.width; ++x) out[x] = in[3 * x];
  }
  return plane;
}

void WindowMoments(const Plane& a, const Plane& b, const std::vector<double>& taps,
                   const std::function<void(std::size_t, const MomentRows&)>& row) {
  const std::size_t n = taps.size();
  const std::size_t width = a.width - n + 1;
  // The input row of each moment, and the last `n` rows filtered along x: what one row of results
  // needs stays in the cache.
  std::vector<double> products(kMoments * a.width);
  std::vector<double> ring(n * kMoments * width, 0.0);
  std::vector<double> sums(kMoments * width);

  for (std::size_t y = 0; y < a.height; ++y) {
    const double* p = a.row(y);
    const double* q = b.row(y);
    double* in = products.data();
    for (std::size_t x = 0; x < a.width; ++x) {
      in[x] = p[x];
      in[a.width + x] = q[x];
      in[2 * a.width + x] = p[x] * p[x];
      in[3 * a.width + x] = q[x] * q[x];
      in[4 * a.width + x] = p[x] * q[x];
    }
    double* slot = ring.data() + (y % n) * kMoments * width;
    for (std::size_t m = 0; m < kMoments; ++m) {
      FilterRow(in + m * a.width, taps, width, slot + m * width);
    }
    if (y + 1 < n) continue;
    std::fill(sums.begin(), sums.end(), 0.0);
    for (std::size_t k = 0; k < n; ++k) {
      const double t = taps[k];
      const double* from = ring.data() + ((y + 1 + k) % n) * kMoments * width;
      for (std::size_t i = 0; i < sums.size(); ++i) sums[i] += t * from[i];
    }
    const double* s = sums.data();
    row(y + 1 - n, {s, s + width, s + 2 * width, s + 3 * width, s + 4 * width});
  }
}

}  // namespace halfmoon::metrics
