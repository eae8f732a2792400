// Pixels per length: pHYs of PNG and JFIF's density, read, turned and written.
#include <gtest/gtest.h>

#include "codec/imageio/image_io.h"
#include "tests/imageio/test_pictures.h"

namespace halfmoon {
namespace {

using namespace testing;  // NOLINT(google-build-using-namespace): helpers of this folder
using Unit = PixelDensity::Unit;

Bytes Phys(std::uint32_t x, std::uint32_t y, std::uint8_t unit) {
  Bytes body = BigEndian32(x);
  const Bytes second = BigEndian32(y);
  body.insert(body.end(), second.begin(), second.end());
  body.push_back(unit);
  return body;
}

// The same JPEG with another density in its JFIF segment, which libjpeg writes first.
Bytes WithJfif(Bytes jpeg, std::uint8_t unit, std::uint32_t x, std::uint32_t y) {
  jpeg[13] = unit;
  jpeg[14] = static_cast<std::uint8_t>(x >> 8), jpeg[15] = static_cast<std::uint8_t>(x);
  jpeg[16] = static_cast<std::uint8_t>(y >> 8), jpeg[17] = static_cast<std::uint8_t>(y);
  return jpeg;
}

std::optional<PixelDensity> DensityOf(const Bytes& file) {
  const auto image = ReadImage(file);
  EXPECT_TRUE(image.ok()) << image.status().message();
  const auto info = ReadImageInfo(file);
  EXPECT_TRUE(info.ok() && image.ok() && info->density == image->metadata().density);
  return image.ok() ? image->metadata().density : std::nullopt;
}

TEST(Density, IsRead) {
  const Bytes png = PlainPng(Gradient(8, 6, 3));
  EXPECT_EQ(DensityOf(png), std::nullopt);
  EXPECT_EQ(DensityOf(WithChunk(png, "pHYs", Phys(11811, 5906, 1))),
            (PixelDensity{11811, 5906, Unit::kMetre}));
  EXPECT_EQ(DensityOf(WithChunk(png, "pHYs", Phys(2, 1, 0))), (PixelDensity{2, 1, Unit::kNone}));
  const Bytes jpeg = MakeJpeg(Gradient(8, 6, 3));
  EXPECT_EQ(DensityOf(jpeg), std::nullopt);  // 1:1
  EXPECT_EQ(DensityOf(WithJfif(jpeg, 1, 300, 300)), (PixelDensity{300, 300, Unit::kInch}));
  EXPECT_EQ(DensityOf(WithJfif(jpeg, 2, 118, 59)), (PixelDensity{118, 59, Unit::kCentimetre}));
  EXPECT_EQ(DensityOf(WithJfif(jpeg, 0, 3, 4)), (PixelDensity{3, 4, Unit::kNone}));
  // What says nothing, and what is illegal.
  for (const Bytes& body : {Phys(7, 7, 0), Phys(0, 5, 1), Phys(5, 0x80000000, 1), Phys(5, 5, 2),
                            Bytes(8, 1), Bytes(10, 1)}) {
    EXPECT_EQ(DensityOf(WithChunk(png, "pHYs", body)), std::nullopt);
  }
  EXPECT_EQ(DensityOf(WithJfif(jpeg, 1, 0, 300)), std::nullopt);
  EXPECT_EQ(DensityOf(WithJfif(jpeg, 9, 300, 300)), std::nullopt);
}

TEST(Density, TurnsWithThePicture) {
  const Bytes png = WithChunk(PlainPng(Gradient(8, 6, 3)), "pHYs", Phys(200, 100, 1));
  EXPECT_EQ(DensityOf(WithChunk(png, "eXIf", TiffWithOrientation(6, true))),
            (PixelDensity{100, 200, Unit::kMetre}));
  EXPECT_EQ(DensityOf(WithChunk(png, "eXIf", TiffWithOrientation(3, true))),
            (PixelDensity{200, 100, Unit::kMetre}));
}

TEST(Density, IsWritten) {
  Image image = Gradient(8, 6, 3);
  const auto written = [&](const PixelDensity& density, ImageFormat format, Warnings* warnings) {
    Metadata metadata;
    metadata.density = density;
    image.set_metadata(metadata);
    const auto file = WriteImage(image, format, {}, warnings);
    EXPECT_TRUE(file.ok()) << file.status().message();
    return file.ok() ? *file : Bytes();
  };
  const auto there_and_back = [&](const PixelDensity& density, ImageFormat format) {
    Warnings warnings;
    const auto read = DensityOf(written(density, format, &warnings));
    EXPECT_TRUE(warnings.empty()) << warnings[0].text;
    return read;
  };
  for (const PixelDensity& same :
       {PixelDensity{11811, 5906, Unit::kMetre}, PixelDensity{0x7FFFFFFF, 1, Unit::kMetre},
        PixelDensity{2, 1, Unit::kNone}}) {
    EXPECT_EQ(there_and_back(same, ImageFormat::kPng), same);
  }
  for (const PixelDensity& same :
       {PixelDensity{300, 600, Unit::kInch}, PixelDensity{118, 59, Unit::kCentimetre},
        PixelDensity{2, 1, Unit::kNone}, PixelDensity{65535, 1, Unit::kInch}}) {
    EXPECT_EQ(there_and_back(same, ImageFormat::kJpeg), same);
  }
  EXPECT_EQ(there_and_back({300, 72, Unit::kInch}, ImageFormat::kPng),
            (PixelDensity{11811, 2835, Unit::kMetre}));
  EXPECT_EQ(there_and_back({11811, 2835, Unit::kMetre}, ImageFormat::kJpeg),
            (PixelDensity{300, 72, Unit::kInch}));
  EXPECT_EQ(there_and_back({118, 59, Unit::kCentimetre}, ImageFormat::kPng),
            (PixelDensity{11800, 5900, Unit::kMetre}));
  // What a format cannot hold is named.
  for (const auto& [density, format] :
       {std::pair{PixelDensity{0x7FFFFFFF, 1, Unit::kInch}, ImageFormat::kPng},
        std::pair{PixelDensity{70000, 70000, Unit::kInch}, ImageFormat::kJpeg},
        std::pair{PixelDensity{3, 3, Unit::kMetre}, ImageFormat::kJpeg},
        std::pair{PixelDensity{300, 300, Unit::kInch}, ImageFormat::kPpm}}) {
    Warnings warnings;
    EXPECT_EQ(DensityOf(written(density, format, &warnings)), std::nullopt);
    ASSERT_EQ(warnings.size(), 1u);
    EXPECT_EQ(warnings[0].code, warning_code::kDensity);
  }
}

}  // namespace
}  // namespace halfmoon
