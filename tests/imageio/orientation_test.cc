#include <gtest/gtest.h>

#include <cstring>

#include "codec/imageio/image_io.h"
#include "codec/imageio/turn.h"
#include "tests/imageio/test_pictures.h"

namespace halfmoon {
namespace {

using namespace testing;  // NOLINT(google-build-using-namespace): helpers of this folder
using imageio::ApplyOrientation;

// The EXIF standard says, for each value, which side of the scene the stored row 0 and column 0
// are. This is that table, not the code's.
struct Sides {
  char row0, column0;  // t(op), b(ottom), l(eft), r(ight)
};
constexpr Sides kExif[9] = {{},         {'t', 'l'}, {'t', 'r'}, {'b', 'r'}, {'b', 'l'},
                            {'l', 't'}, {'r', 't'}, {'r', 'b'}, {'l', 'b'}};

// The picture as shown, by that table.
Image Shown(const Image& stored, int orientation) {
  const Sides sides = kExif[orientation];
  const bool swap = sides.row0 == 'l' || sides.row0 == 'r';
  const std::size_t pixel = stored.shape().bytes_per_pixel();
  Result<Image> shown = Image::Create({swap ? stored.height() : stored.width(),
                                       swap ? stored.width() : stored.height(), stored.channels(),
                                       stored.bit_depth()});
  EXPECT_TRUE(shown.ok());
  for (std::uint32_t row = 0; row < stored.height(); ++row) {
    for (std::uint32_t column = 0; column < stored.width(); ++column) {
      std::uint32_t x = 0, y = 0;
      const auto place = [&](char side, std::uint32_t distance) {
        if (side == 't') y = distance;
        if (side == 'b') y = shown->height() - 1 - distance;
        if (side == 'l') x = distance;
        if (side == 'r') x = shown->width() - 1 - distance;
      };
      place(sides.row0, row);
      place(sides.column0, column);
      std::memcpy(shown->row(y) + x * pixel, stored.row(row) + column * pixel, pixel);
    }
  }
  return std::move(shown).value();
}

TEST(Orientation, TurnsPixelsAsExifSays) {
  for (const auto& [width, height] : std::vector<std::pair<std::uint32_t, std::uint32_t>>{
           {1, 1}, {1, 9}, {5, 3}, {32, 64}, {70, 33}}) {
    for (const PictureShape& kind : kKinds) {
      const Image stored = Noise(PictureShape{width, height, kind.channels, kind.bit_depth});
      for (int orientation = 1; orientation <= 8; ++orientation) {
        Result<Image> copy = stored.Clone();
        ASSERT_TRUE(copy.ok());
        copy->set_icc({1, 2});
        const Result<Image> turned = ApplyOrientation(std::move(copy).value(), orientation);
        ASSERT_TRUE(turned.ok());
        EXPECT_TRUE(SamePixels(*turned, Shown(stored, orientation)))
            << width << " x " << height << ", orientation " << orientation;
        EXPECT_EQ(turned->icc().size(), 2u);
      }
    }
  }
}

TEST(Orientation, RefusesOtherValues) {
  for (const int orientation : {-1, 0, 9}) {
    EXPECT_EQ(ApplyOrientation(Noise(2, 2, 1), orientation).status().code(),
              StatusCode::kInvalidArgument);
  }
}

// Blocks of flat colour, aligned to JPEG's 8 x 8, so that they survive compression.
Image Blocks() {
  Result<Image> image = Image::Create(32, 16, 3);
  EXPECT_TRUE(image.ok());
  for (std::uint32_t y = 0; y < 16; ++y) {
    for (std::uint32_t x = 0; x < 32; ++x) {
      const std::uint32_t block = y / 8 * 4 + x / 8;
      std::uint8_t* pixel = image->row(y) + x * 3;
      pixel[0] = static_cast<std::uint8_t>(block * 32);
      pixel[1] = static_cast<std::uint8_t>(255 - block * 17);
      pixel[2] = static_cast<std::uint8_t>(block % 3 * 100);
    }
  }
  return std::move(image).value();
}

TEST(Orientation, IsAppliedToJpeg) {
  const Image stored = Blocks();
  const Bytes plain = MakeJpeg(stored, {.quality = 100});
  for (const bool big_endian : {false, true}) {
    for (int orientation = 1; orientation <= 8; ++orientation) {
      const Bytes file = WithSegment(plain, 0xE1, ExifSegment(orientation, big_endian));
      Warnings warnings;
      const Result<Image> image = ReadImage(file, {}, &warnings);
      ASSERT_TRUE(image.ok()) << image.status().message();
      const Image expected = Shown(stored, orientation);
      ASSERT_EQ(image->width(), expected.width());
      ASSERT_EQ(image->height(), expected.height());
      EXPECT_LE(MaxDifference(*image, expected), 3) << orientation;
      EXPECT_TRUE(warnings.empty());
      EXPECT_EQ(image->metadata().exif, TiffWithOrientation(1, big_endian));

      ImageReadOptions as_stored;
      as_stored.apply_orientation = false;
      const Result<Image> untouched = ReadImage(file, as_stored);
      ASSERT_TRUE(untouched.ok());
      ASSERT_EQ(untouched->width(), stored.width());
      EXPECT_LE(MaxDifference(*untouched, stored), 3);
      EXPECT_EQ(untouched->metadata().exif, TiffWithOrientation(orientation, big_endian));
    }
  }
}

}  // namespace
}  // namespace halfmoon
