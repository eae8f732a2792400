// SVG text -> PNG file by librsvg and cairo, where CMake found them. No type of theirs here.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "halfmoon/status.h"

namespace halfmoon::eval {

// Whether librsvg was found when this was built.
bool CanRenderPng();

// The picture with `scale` pixels per SVG unit.
// Errors: kUnsupportedFeature when not built in, kInvalidArgument (no SVG, no size), kOutOfMemory.
Result<std::vector<std::uint8_t>> SvgToPng(const std::string& svg, double scale);

}  // namespace halfmoon::eval
