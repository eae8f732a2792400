// Colour by lcms2: profiles from gAMA and cHRM, CMYK to sRGB. Internal to codec/imageio. No lcms2
// type here.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <vector>

#include "halfmoon/image.h"

namespace halfmoon::imageio {

// Whether the profile describes samples of this many channels (alpha apart). A wrong one shows
// wrong colours in every program that believes it, and PNG may not hold it.
bool IccFits(std::span<const std::uint8_t> icc, std::uint32_t channels);

// Whether gamma and primaries of a file are sRGB's, up to the rounding of writers. What is absent
// counts as sRGB's.
bool SaysSrgb(const FileColour& colour);

// A profile of the samples that gAMA and cHRM describe; the same bytes for the same colour with the
// same version of lcms2. What is absent is sRGB's. Grey pictures have no primaries.
// Empty when no profile can describe them (gamma far from anything shown, primaries on one line).
std::vector<std::uint8_t> ProfileFromGammaChroma(const FileColour& colour, bool grey);

// Rows of 8-bit CMYK to 8-bit sRGB.
class CmykToSrgb {
 public:
  // `inverted`: 255 is no ink, as Adobe's programs store it. Without a usable CMYK profile in
  // `icc`, colours are (1 - ink) * (1 - black): right in kind, not in shade.
  CmykToSrgb(std::span<const std::uint8_t> icc, bool inverted);
  ~CmykToSrgb();
  CmykToSrgb(const CmykToSrgb&) = delete;
  CmykToSrgb& operator=(const CmykToSrgb&) = delete;

  // Whether the profile is in use.
  bool by_profile() const;
  // REQUIRES: 4 * pixels bytes at `cmyk`, 3 * pixels at `rgb`; they don't overlap.
  void Convert(const std::uint8_t* cmyk, std::uint8_t* rgb, std::uint32_t pixels) const;

 private:
  struct Transform;
  std::unique_ptr<Transform> transform_;
  bool inverted_;
};

}  // namespace halfmoon::imageio
