// EXIF orientation: finding the tag, and setting it to "upright" once pixels are turned. Bounded
// reads of a TIFF structure. Internal to codec/imageio; knows nothing about pixels.
//
// No library: a tag is found and two bytes are set, all else stays byte for byte. exiv2 makes the
// same edit, but parses the whole block to do so, maker notes included, and is 7 MB; libexif writes
// a block anew.
#pragma once

#include <cstdint>
#include <span>

namespace halfmoon::imageio {

// The TIFF structure in an EXIF block, without the name that JPEG puts before it; some writers put
// it before PNG's block, too, or twice. So a block never seems to begin elsewhere after a round
// trip.
std::span<const std::uint8_t> WithoutExifName(std::span<const std::uint8_t> block);

// Orientation in a TIFF structure (an EXIF block after "Exif\0\0", or a PNG eXIf chunk).
// Range: 1..8; 1 when the tag is missing, illegal or damaged. Reads nothing outside `tiff`.
int ExifOrientation(std::span<const std::uint8_t> tiff);

// Whether the block says that the colours are Adobe RGB: interoperability index "R03" (DCF option
// file), and not sRGB at the same time. Reads nothing outside `tiff`.
bool ExifSaysAdobeRgb(std::span<const std::uint8_t> tiff);

// Makes the block true for a picture that was turned upright: the tag becomes 1 and, when
// `sides_swapped`, PixelXDimension and PixelYDimension change places. All else stays as it is, the
// thumbnail included. Returns whether the tag was there.
bool ResetExifOrientation(std::span<std::uint8_t> tiff, bool sides_swapped);

}  // namespace halfmoon::imageio
