#include "codec/metrics/ssim.h"

#include <algorithm>
#include <cmath>

namespace halfmoon::metrics {
namespace {

// Wang, Bovik, Sheikh and Simoncelli 2004: window, sigma, K1 and K2.
constexpr int kWindow = 11;
constexpr double kSigma = 1.5;
constexpr double kC1 = (0.01 * 255) * (0.01 * 255);
constexpr double kC2 = (0.03 * 255) * (0.03 * 255);
// Wang, Simoncelli and Bovik 2003: exponents of the scales, finest first.
constexpr double kScaleWeights[] = {0.0448, 0.2856, 0.3001, 0.2363, 0.1333};
constexpr std::size_t kScales = 5;
// At the coarsest scale, 16 times smaller, more than ten pixels must be left.
constexpr std::size_t kMinMsSsimSide = 10 * 16 + 1;

std::vector<double> GaussianTaps() {
  std::vector<double> taps(kWindow);
  double sum = 0;
  for (int i = 0; i < kWindow; ++i) {
    const double d = i - kWindow / 2;
    taps[i] = std::exp(-d * d / (2 * kSigma * kSigma));
    sum += taps[i];
  }
  for (double& t : taps) t /= sum;
  return taps;
}

struct ScaleMeans {
  double ssim = 0;                // luminance, contrast and structure
  double contrast_structure = 0;  // without luminance
};

ScaleMeans MeansOfScale(const Plane& a, const Plane& b, const std::vector<double>& taps) {
  const std::size_t width = a.width - kWindow + 1, height = a.height - kWindow + 1;
  ScaleMeans means;
  WindowMoments(a, b, taps, [&](std::size_t, const MomentRows& m) {
    double ssim = 0, cs = 0;
    for (std::size_t x = 0; x < width; ++x) {
      const double aa = m.a[x] * m.a[x], bb = m.b[x] * m.b[x], ab = m.a[x] * m.b[x];
      const double variances = (m.aa[x] - aa) + (m.bb[x] - bb);
      const double c = (2 * (m.ab[x] - ab) + kC2) / (variances + kC2);
      cs += c;
      ssim += c * (2 * ab + kC1) / (aa + bb + kC1);
    }
    means.ssim += ssim;
    means.contrast_structure += cs;
  });
  const double count = static_cast<double>(width) * static_cast<double>(height);
  means.ssim /= count;
  means.contrast_structure /= count;
  return means;
}

// Means of 2x2 pixels. An odd side is continued with a zero at both ends, as pytorch-msssim does:
// CompressAI's numbers are made with that.
Plane Halve(const Plane& in) {
  const std::size_t left = in.width % 2, top = in.height % 2;
  Plane out((in.width + left) / 2, (in.height + top) / 2);
  auto at = [&](std::size_t x, std::size_t y) {  // x, y: of the continued plane
    const bool inside = x >= left && y >= top && x - left < in.width && y - top < in.height;
    return inside ? in.row(y - top)[x - left] : 0.0;
  };
  for (std::size_t y = 0; y < out.height; ++y) {
    for (std::size_t x = 0; x < out.width; ++x) {
      out.row(y)[x] = (at(2 * x, 2 * y) + at(2 * x + 1, 2 * y) + at(2 * x, 2 * y + 1) +
                       at(2 * x + 1, 2 * y + 1)) /
                      4;
    }
  }
  return out;
}

}  // namespace

SsimValues Ssim(Plane a, Plane b) {
  SsimValues values;
  const std::size_t side = std::min(a.width, a.height);
  if (side < kWindow) return values;
  const std::vector<double> taps = GaussianTaps();
  const bool multi_scale = side >= kMinMsSsimSide;
  double product = 1;
  for (std::size_t scale = 0; scale < (multi_scale ? kScales : 1); ++scale) {
    if (scale > 0) {
      a = Halve(a);
      b = Halve(b);
    }
    const ScaleMeans means = MeansOfScale(a, b, taps);
    if (scale == 0) values.ssim = means.ssim;
    const double mean = scale + 1 == kScales ? means.ssim : means.contrast_structure;
    // A negative mean (opposite structure) has no real power; it counts as none in common.
    product *= std::pow(std::max(mean, 0.0), kScaleWeights[scale]);
  }
  if (multi_scale) values.ms_ssim = product;
  return values;
}

}  // namespace halfmoon::metrics
