// EXIF and XMP orientation: finding and resetting the tags.
#include "codec/imageio/exif.h"

#include <gtest/gtest.h>

#include "tests/imageio/test_pictures.h"

namespace halfmoon {
namespace {

using namespace testing;  // NOLINT(google-build-using-namespace): helpers of this folder
using imageio::ExifOrientation;
using imageio::ResetExifOrientation;

TEST(Exif, OrientationIsFound) {
  for (const bool big_endian : {false, true}) {
    for (int orientation = 1; orientation <= 8; ++orientation) {
      EXPECT_EQ(ExifOrientation(TiffWithOrientation(orientation, big_endian)), orientation);
    }
    for (const int illegal : {0, 9, 255, 65535}) {
      EXPECT_EQ(ExifOrientation(TiffWithOrientation(illegal, big_endian)), 1);
    }
  }
  EXPECT_EQ(ExifOrientation({}), 1);
}

TEST(Exif, DamageIsHarmless) {
  // Exact-size copies on the heap, so that a sanitizer sees any read beyond the end.
  const Bytes good = TiffWithOrientation(6, true);
  for (std::size_t size = 0; size <= good.size(); ++size) {
    const Bytes cut(good.begin(), good.begin() + static_cast<std::ptrdiff_t>(size));
    const int orientation = ExifOrientation(cut);
    EXPECT_TRUE(orientation == 1 || orientation == 6);
  }
  for (std::size_t at = 0; at < good.size(); ++at) {
    for (int bit = 0; bit < 8; ++bit) {
      Bytes bad = good;
      bad[at] ^= static_cast<std::uint8_t>(1 << bit);
      const int orientation = ExifOrientation(bad);
      EXPECT_TRUE(orientation >= 1 && orientation <= 8);
      (void)ResetExifOrientation(bad, true);  // stays within the block, or a sanitizer says so
    }
  }
  // A directory that begins at, just before and far behind the end.
  for (const std::uint32_t offset : {0u, 7u, static_cast<std::uint32_t>(good.size()) - 1,
                                     static_cast<std::uint32_t>(good.size()), 0xFFFFFFFFu}) {
    Bytes bad = good;
    const Bytes four = BigEndian32(offset);
    std::copy(four.begin(), four.end(), bad.begin() + 4);
    EXPECT_EQ(ExifOrientation(bad), 1);
  }
}

TEST(Exif, ResetChangesOnlyTheTag) {
  for (const bool big_endian : {false, true}) {
    for (const bool swap : {false, true}) {
      Bytes block = TiffWithOrientation(6, big_endian);
      EXPECT_TRUE(ResetExifOrientation(block, swap));
      EXPECT_EQ(block, TiffWithOrientation(1, big_endian));
    }
  }
  Bytes other = {'I', 'I', 42, 0, 8, 0, 0, 0, 0, 0, 0, 0, 0, 0};
  const Bytes before = other;
  EXPECT_FALSE(ResetExifOrientation(other, true));
  EXPECT_EQ(other, before);
}

// A directory with an orientation and a pointer to the EXIF directory, which holds the sides as a
// SHORT and a LONG.
Bytes TiffWithSides(std::uint8_t orientation, std::uint8_t x, std::uint8_t y, bool x_first) {
  Bytes out = {'I', 'I', 42, 0, 8, 0, 0, 0};
  out.reserve(80);  // GCC 12 warns of the growing of small vectors
  const auto entry = [&out](std::uint8_t low, std::uint8_t high, std::uint8_t type,
                            std::uint8_t value) {
    out.insert(out.end(), {low, high, type, 0, 1, 0, 0, 0, value, 0, 0, 0});
  };
  out.insert(out.end(), {2, 0});
  entry(0x12, 0x01, 3, orientation);
  entry(0x69, 0x87, 4, 38);
  out.insert(out.end(), {0, 0, 0, 0});
  out.insert(out.end(), {2, 0});
  entry(0x02, 0xA0, x_first ? 3 : 4, x);
  entry(0x03, 0xA0, x_first ? 4 : 3, y);
  out.insert(out.end(), {0, 0, 0, 0});
  return out;
}

TEST(Exif, SwappedSidesChangePlaces) {
  Bytes block = TiffWithSides(6, 40, 30, true);
  EXPECT_TRUE(ResetExifOrientation(block, true));
  EXPECT_EQ(block, TiffWithSides(1, 30, 40, false));
  block = TiffWithSides(3, 40, 30, true);
  EXPECT_TRUE(ResetExifOrientation(block, false));
  EXPECT_EQ(block, TiffWithSides(1, 40, 30, true));
}

TEST(Exif, OverlappingDirectoriesAreUprightAllTheSame) {
  // The EXIF directory is the first directory itself, and the sides' entries follow; every offset
  // of it, so that some swap of sides writes over the orientation.
  for (std::uint8_t directory = 8; directory < 60; ++directory) {
    Bytes block = TiffWithSides(6, 40, 30, true);
    block[8 + 2 + 12 + 8] = directory;
    EXPECT_TRUE(ResetExifOrientation(block, true));
    EXPECT_EQ(ExifOrientation(block), 1);
  }
}

}  // namespace
}  // namespace halfmoon
