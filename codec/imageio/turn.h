// Turning and mirroring pixels as an EXIF orientation says. Internal to codec/imageio; exif.h finds
// the tag.
#pragma once

#include "halfmoon/image.h"

namespace halfmoon::imageio {

// Whether showing a picture of this orientation exchanges width and height.
inline bool OrientationSwapsSides(int orientation) { return orientation >= 5 && orientation <= 8; }

// The picture as it is to be shown. Orientation 1 returns `image` itself; others need a second
// picture in memory. The metadata moves along unchanged.
// Errors: kInvalidArgument for an orientation outside 1..8; kOutOfMemory.
Result<Image> ApplyOrientation(Image image, int orientation);

}  // namespace halfmoon::imageio
