// One walk over the chunks of a PNG before libpng sees it. Internal to codec/imageio; must not
// include libpng.
//
// It finds what libpng 1.6 does not tell (animation, Apple's variant, cICP), takes the metadata
// that is carried byte for byte, and knows how much packed pixel data there is before memory is
// taken for the unpacked.
//
// libpng sees the critical chunks, tRNS, and what is intact of iCCP, sRGB, gAMA and cHRM; all else
// is hidden from it, so that no metadata can refuse a picture. Checksums of what it sees are its
// business, those of the hidden chunks are compared here.
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "halfmoon/image.h"
#include "halfmoon/status.h"

namespace halfmoon::imageio {

// Bytes begin .. end - 1 of the file.
struct ByteRange {
  std::size_t begin = 0, end = 0;
};

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
  bool icc_too_large = false;  // hidden, because iCCP alone is beyond the limit
  std::optional<std::array<std::uint8_t, 4>> cicp;
  std::optional<PixelDensity> density;  // pHYs
  std::vector<std::string> bad_chunks;  // types with a wrong checksum, each once
  std::vector<ByteRange> hidden;        // from libpng, ascending
  std::size_t end = 0;                  // behind IEND; 0 when that is missing
};

// REQUIRES: `bytes` begins with the 8 bytes of the signature.
PngSurvey SurveyPng(std::span<const std::uint8_t> bytes, std::uint64_t max_metadata_bytes);

// The packet in `survey.xmp`, unpacked if it is packed; empty when there is none.
// Errors: kLimitExceeded above `max_bytes`; kCorrupt; kOutOfMemory.
Result<std::vector<std::uint8_t>> XmpPacket(const PngSurvey& survey, std::uint64_t max_bytes);

}  // namespace halfmoon::imageio
