#include "codec/imageio/turn.h"

#include <algorithm>
#include <cstddef>
#include <string>

namespace halfmoon::imageio {
namespace {

// A tile of 32 x 32 pixels of source and target stays in the first-level cache while rows and
// columns are exchanged.
constexpr std::uint32_t kTile = 32;

template <int kBytes>  // per pixel
void CopyTurned(const std::uint8_t* origin, std::ptrdiff_t step_x, std::ptrdiff_t step_y,
                Image* to) {
  for (std::uint32_t y0 = 0; y0 < to->height(); y0 += kTile) {
    const std::uint32_t y1 = std::min(to->height(), y0 + kTile);
    for (std::uint32_t x0 = 0; x0 < to->width(); x0 += kTile) {
      const std::uint32_t x1 = std::min(to->width(), x0 + kTile);
      for (std::uint32_t y = y0; y < y1; ++y) {
        std::uint8_t* out = to->row(y) + std::size_t{x0} * kBytes;
        const std::ptrdiff_t row = static_cast<std::ptrdiff_t>(y) * step_y;
        for (std::uint32_t x = x0; x < x1; ++x) {
          const std::uint8_t* in = origin + row + static_cast<std::ptrdiff_t>(x) * step_x;
          for (int c = 0; c < kBytes; ++c) *out++ = in[c];
        }
      }
    }
  }
}

}  // namespace

Result<Image> ApplyOrientation(Image image, int orientation) {
  if (orientation < 1 || orientation > 8) {
    return Status(StatusCode::kInvalidArgument,
                  "orientation " + std::to_string(orientation) + " is outside 1..8");
  }
  if (orientation == 1 || image.empty()) return image;
  const bool swap = OrientationSwapsSides(orientation);
  const std::uint32_t width = swap ? image.height() : image.width();
  const std::uint32_t height = swap ? image.width() : image.height();
  HALFMOON_ASSIGN_OR_RETURN(
      Image turned,
      Image::Create({width, height, image.channels(), image.bit_depth()}, image.pixels()));

  // Where the stored picture's pixel for the shown pixel (0, 0) is, and how to step from it.
  const bool from_right =
      orientation == 2 || orientation == 3 || orientation == 7 || orientation == 8;
  const bool from_bottom =
      orientation == 3 || orientation == 4 || orientation == 6 || orientation == 7;
  const auto pixel = static_cast<std::ptrdiff_t>(image.shape().bytes_per_pixel());
  const auto row = static_cast<std::ptrdiff_t>(image.stride());
  const std::ptrdiff_t along_x = from_right ? -pixel : pixel;
  const std::ptrdiff_t along_y = from_bottom ? -row : row;
  const std::uint8_t* origin = image.row(from_bottom ? image.height() - 1 : 0);
  if (from_right) origin += (image.width() - 1) * pixel;
  const std::ptrdiff_t step_x = swap ? along_y : along_x;
  const std::ptrdiff_t step_y = swap ? along_x : along_y;

  switch (image.shape().bytes_per_pixel()) {
    case 1: CopyTurned<1>(origin, step_x, step_y, &turned); break;
    case 2: CopyTurned<2>(origin, step_x, step_y, &turned); break;
    case 3: CopyTurned<3>(origin, step_x, step_y, &turned); break;
    case 4: CopyTurned<4>(origin, step_x, step_y, &turned); break;
    case 6: CopyTurned<6>(origin, step_x, step_y, &turned); break;
    case 8: CopyTurned<8>(origin, step_x, step_y, &turned); break;
    default: HALFMOON_ENSURE(!"1 to 4 channels of 8 or 16 bit");
  }
  turned.set_metadata(image.metadata());
  return turned;
}

}  // namespace halfmoon::imageio
