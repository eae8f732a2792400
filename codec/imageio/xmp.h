// XMP packets: what must change in them when the picture they describe does. Edits keep the length
// and touch only the claim in question. Internal to codec/imageio; must not include an XML library:
// what such a one writes, exiv2's toolkit too, is another packet that says the same.
#pragma once

#include <cstdint>
#include <span>

namespace halfmoon::imageio {

// Makes a packet true for a picture that was turned upright: every tiff:Orientation becomes 1, as
// an attribute or as an element. Returns how many there were.
int ResetXmpOrientation(std::span<std::uint8_t> xmp);

// Whether the packet says that the file has a gain map (HDR), or is a motion photo.
bool PromisesGainMap(std::span<const std::uint8_t> xmp);
bool PromisesFilm(std::span<const std::uint8_t> xmp);

// Makes a packet true for a file that has lost them: the gain map's version and the entries of the
// container's directory become spaces, the flags of motion photos 0, which says "none".
void TakeOutGainMap(std::span<std::uint8_t> xmp);
void TakeOutFilm(std::span<std::uint8_t> xmp);

}  // namespace halfmoon::imageio
