// Where two pictures differ, as a picture. No files.
#pragma once

#include "codec/metrics/rgb_picture.h"
#include "halfmoon/status.h"

namespace halfmoon::metrics {

// The root mean square of the channels' differences at each pixel, as colour: black 0, violet, red,
// orange, pale yellow for `full_scale` levels and more. The scale is fixed, so maps can be
// compared. Errors: kInvalidArgument when the sizes differ or full_scale isn't 1 to 255.
Result<Image> Heatmap(const RgbPicture& a, const RgbPicture& b, double full_scale = 32);

}  // namespace halfmoon::metrics
