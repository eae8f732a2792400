// Every kind of pixels there and back in every format that holds it, and as the standards store it.
#include <gtest/gtest.h>
#include <png.h>

#include <cstring>

#include "codec/imageio/image_io.h"
#include "codec/imageio/pixels.h"
#include "tests/imageio/test_pictures.h"

namespace halfmoon {
namespace {

using namespace testing;  // NOLINT(google-build-using-namespace): helpers of this folder

Image MustRead(const Bytes& file, Warnings* warnings = nullptr) {
  Result<Image> image = ReadImage(file, {}, warnings);
  if (image.ok()) return std::move(image).value();
  ADD_FAILURE() << image.status().message();
  return Image();
}

TEST(Kinds, MakeTheRoundTrip) {
  for (PictureShape shape : kKinds) {
    for (const auto& [width, height] : std::vector<std::pair<std::uint32_t, std::uint32_t>>{
             {1, 1}, {7, 5}, {1, 300}, {300, 1}, {64, 33}}) {
      shape.width = width;
      shape.height = height;
      const Image image = Noise(shape);
      for (const ImageFormat format : {ImageFormat::kPng, ImageFormat::kPnm, ImageFormat::kPam}) {
        const auto file = WriteImage(image, format);
        if (format == ImageFormat::kPnm && shape.has_alpha()) {
          EXPECT_EQ(file.status().code(), StatusCode::kInvalidArgument);
          EXPECT_NE(file.status().message().find("PAM or PNG"), std::string::npos);
          continue;
        }
        ASSERT_TRUE(file.ok()) << file.status().message();
        Warnings warnings;
        EXPECT_TRUE(SamePixels(MustRead(*file, &warnings), image))
            << ImageFormatName(format) << " " << width << " x " << height << ", " << shape.channels
            << " channels of " << shape.bit_depth;
        EXPECT_TRUE(warnings.empty()) << warnings[0].text;
        const auto info = ReadImageInfo(*file);
        ASSERT_TRUE(info.ok());
        EXPECT_EQ(info->format, format);
        EXPECT_EQ((PictureShape{info->width, info->height, info->channels, info->bit_depth}),
                  shape);
        EXPECT_EQ(info->has_alpha, shape.has_alpha());
      }
    }
  }
}

TEST(Kinds, PngIsReadAsTheStandardStoresIt) {
  for (PictureShape shape : kKinds) {
    shape.width = 13;
    shape.height = 4;
    const Image image = Noise(shape);
    EXPECT_TRUE(SamePixels(MustRead(PlainPng(image)), image))
        << shape.channels << " channels of " << shape.bit_depth;
  }
}

// libpng's simplified interface, which shares no code with our writer.
TEST(Kinds, WrittenPngIsReadEquallyByLibpng) {
  for (const std::uint32_t channels : {2u, 4u}) {
    const Image image = Noise(PictureShape{9, 4, channels, 8});
    const auto file = WriteImage(image, ImageFormat::kPng);
    ASSERT_TRUE(file.ok());
    png_image png = {};
    png.version = PNG_IMAGE_VERSION;
    ASSERT_NE(png_image_begin_read_from_memory(&png, file->data(), file->size()), 0);
    png.format = channels == 2 ? PNG_FORMAT_GA : PNG_FORMAT_RGBA;
    Bytes pixels(PNG_IMAGE_SIZE(png));
    ASSERT_NE(png_image_finish_read(&png, nullptr, pixels.data(), 0, nullptr), 0);
    ASSERT_EQ(pixels.size(), image.samples().size());
    EXPECT_EQ(std::memcmp(pixels.data(), image.samples().data(), pixels.size()), 0);
  }
}

TEST(Kinds, TransparentColoursOfPngBecomeAlpha) {
  // Grey: value 7 is transparent.
  Image image = MustRead(PngBuilder()
                             .Header(3, 1, 8, 0)
                             .Chunk("tRNS", std::string_view("\0\7", 2))
                             .Pixels(Bytes{0, 6, 7, 8})
                             .End());
  EXPECT_EQ(image.shape(), (PictureShape{3, 1, 2, 8}));
  EXPECT_EQ(Bytes(image.samples().begin(), image.samples().end()), (Bytes{6, 255, 7, 0, 8, 255}));
  // 2-bit grey: the value is compared before it is scaled.
  image = MustRead(PngBuilder()
                       .Header(4, 1, 2, 0)
                       .Chunk("tRNS", std::string_view("\0\2", 2))
                       .Pixels(Bytes{0, 0b00011011})
                       .End());
  EXPECT_EQ(Bytes(image.samples().begin(), image.samples().end()),
            (Bytes{0, 255, 85, 255, 170, 0, 255, 255}));
  // RGB.
  image = MustRead(PngBuilder()
                       .Header(2, 1, 8, 2)
                       .Chunk("tRNS", std::string_view("\0\1\0\2\0\3", 6))
                       .Pixels(Bytes{0, 1, 2, 3, 1, 2, 4})
                       .End());
  EXPECT_EQ(image.shape(), (PictureShape{2, 1, 4, 8}));
  EXPECT_EQ(Bytes(image.samples().begin(), image.samples().end()),
            (Bytes{1, 2, 3, 0, 1, 2, 4, 255}));
  // 16-bit grey: all 16 bits count.
  image = MustRead(PngBuilder()
                       .Header(2, 1, 16, 0)
                       .Chunk("tRNS", std::string_view("\1\2", 2))
                       .Pixels(Bytes{0, 1, 2, 1, 3})
                       .End());
  EXPECT_EQ(image.shape(), (PictureShape{2, 1, 2, 16}));
  EXPECT_EQ(image.row16(0)[1], 0);
  EXPECT_EQ(image.row16(0)[3], 65535);
  // Palette: an alpha for each of the first entries.
  image = MustRead(PngBuilder()
                       .Header(3, 1, 8, 3)
                       .Chunk("PLTE", std::string_view("\1\2\3\4\5\6\7\x8\x9", 9))
                       .Chunk("tRNS", std::string_view("\0\x80", 2))
                       .Pixels(Bytes{0, 0, 1, 2})
                       .End());
  EXPECT_EQ(Bytes(image.samples().begin(), image.samples().end()),
            (Bytes{1, 2, 3, 0, 4, 5, 6, 128, 7, 8, 9, 255}));
}

TEST(Kinds, JpegRoundsSixteenBitsWithAWarning) {
  Result<Image> image = Image::Create({16, 16, 1, 16});
  ASSERT_TRUE(image.ok());
  for (std::uint32_t y = 0; y < 16; ++y) {
    for (std::uint32_t x = 0; x < 16; ++x) image->row16(y)[x] = 0x8080;
  }
  Warnings warnings;
  const auto file = WriteImage(*image, ImageFormat::kJpeg, {}, &warnings);
  ASSERT_TRUE(file.ok()) << file.status().message();
  EXPECT_TRUE(Mentions(warnings, "8 bits per sample"));
  const Image read = MustRead(*file);
  EXPECT_EQ(read.shape(), (PictureShape{16, 16, 1, 8}));
  EXPECT_EQ(read.row(3)[3], 128);
}

TEST(Kinds, AlphaInJpegNeedsABackground) {
  for (const PictureShape shape : {PictureShape{16, 8, 4, 8}, PictureShape{16, 8, 2, 16}}) {
    Result<Image> image = Image::Create(shape);  // transparent black
    ASSERT_TRUE(image.ok());
    ImageWriteOptions options;
    const auto refused = WriteImage(*image, ImageFormat::kJpeg, options);
    EXPECT_EQ(refused.status().code(), StatusCode::kInvalidArgument);
    EXPECT_NE(refused.status().message().find("--background"), std::string::npos);
    options.background = {250, 250, 250};
    const auto file = WriteImage(*image, ImageFormat::kJpeg, options);
    ASSERT_TRUE(file.ok()) << file.status().message();
    const Image read = MustRead(*file);
    EXPECT_EQ(read.channels(), shape.is_grey() ? 1u : 3u);
    EXPECT_NEAR(read.row(4)[4], 250, 1);
  }
}

TEST(Pixels, FlattenMixesByAlpha) {
  // Red at alpha 0, 51 (a fifth) and 255, over a background of (10, 110, 210).
  const std::uint8_t row[] = {255, 0, 0, 0, 255, 0, 0, 51, 255, 0, 0, 255};
  std::uint8_t out[9] = {};
  imageio::FlattenRow({3, 1, 4, 8}, row, {10, 110, 210}, out);
  const std::uint8_t expected[] = {10, 110, 210, 59, 88, 168, 255, 0, 0};
  EXPECT_EQ(std::memcmp(out, expected, 9), 0);
  // 16 bit: the same numbers times 257 give the same.
  std::uint16_t wide[12];
  for (int i = 0; i < 12; ++i) wide[i] = static_cast<std::uint16_t>(row[i] * 257);
  std::uint8_t from_wide[9] = {};
  imageio::FlattenRow({3, 1, 4, 16}, reinterpret_cast<const std::uint8_t*>(wide), {10, 110, 210},
                      from_wide);
  EXPECT_EQ(std::memcmp(from_wide, expected, 9), 0);
  // Grey takes the luma of the background: 0.299 * 255.
  const std::uint8_t grey[] = {200, 0};
  imageio::FlattenRow({1, 1, 2, 8}, grey, {255, 0, 0}, out);
  EXPECT_EQ(out[0], 76);
}

TEST(Pixels, SixteenBitsAreRoundedToTheNearest) {
  for (std::uint32_t v = 0; v < 256; ++v) {
    EXPECT_EQ(imageio::To8Bit(static_cast<std::uint16_t>(v * 257)), v);
  }
  EXPECT_EQ(imageio::To8Bit(128), 0);
  EXPECT_EQ(imageio::To8Bit(129), 1);  // half of 257, rounded up
  EXPECT_EQ(imageio::To8Bit(65535 - 128), 255);
}

}  // namespace
}  // namespace halfmoon
