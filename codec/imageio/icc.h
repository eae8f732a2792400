// Colour by lcms2: profiles from gAMA and cHRM, cICP and EXIF; CMYK to sRGB. Internal to
// codec/imageio. No lcms2 type here.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "codec/imageio/image_io.h"
#include "codec/imageio/warning.h"
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

// What the four numbers of cICP (ITU-T H.273: primaries, transfer, matrix, full range) mean to us.
struct CodedColour {
  enum class Kind {
    kSrgb,          // what the samples are without a word
    kProfile,       // `icc` describes them
    kNotSupported,  // no profile of ours can: PQ, HLG, narrow range
    kUnknown,       // reserved or unspecified numbers, and matrices, which PNG may not have
  };
  Kind kind = Kind::kUnknown;
  std::string name;  // for people; empty: unknown
  std::vector<std::uint8_t> icc;
};
// The transfer of BT.709 and its kin is taken as the inverse of what cameras apply (OETF).
CodedColour FromCicp(const std::array<std::uint8_t, 4>& cicp, bool grey);

// Where EXIF alone says that the samples are Adobe RGB (DCF's option file, "R03"), a profile of it.
void TakeExifColour(std::span<const std::uint8_t> exif, Metadata* metadata, Warnings* warnings);

// A word on a picture whose profile has no curve: codecs spend bits as if samples were gamma-coded.
void WarnOfLinearLight(const Metadata& metadata, const ImageReadOptions& options,
                       Warnings* warnings);

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
