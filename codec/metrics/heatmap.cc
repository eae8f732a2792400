#include "codec/metrics/heatmap.h"

#include <algorithm>
#include <array>
#include <cmath>

namespace halfmoon::metrics {
namespace {

// Lightness rises evenly along it, also in grey print.
constexpr double kColours[5][3] = {
    {0, 0, 4}, {85, 18, 110}, {187, 55, 84}, {249, 142, 9}, {252, 255, 200}};

std::array<std::uint8_t, 3> ColourOf(double part) {
  const double position = std::clamp(part, 0.0, 1.0) * 4;
  const int low = std::min(static_cast<int>(position), 3);
  std::array<std::uint8_t, 3> colour;
  for (int c = 0; c < 3; ++c) {
    const double from = kColours[low][c], to = kColours[low + 1][c];
    colour[c] = static_cast<std::uint8_t>(std::lround(from + (to - from) * (position - low)));
  }
  return colour;
}

}  // namespace

Result<Image> Heatmap(const RgbPicture& a, const RgbPicture& b, double full_scale) {
  HALFMOON_RETURN_IF_ERROR(metrics::CheckSameSize(a, b));
  if (!(full_scale >= 1 && full_scale <= 255)) {
    return Status(StatusCode::kInvalidArgument, "heat map: the scale must be 1 to 255 levels");
  }
  HALFMOON_ASSIGN_OR_RETURN(Image map, Image::Create(a.width(), a.height(), 3));
  for (std::uint32_t y = 0; y < a.height(); ++y) {
    const std::uint8_t* p = a.row(y);
    const std::uint8_t* q = b.row(y);
    std::uint8_t* out = map.row(y);
    for (std::uint32_t x = 0; x < a.width(); ++x) {
      double sum = 0;
      for (int c = 0; c < 3; ++c) {
        const double d = int{*p++} - int{*q++};
        sum += d * d;
      }
      for (const std::uint8_t s : ColourOf(std::sqrt(sum / 3) / full_scale)) *out++ = s;
    }
  }
  return map;
}

}  // namespace halfmoon::metrics
