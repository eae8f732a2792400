// EXIF orientation: reading the tag and turning the pixels. Internal to codec/imageio.
#pragma once

#include <cstdint>
#include <span>

#include "halfmoon/image.h"

namespace halfmoon::imageio {

// Orientation in a TIFF structure (an EXIF block after "Exif\0\0", or a PNG eXIf chunk).
// Range: 1..8; 1 when the tag is missing, illegal or damaged. Reads nothing outside `tiff`.
int ExifOrientation(std::span<const std::uint8_t> tiff);

// Whether showing a picture of this orientation exchanges width and height.
inline bool OrientationSwapsSides(int orientation) { return orientation >= 5 && orientation <= 8; }

// The picture as it is to be shown. Orientation 1 returns `image` itself; others need a second
// picture in memory. The ICC profile moves along.
// Errors: kInvalidArgument for an orientation outside 1..8; kOutOfMemory.
Result<Image> ApplyOrientation(Image image, int orientation);

}  // namespace halfmoon::imageio
