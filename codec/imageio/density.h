// Pixel densities from one unit to another. Internal to codec/imageio.
#pragma once

#include <cmath>
#include <cstdint>
#include <optional>

#include "halfmoon/image.h"

namespace halfmoon::imageio {

// The same density in pixels of another unit, rounded. Empty when a number leaves 1..most.
// REQUIRES: both units are lengths, or the same.
inline std::optional<PixelDensity> InUnit(const PixelDensity& density, PixelDensity::Unit unit,
                                          std::uint32_t most) {
  constexpr double kMetres[] = {1, 0.0254, 0.01, 1};  // by unit
  const double factor = kMetres[static_cast<int>(unit)] / kMetres[static_cast<int>(density.unit)];
  const double x = std::round(density.x * factor), y = std::round(density.y * factor);
  if (!(x >= 1 && x <= most && y >= 1 && y <= most)) return std::nullopt;
  return PixelDensity{static_cast<std::uint32_t>(x), static_cast<std::uint32_t>(y), unit};
}

}  // namespace halfmoon::imageio
