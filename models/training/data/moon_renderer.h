// Moons drawn by the project: the data of the half-moon experiment. std only.
#pragma once

#include <cstdint>
#include <vector>

#include "halfmoon/status.h"
#include "models/training/data/pack.h"

namespace halfmoon::training {

inline constexpr int kMoonSide = 64;         // pixels
inline constexpr double kMoonRadius = 25;    // of an ordinary moon, pixels
inline constexpr double kRadiusJitter = 2;   // +- pixels
inline constexpr double kTiltJitter = 0.35;  // +- radians, 20 degrees

struct Moon {
  double lit = 0.5;             // share of the disc that the sun reaches: 0 new, 1 full
  double radius = kMoonRadius;  // pixels
  double tilt = 0;              // radians, counter-clockwise: of light and surface together
};

// A sphere in the middle of a black picture, lit by a sun that stands to the right and, towards
// full moon, behind the viewer; the same dark plains and bright craters for every moon, a faint
// glow on the dark side. kMoonSide x kMoonSide grey samples, nine rays per pixel.
std::vector<std::uint8_t> RenderMoon(const Moon& moon);

struct MoonSetOptions {
  std::int64_t count = 4000;
  int validation_every = 20;  // every n-th moon is for validation; 0: none
  std::uint64_t seed = 1;
  double hole_from = 0, hole_to = 0;  // lit shares in (from, to) are left out; equal: none
};

// Moon number `index` of a set: lit uniformly over what is not left out, radius and tilt uniformly
// within their jitter.
Moon DrawMoon(const MoonSetOptions& options, std::uint64_t index);

// The pack of such a set: grey pictures, classed by tenths of the lit share.
// Errors: kInvalidArgument naming the field.
Result<std::vector<std::uint8_t>> MakeMoonPack(const MoonSetOptions& options);

}  // namespace halfmoon::training
