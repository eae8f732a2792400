#include "codec/imageio/orientation.h"

#include <algorithm>
#include <cstddef>
#include <string>

namespace halfmoon::imageio {
namespace {

// Unsigned reads from a TIFF block; out of bounds reads as 0, which no tag we look for accepts.
class TiffReader {
 public:
  TiffReader(std::span<const std::uint8_t> bytes, bool big_endian)
      : bytes_(bytes), big_endian_(big_endian) {}

  std::uint32_t U16(std::uint64_t offset) const { return Read(offset, 2); }
  std::uint32_t U32(std::uint64_t offset) const { return Read(offset, 4); }

 private:
  std::uint32_t Read(std::uint64_t offset, unsigned count) const {
    if (offset > bytes_.size() || bytes_.size() - offset < count) return 0;
    std::uint32_t value = 0;
    for (unsigned i = 0; i < count; ++i) {
      const std::uint8_t byte = bytes_[offset + (big_endian_ ? i : count - 1 - i)];
      value = (value << 8) | byte;
    }
    return value;
  }

  std::span<const std::uint8_t> bytes_;
  bool big_endian_;
};

// A tile of 32 x 32 RGB pixels of source and target stays in the first-level cache while rows and
// columns are exchanged.
constexpr std::uint32_t kTile = 32;

template <int kChannels>
void CopyTurned(const std::uint8_t* origin, std::ptrdiff_t step_x, std::ptrdiff_t step_y,
                Image* to) {
  for (std::uint32_t y0 = 0; y0 < to->height(); y0 += kTile) {
    const std::uint32_t y1 = std::min(to->height(), y0 + kTile);
    for (std::uint32_t x0 = 0; x0 < to->width(); x0 += kTile) {
      const std::uint32_t x1 = std::min(to->width(), x0 + kTile);
      for (std::uint32_t y = y0; y < y1; ++y) {
        std::uint8_t* out = to->row(y) + std::size_t{x0} * kChannels;
        const std::ptrdiff_t row = static_cast<std::ptrdiff_t>(y) * step_y;
        for (std::uint32_t x = x0; x < x1; ++x) {
          const std::uint8_t* in = origin + row + static_cast<std::ptrdiff_t>(x) * step_x;
          for (int c = 0; c < kChannels; ++c) *out++ = in[c];
        }
      }
    }
  }
}

}  // namespace

int ExifOrientation(std::span<const std::uint8_t> tiff) {
  if (tiff.size() < 8) return 1;
  const bool big_endian = tiff[0] == 'M' && tiff[1] == 'M';
  if (!big_endian && !(tiff[0] == 'I' && tiff[1] == 'I')) return 1;
  const TiffReader reader(tiff, big_endian);
  if (reader.U16(2) != 42) return 1;
  // Only the first directory describes the picture itself (the second is the thumbnail). Its
  // entry count has 16 bits, so the loop ends even when the offsets are nonsense.
  const std::uint64_t directory = reader.U32(4);
  if (directory < 8) return 1;
  const std::uint32_t entries = reader.U16(directory);
  for (std::uint32_t i = 0; i < entries; ++i) {
    const std::uint64_t entry = directory + 2 + std::uint64_t{i} * 12;
    if (entry >= tiff.size()) return 1;
    constexpr std::uint32_t kOrientationTag = 0x0112;
    if (reader.U16(entry) != kOrientationTag) continue;
    constexpr std::uint32_t kShort = 3;
    if (reader.U16(entry + 2) != kShort || reader.U32(entry + 4) != 1) return 1;
    const std::uint32_t value = reader.U16(entry + 8);
    return value >= 1 && value <= 8 ? static_cast<int>(value) : 1;
  }
  return 1;
}

Result<Image> ApplyOrientation(Image image, int orientation) {
  if (orientation < 1 || orientation > 8) {
    return Status(StatusCode::kInvalidArgument,
                  "orientation " + std::to_string(orientation) + " is outside 1..8");
  }
  if (orientation == 1 || image.empty()) return image;
  const bool swap = OrientationSwapsSides(orientation);
  const std::uint32_t width = swap ? image.height() : image.width();
  const std::uint32_t height = swap ? image.width() : image.height();
  HALFMOON_ASSIGN_OR_RETURN(Image turned,
                            Image::Create(width, height, image.channels(), image.pixels()));

  // Where the stored picture's pixel for the shown pixel (0, 0) is, and how to step from it.
  const bool from_right =
      orientation == 2 || orientation == 3 || orientation == 7 || orientation == 8;
  const bool from_bottom =
      orientation == 3 || orientation == 4 || orientation == 6 || orientation == 7;
  const auto pixel = static_cast<std::ptrdiff_t>(image.channels());
  const auto row = static_cast<std::ptrdiff_t>(image.stride());
  const std::ptrdiff_t along_x = from_right ? -pixel : pixel;
  const std::ptrdiff_t along_y = from_bottom ? -row : row;
  const std::uint8_t* origin = image.row(from_bottom ? image.height() - 1 : 0);
  if (from_right) origin += (image.width() - 1) * pixel;
  const std::ptrdiff_t step_x = swap ? along_y : along_x;
  const std::ptrdiff_t step_y = swap ? along_x : along_y;

  if (image.channels() == 1) {
    CopyTurned<1>(origin, step_x, step_y, &turned);
  } else {
    CopyTurned<3>(origin, step_x, step_y, &turned);
  }
  turned.set_icc(image.icc());
  return turned;
}

}  // namespace halfmoon::imageio
