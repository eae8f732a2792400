#include "codec/imageio/pixels.h"

namespace halfmoon::imageio {
namespace {

template <typename Sample>
void Flatten(const PictureShape& shape, const Sample* in, const std::array<std::uint8_t, 3>& back,
             std::uint8_t* out) {
  constexpr std::uint64_t kMax = sizeof(Sample) == 1 ? 255 : 65535;
  const std::uint32_t colours = shape.is_grey() ? 1 : 3;
  for (std::uint32_t x = 0; x < shape.width; ++x) {
    const std::uint64_t alpha = shape.has_alpha() ? in[colours] : kMax;
    for (std::uint32_t c = 0; c < colours; ++c) {
      // Both terms in units of 1 / (kMax * kMax) of full light: one rounding in all.
      const std::uint64_t light = in[c] * alpha * 255 + back[c] * (kMax - alpha) * kMax;
      *out++ = static_cast<std::uint8_t>((light + kMax * kMax / 2) / (kMax * kMax));
    }
    in += shape.channels;
  }
}

}  // namespace

void FlattenRow(const PictureShape& shape, const std::uint8_t* row,
                const std::array<std::uint8_t, 3>& background, std::uint8_t* out) {
  std::array<std::uint8_t, 3> back = background;
  if (shape.is_grey()) {  // BT.601's luma, as JPEG has it
    back[0] =
        static_cast<std::uint8_t>((299 * back[0] + 587 * back[1] + 114 * back[2] + 500) / 1000);
  }
  if (shape.bit_depth == 8) {
    Flatten(shape, row, back, out);
  } else {
    Flatten(shape, reinterpret_cast<const std::uint16_t*>(row), back, out);
  }
}

}  // namespace halfmoon::imageio
