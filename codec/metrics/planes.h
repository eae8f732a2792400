// Planes of doubles and the windowed moments that SSIM is made of. Internal to codec/metrics.
#pragma once

#include <cstddef>
#include <functional>
#include <vector>

#include "codec/metrics/rgb_picture.h"

namespace halfmoon::metrics {

struct Plane {
  Plane(std::size_t w, std::size_t h) : width(w), height(h), samples(w * h) {}

  double* row(std::size_t y) { return samples.data() + y * width; }
  const double* row(std::size_t y) const { return samples.data() + y * width; }

  std::size_t width, height;
  std::vector<double> samples;
};

// R, G or B (c: 0, 1, 2) of a picture, 0..255.
Plane ChannelPlane(const RgbPicture& picture, std::uint32_t c);

// Rows of the windowed means of a, b, a*a, b*b and a*b, one value per window position.
struct MomentRows {
  const double* a;
  const double* b;
  const double* aa;
  const double* bb;
  const double* ab;
};

// Slides a separable window over two planes of equal size and calls `row(y, moments)` for each row
// of window positions within the planes: width - taps + 1 values, height - taps + 1 rows.
// REQUIRES: not more taps than the planes' sides have samples.
void WindowMoments(const Plane& a, const Plane& b, const std::vector<double>& taps,
                   const std::function<void(std::size_t, const MomentRows&)>& row);

}  // namespace halfmoon::metrics
