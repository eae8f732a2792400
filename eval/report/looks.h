// Looks of curves, from looks.json; the page has them from there, too. Internal to eval/report.
#pragma once

#include <array>

namespace halfmoon::eval {

extern const std::array<const char*, 7> kCurveColours;  // on white: "#0072b2"
extern const char* const kPublishedColour;
extern const std::array<const char*, 5> kDashes;        // SVG stroke-dasharray
extern const std::array<const char*, 7> kCurveSymbols;  // SVG paths around (0, 0)

}  // namespace halfmoon::eval
