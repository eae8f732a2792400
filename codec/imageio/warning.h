// What was dropped or guessed in a picture file, with a code that programs can count by. Depends on
// std only.
#pragma once

#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace halfmoon {

// Stable codes: the same kind of warning has the same code for every file, whatever its text says
// of sizes and names.
namespace warning_code {
inline constexpr std::string_view kAnimation = "animation";  // one frame of several is read
inline constexpr std::string_view kBadChunk = "bad-chunk";   // a PNG chunk with a wrong checksum
inline constexpr std::string_view kColour = "colour";        // converted, guessed or ignored
inline constexpr std::string_view kDamage = "damage";        // lenient: a part is lost
inline constexpr std::string_view kDensity = "density-dropped";   // pixels per length
inline constexpr std::string_view kDepth = "depth";               // 16 bit rounded to 8
inline constexpr std::string_view kExif = "exif-dropped";         // an EXIF block
inline constexpr std::string_view kFilm = "film-dropped";         // the film of a motion photo
inline constexpr std::string_view kGainMap = "gain-map-dropped";  // HDR
inline constexpr std::string_view kIcc = "icc-dropped";           // an ICC profile
inline constexpr std::string_view kIptc = "iptc-dropped";         // IPTC
inline constexpr std::string_view kLibrary = "file-fault";  // harmless faults, in a library's words
inline constexpr std::string_view kSurplus = "surplus";     // bytes or pictures after the first
inline constexpr std::string_view kText = "text-dropped";   // comments, tEXt and the like
inline constexpr std::string_view kXmp = "xmp-dropped";     // an XMP packet or a part of it
}  // namespace warning_code

struct Warning {
  std::string_view code;  // one of the above, or another constant of its maker's
  std::string text;       // one sentence for people

  bool operator==(const Warning&) const = default;
};

using Warnings = std::vector<Warning>;

// For the caller; a null list means nobody listens. Each text appears once.
inline void Warn(Warnings* warnings, std::string_view code, std::string text) {
  if (warnings == nullptr) return;
  for (const Warning& known : *warnings) {
    if (known.text == text) return;
  }
  warnings->push_back({code, std::move(text)});
}

}  // namespace halfmoon
