// One walk over the chunks of a PNG before libpng sees it. Internal to codec/imageio; must not
// include libpng.
//
// It finds what libpng 1.6 does not tell (animation, Apple's variant, cICP), takes the metadata
// that is carried byte for byte, and knows how much packed pixel data there is before memory is
// taken for the unpacked. Checksums are libpng's business.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "halfmoon/status.h"

namespace halfmoon::imageio {

struct PngSurvey {
  std::uint32_t width = 0;  // of IHDR, unchecked; 0 when there is none
  std::uint32_t height = 0;
  std::uint64_t idat_bytes = 0;
  std::span<const std::uint8_t> exif;  // from the TIFF header on
  std::span<const std::uint8_t> xmp;   // body of the iTXt chunk behind its keyword
  bool apple = false;           // CgBI: raw deflate and BGR samples, not a PNG by the standard
  bool animated = false;        // acTL
  bool still_is_frame = false;  // the still picture is the first frame of the animation
  bool has_text = false;
  bool has_text_exif = false;  // ImageMagick's way, in use before there was an eXIf chunk
  bool other_cicp = false;     // a coded colour space other than sRGB
};

// REQUIRES: `bytes` begins with the 8 bytes of the signature.
PngSurvey SurveyPng(std::span<const std::uint8_t> bytes);

// The packet in `survey.xmp`, unpacked if it is packed; empty when there is none.
// Errors: kLimitExceeded above `max_bytes`; kCorrupt.
Result<std::vector<std::uint8_t>> XmpPacket(const PngSurvey& survey, std::uint64_t max_bytes);

}  // namespace halfmoon::imageio
