#include "codec/imageio/exif.h"

#include <algorithm>
#include <cstddef>
#include <optional>
#include <string_view>

namespace halfmoon::imageio {
namespace {

constexpr std::uint32_t kOrientationTag = 0x0112;
constexpr std::uint32_t kExifDirectoryTag = 0x8769;
constexpr std::uint32_t kPixelXDimensionTag = 0xA002;
constexpr std::uint32_t kPixelYDimensionTag = 0xA003;
constexpr std::uint32_t kColourSpaceTag = 0xA001;
constexpr std::uint32_t kInteroperabilityTag = 0xA005;
constexpr std::uint32_t kInteroperabilityIndexTag = 0x0001;
constexpr std::uint32_t kShort = 3, kLong = 4;  // types of values
constexpr std::uint64_t kEntryBytes = 12;       // tag 2, type 2, count 4, value 4

// Unsigned reads from a TIFF block; out of bounds reads as 0, which no tag we look for accepts.
class TiffReader {
 public:
  explicit TiffReader(std::span<const std::uint8_t> bytes) : bytes_(bytes) {
    if (bytes.size() < 8) return;
    big_endian_ = bytes[0] == 'M' && bytes[1] == 'M';
    valid_ = (big_endian_ || (bytes[0] == 'I' && bytes[1] == 'I')) && U16(2) == 42;
  }

  bool valid() const { return valid_; }
  bool big_endian() const { return big_endian_; }
  std::uint32_t U16(std::uint64_t offset) const { return Read(offset, 2); }
  std::uint32_t U32(std::uint64_t offset) const { return Read(offset, 4); }

  // Where the entry of a tag begins. The entry count has 16 bits, so the loop ends even when the
  // offsets are nonsense.
  std::optional<std::uint64_t> Find(std::uint64_t directory, std::uint32_t tag) const {
    if (directory < 8) return std::nullopt;
    const std::uint32_t entries = U16(directory);
    for (std::uint32_t i = 0; i < entries; ++i) {
      const std::uint64_t entry = directory + 2 + i * kEntryBytes;
      if (entry + kEntryBytes > bytes_.size()) return std::nullopt;
      if (U16(entry) == tag) return entry;
    }
    return std::nullopt;
  }

  // Only the first directory describes the picture itself (the second is the thumbnail).
  std::optional<std::uint64_t> FindOrientation() const {
    if (!valid_) return std::nullopt;
    const auto entry = Find(U32(4), kOrientationTag);
    if (!entry || U16(*entry + 2) != kShort || U32(*entry + 4) != 1) return std::nullopt;
    return entry;
  }

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
  bool big_endian_ = false;
  bool valid_ = false;
};

// PixelXDimension and PixelYDimension, if both are there.
void SwapPixelDimensions(std::span<std::uint8_t> tiff) {
  const TiffReader reader(tiff);
  const auto exif = reader.Find(reader.U32(4), kExifDirectoryTag);
  if (!exif || reader.U16(*exif + 2) != kLong) return;
  const std::uint64_t directory = reader.U32(*exif + 8);
  const auto x = reader.Find(directory, kPixelXDimensionTag);
  const auto y = reader.Find(directory, kPixelYDimensionTag);
  if (!x || !y) return;
  // Type, count and value change places, so that sides of different types stay right. The two are
  // entries of the same directory, so the ranges don't overlap.
  const auto at = [&](std::uint64_t offset) {
    return tiff.begin() + static_cast<std::ptrdiff_t>(offset);
  };
  std::swap_ranges(at(*x + 2), at(*x + kEntryBytes), at(*y + 2));
}

}  // namespace

std::span<const std::uint8_t> WithoutExifName(std::span<const std::uint8_t> block) {
  constexpr std::string_view kName("Exif\0\0", 6);
  while (block.size() >= kName.size() &&
         std::equal(kName.begin(), kName.end(), block.begin(),
                    [](char a, std::uint8_t b) { return static_cast<std::uint8_t>(a) == b; })) {
    block = block.subspan(kName.size());
  }
  return block;
}

int ExifOrientation(std::span<const std::uint8_t> tiff) {
  const TiffReader reader(tiff);
  const auto entry = reader.FindOrientation();
  if (!entry) return 1;
  const std::uint32_t value = reader.U16(*entry + 8);
  return value >= 1 && value <= 8 ? static_cast<int>(value) : 1;
}

bool ExifSaysAdobeRgb(std::span<const std::uint8_t> tiff) {
  const TiffReader reader(tiff);
  if (!reader.valid()) return false;
  const auto exif = reader.Find(reader.U32(4), kExifDirectoryTag);
  if (!exif) return false;
  const std::uint64_t directory = reader.U32(*exif + 8);
  constexpr std::uint32_t kSrgb = 1;
  const auto colour_space = reader.Find(directory, kColourSpaceTag);
  if (colour_space && reader.U16(*colour_space + 8) == kSrgb) return false;
  const auto link = reader.Find(directory, kInteroperabilityTag);
  if (!link) return false;
  const auto index = reader.Find(reader.U32(*link + 8), kInteroperabilityIndexTag);
  if (!index) return false;
  // "R03" and a NUL, in the entry itself.
  constexpr std::string_view kAdobeRgb("R03\0", 4);
  return reader.U32(*index + 4) == kAdobeRgb.size() &&
         std::equal(kAdobeRgb.begin(), kAdobeRgb.end(),
                    tiff.begin() + static_cast<std::ptrdiff_t>(*index + 8),
                    [](char a, std::uint8_t b) { return static_cast<std::uint8_t>(a) == b; });
}

bool ResetExifOrientation(std::span<std::uint8_t> tiff, bool sides_swapped) {
  if (!TiffReader(tiff).FindOrientation()) return false;
  if (sides_swapped) SwapPixelDimensions(tiff);
  // Last, and searched again: in a block made to confuse, the directories overlap.
  const TiffReader reader(tiff);
  if (const auto entry = reader.FindOrientation()) {
    tiff[*entry + 8] = reader.big_endian() ? 0 : 1;
    tiff[*entry + 9] = reader.big_endian() ? 1 : 0;
  }
  return true;
}

}  // namespace halfmoon::imageio
