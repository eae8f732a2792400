#include "codec/imageio/jpeg_supplements.h"

#include <algorithm>
#include <array>
#include <cstring>
#include <string>
#include <string_view>

#include "codec/imageio/xmp.h"

namespace halfmoon::imageio {
namespace {

// What the gain maps of Adobe and Google, of ISO 21496-1 and of Apple carry in their segments.
constexpr std::array<std::string_view, 4> kGainMapNames = {"http://ns.adobe.com/hdr-gain-map/",
                                                           "urn:iso:std:iso:ts:21496", "HDRGainMap",
                                                           "aux:hdrgainmap"};
// Before the film of a Samsung motion photo; others begin with the film itself.
constexpr std::string_view kSamsungFilm = "MotionPhoto_Data";
// Those names stand in the first segments, the last one among short records before the film.
constexpr std::size_t kSearchedBytes = std::size_t{1} << 18;
// A file has a handful of pictures; one made to waste time has many.
constexpr int kMostPictures = 64;

bool Has(std::span<const std::uint8_t> bytes, std::string_view text) {
  const std::string_view all(reinterpret_cast<const char*>(bytes.data()),
                             std::min(bytes.size(), kSearchedBytes));
  return all.find(text) != all.npos;
}

bool IsGainMap(std::span<const std::uint8_t> picture) {
  return std::any_of(kGainMapNames.begin(), kGainMapNames.end(),
                     [&](std::string_view name) { return Has(picture, name); });
}

// The box that begins every MP4 and QuickTime file.
bool IsFilm(std::span<const std::uint8_t> bytes) {
  return (bytes.size() >= 8 && std::memcmp(bytes.data() + 4, "ftyp", 4) == 0) ||
         Has(bytes, kSamsungFilm);
}

bool IsPadding(std::uint8_t byte) {
  return byte == 0 || byte == 0xFF || byte == ' ' || byte == '\r' || byte == '\n';
}

bool StartsPicture(std::span<const std::uint8_t> bytes) {
  return bytes.size() >= 3 && bytes[0] == 0xFF && bytes[1] == 0xD8 && bytes[2] == 0xFF;
}

// To the next byte that is no padding, or to the next picture.
std::span<const std::uint8_t> WithoutPadding(std::span<const std::uint8_t> bytes) {
  std::size_t at = 0;
  while (at < bytes.size() && IsPadding(bytes[at]) && !StartsPicture(bytes.subspan(at))) ++at;
  return bytes.subspan(at);
}

// Zeros before a film may belong to the length of its first box.
std::span<const std::uint8_t> AtFilm(std::span<const std::uint8_t> padded) {
  const std::span<const std::uint8_t> bare = WithoutPadding(padded);
  const std::size_t skipped = padded.size() - bare.size();
  for (std::size_t back = 0; back <= std::min<std::size_t>(skipped, 4); ++back) {
    const auto candidate = padded.subspan(skipped - back);
    if (candidate.size() >= 8 && std::memcmp(candidate.data() + 4, "ftyp", 4) == 0)
      return candidate;
  }
  return bare;
}

struct Supplements {
  int gain_maps = 0;
  int pictures = 0;            // other than gain maps
  std::size_t film_bytes = 0;  // 0: none
  std::size_t other_bytes = 0;
};

Supplements Find(std::span<const std::uint8_t> rest, bool promised_film) {
  Supplements found;
  for (int i = 0; i < kMostPictures; ++i) {
    const auto next = WithoutPadding(rest);
    if (!StartsPicture(next)) break;
    const std::size_t whole = JpegBytes(next);
    const auto picture = next.first(whole == 0 ? next.size() : whole);
    ++(IsGainMap(picture) ? found.gain_maps : found.pictures);
    rest = next.subspan(picture.size());
  }
  rest = AtFilm(rest);
  (promised_film || IsFilm(rest) ? found.film_bytes : found.other_bytes) = rest.size();
  return found;
}

}  // namespace

std::size_t JpegBytes(std::span<const std::uint8_t> file) {
  std::size_t at = 2;  // behind the start-of-image marker
  while (at < file.size()) {
    const void* found = std::memchr(file.data() + at, 0xFF, file.size() - at);
    if (found == nullptr) return 0;
    at = static_cast<std::size_t>(static_cast<const std::uint8_t*>(found) - file.data());
    while (at < file.size() && file[at] == 0xFF) ++at;
    if (at == file.size()) return 0;
    const std::uint8_t marker = file[at++];
    if (marker == 0xD9) return at;
    // A byte of packed data, and markers without a segment.
    const bool bare = marker == 0 || marker == 1 || (marker >= 0xD0 && marker <= 0xD8);
    if (bare || file.size() - at < 2) continue;
    const std::size_t length = file[at] * std::size_t{256} + file[at + 1];
    at += std::min(length, file.size() - at);
  }
  return 0;
}

void DropSupplements(std::span<const std::uint8_t> file, std::span<std::uint8_t> xmp,
                     Warnings* warnings) {
  const std::size_t end = JpegBytes(file);
  if (end == 0) return;
  const bool gain_map_promised = PromisesGainMap(xmp), film_promised = PromisesFilm(xmp);
  Supplements found = Find(file.subspan(end), film_promised);
  // Where the packet alone says which picture it is.
  if (gain_map_promised && found.gain_maps == 0 && found.pictures > 0) {
    found.gain_maps = 1;
    --found.pictures;
  }
  const auto count = [](std::size_t bytes) { return std::to_string(bytes) + " bytes"; };
  if (found.gain_maps > 0) {
    std::string text =
        "the gain map (HDR) behind the picture is not kept; the picture is its SDR version";
    if (gain_map_promised) {
      TakeOutGainMap(xmp);
      text += PromisesGainMap(xmp) ? ", though its XMP still promises the gain map"
                                   : ", and its XMP promises no gain map any more";
    }
    Warn(warnings, warning_code::kGainMap, text);
  }
  if (found.film_bytes > 0) {
    std::string text = "the film of the motion photo (" + count(found.film_bytes) +
                       " behind the picture) is not kept";
    if (film_promised) {
      TakeOutFilm(xmp);
      text += PromisesFilm(xmp) ? ", though its XMP still promises it"
                                : ", and its XMP promises it no more";
    }
    Warn(warnings, warning_code::kFilm, text);
  }
  if (found.pictures > 0) {
    Warn(warnings, warning_code::kSurplus,
         std::to_string(found.pictures) + " further picture(s) in the file are not kept");
  }
  if (found.other_bytes > 0) {
    Warn(warnings, warning_code::kSurplus,
         "JPEG: " + count(found.other_bytes) + " behind the picture are not kept");
  }
}

}  // namespace halfmoon::imageio
