// PNG through the public functions of image_io.h. Expected pixels are derived here, by hand.
#include <gtest/gtest.h>
#include <png.h>

#include <cstring>

#include "codec/imageio/image_io.h"
#include "tests/imageio/test_pictures.h"

namespace halfmoon {
namespace {

using namespace testing;  // NOLINT(google-build-using-namespace): helpers of this folder

constexpr int kGrey = 0, kRgb = 2, kPalette = 3, kGreyAlpha = 4;

Image MustRead(const Bytes& file, Warnings* warnings = nullptr,
               const ImageReadOptions& options = {}) {
  Result<Image> image = ReadImage(file, options, warnings);
  if (image.ok()) return std::move(image).value();
  ADD_FAILURE() << image.status().message();
  return Image();
}

void ExpectRefused(const Bytes& file, StatusCode code, std::string_view word,
                   const ImageReadOptions& options = {}) {
  const Result<Image> image = ReadImage(file, options);
  ASSERT_FALSE(image.ok());
  EXPECT_EQ(StatusCodeName(image.status().code()), StatusCodeName(code))
      << image.status().message();
  EXPECT_NE(image.status().message().find(word), std::string::npos) << image.status().message();
}

struct Size {
  std::uint32_t width, height;
};
constexpr Size kSizes[] = {{1, 1}, {1, 4000}, {4000, 1}, {7, 5}, {33, 17}, {64, 64}, {127, 3}};

TEST(PngRoundTrip, KeepsEveryPixel) {
  for (const Size size : kSizes) {
    for (const std::uint32_t channels : {1u, 3u}) {
      for (const bool noise : {false, true}) {
        const Image image = noise ? Noise(size.width, size.height, channels)
                                  : Gradient(size.width, size.height, channels);
        const auto file = WriteImage(image, ImageFormat::kPng);
        ASSERT_TRUE(file.ok()) << file.status().message();
        Warnings warnings;
        EXPECT_TRUE(SamePixels(MustRead(*file, &warnings), image))
            << size.width << " x " << size.height << " x " << channels;
        EXPECT_TRUE(warnings.empty()) << warnings[0].text;
      }
    }
  }
}

TEST(PngRoundTrip, LevelsChangeOnlyTheSize) {
  const Image image = Gradient(200, 100, 3);
  std::size_t stored = 0, smallest = 0;
  for (int level = 0; level <= 9; ++level) {
    ImageWriteOptions options;
    options.png_level = level;
    const auto file = WriteImage(image, ImageFormat::kPng, options);
    ASSERT_TRUE(file.ok());
    EXPECT_TRUE(SamePixels(MustRead(*file), image)) << level;
    if (level == 0) stored = file->size();
    if (level == 9) smallest = file->size();
  }
  EXPECT_GT(stored, image.samples().size());
  EXPECT_LT(smallest, stored / 10);
}

TEST(PngWrite, IsReadEquallyByLibpng) {
  for (const std::uint32_t channels : {1u, 3u}) {
    const Image image = Noise(31, 9, channels);
    const auto file = WriteImage(image, ImageFormat::kPng);
    ASSERT_TRUE(file.ok());
    png_image png = {};
    png.version = PNG_IMAGE_VERSION;
    ASSERT_NE(png_image_begin_read_from_memory(&png, file->data(), file->size()), 0);
    png.format = channels == 1 ? PNG_FORMAT_GRAY : PNG_FORMAT_RGB;
    Bytes pixels(PNG_IMAGE_SIZE(png));
    ASSERT_NE(png_image_finish_read(&png, nullptr, pixels.data(), 0, nullptr), 0);
    ASSERT_EQ(pixels.size(), image.samples().size());
    EXPECT_EQ(std::memcmp(pixels.data(), image.samples().data(), pixels.size()), 0);
  }
}

TEST(PngWrite, HonoursTheStride) {
  const Image big = Noise(20, 10, 3);
  ImageView window = big.view();
  window.data = big.row(2) + 3 * 4;
  window.width = 5;
  window.height = 6;
  const auto file = WriteImage(window, ImageFormat::kPng);
  ASSERT_TRUE(file.ok()) << file.status().message();
  const Image read = MustRead(*file);
  ASSERT_EQ(read.width(), 5u);
  ASSERT_EQ(read.height(), 6u);
  for (std::uint32_t y = 0; y < 6; ++y) {
    EXPECT_EQ(std::memcmp(read.row(y), big.row(y + 2) + 12, 15), 0) << y;
  }
}

TEST(PngRead, PlainGreyAndRgb) {
  for (const std::uint32_t channels : {1u, 3u}) {
    const Image image = Noise(13, 11, channels);
    EXPECT_TRUE(SamePixels(MustRead(PlainPng(image)), image));
  }
}

TEST(PngRead, UndoesFilters) {
  // Sub (1), Up (2), Average (3) and Paeth (4), worked out by hand for 3 grey pixels.
  const Bytes scanlines = {1, 10, 5, 5,   //  10  15  20
                           2, 1,  1, 1,   //  11  16  21
                           3, 5,  5, 5,   //  5 + 11/2 = 10, 5 + (10+16)/2 = 18, 5 + 39/2 = 24
                           4, 1,  1, 1};  //  11, then 1 + Paeth(11, 18, 10) = 19, 25
  const Image image = MustRead(PngBuilder().Header(3, 4, 8, kGrey).Pixels(scanlines).End());
  const Bytes expected = {10, 15, 20, 11, 16, 21, 10, 18, 24, 11, 19, 25};
  EXPECT_EQ(Bytes(image.samples().begin(), image.samples().end()), expected);
}

TEST(PngRead, ExpandsLowBitGrey) {
  // 1 bit: 1 0 1 1 0; 2 bit: 0 1 2 3 1; 4 bit: 0 15 7 8 1.
  const auto read = [](int depth, Bytes scanline) {
    scanline.insert(scanline.begin(), 0);
    const Image image = MustRead(PngBuilder().Header(5, 1, depth, kGrey).Pixels(scanline).End());
    EXPECT_EQ(image.channels(), 1u);
    return Bytes(image.samples().begin(), image.samples().end());
  };
  EXPECT_EQ(read(1, {0b10110000}), (Bytes{255, 0, 255, 255, 0}));
  EXPECT_EQ(read(2, {0b00011011, 0b01000000}), (Bytes{0, 85, 170, 255, 85}));
  EXPECT_EQ(read(4, {0x0F, 0x78, 0x10}), (Bytes{0, 255, 119, 136, 17}));
}

TEST(PngRead, ExpandsPalettes) {
  const std::string_view palette = "\x01\x02\x03\x10\x20\x30\xFF\xFE\xFD\x00\x80\x40";
  const auto make = [&](int depth, const Bytes& scanline) {
    return PngBuilder()
        .Header(4, 1, depth, kPalette)
        .Chunk("PLTE", std::string_view(palette.data(), 9 + 3))
        .Pixels(scanline)
        .End();
  };
  const Bytes expected = {0xFF, 0xFE, 0xFD, 0x01, 0x02, 0x03, 0x10, 0x20, 0x30, 0xFF, 0xFE, 0xFD};
  for (const auto& [depth, scanline] : std::vector<std::pair<int, Bytes>>{
           {2, {0, 0b10000110}}, {4, {0, 0x20, 0x12}}, {8, {0, 2, 0, 1, 2}}}) {
    const Image image = MustRead(make(depth, scanline));
    EXPECT_EQ(image.channels(), 3u);
    EXPECT_EQ(Bytes(image.samples().begin(), image.samples().end()), expected) << depth;
  }
}

// Adam7, as the standard's table has it.
TEST(PngRead, Interlaced) {
  constexpr int kStartX[] = {0, 4, 0, 2, 0, 1, 0}, kStartY[] = {0, 0, 4, 0, 2, 0, 1};
  constexpr int kStepX[] = {8, 8, 4, 4, 2, 2, 1}, kStepY[] = {8, 8, 8, 4, 4, 2, 2};
  for (const Size size : {Size{1, 1}, Size{3, 5}, Size{8, 8}, Size{13, 9}}) {
    for (const std::uint32_t channels : {1u, 3u}) {
      const Image image = Noise(size.width, size.height, channels);
      Bytes scanlines;
      for (int pass = 0; pass < 7; ++pass) {
        for (std::uint32_t y = kStartY[pass]; y < size.height; y += kStepY[pass]) {
          if (static_cast<std::uint32_t>(kStartX[pass]) >= size.width) continue;
          scanlines.push_back(0);
          for (std::uint32_t x = kStartX[pass]; x < size.width; x += kStepX[pass]) {
            const std::uint8_t* pixel = image.row(y) + x * channels;
            scanlines.insert(scanlines.end(), pixel, pixel + channels);
          }
        }
      }
      const Bytes file = PngBuilder()
                             .Header(size.width, size.height, 8, channels == 1 ? kGrey : kRgb, 1)
                             .Pixels(scanlines)
                             .End();
      EXPECT_TRUE(SamePixels(MustRead(file), image)) << size.width << " x " << size.height;
    }
  }
}

TEST(PngRead, PixelsMaySpanManyChunks) {
  const Image image = Noise(9, 9, 3);
  PngBuilder builder;
  builder.Header(9, 9, 8, kRgb);
  for (const std::uint8_t byte : FirstPackedPixels(PlainPng(image))) {
    builder.Chunk("IDAT", Bytes{byte});
  }
  EXPECT_TRUE(SamePixels(MustRead(builder.End()), image));
}

TEST(PngRead, RefusesByName) {
  const Bytes apple = PngBuilder().Chunk("CgBI", "\x50\x20\x20\x06").Header(1, 1, 8, 2).End();
  ExpectRefused(apple, StatusCode::kUnsupportedFeature, "CgBI");
}

TEST(PngRead, EnforcesLimits) {
  ImageReadOptions options;
  options.max_pixels = 99;
  ExpectRefused(PlainPng(Noise(10, 10, 1)), StatusCode::kLimitExceeded, "limit", options);
  options.max_pixels = 100;
  EXPECT_TRUE(ReadImage(PlainPng(Noise(10, 10, 1)), options).ok());
  ExpectRefused(PngBuilder().Header(65536, 1, 8, kGrey).Pixels(Bytes(65537)).End(),
                StatusCode::kLimitExceeded, "65535");
  ExpectRefused(PngBuilder().Header(0x7FFFFFFF, 0x7FFFFFFF, 8, kRgb).Pixels(Bytes(4)).End(),
                StatusCode::kLimitExceeded, "65535");
}

TEST(PngRead, RefusesAHugePictureWithoutData) {
  // 2^28 pixels are within the limit, 20 bytes of data are not enough for them.
  ExpectRefused(PngBuilder().Header(16384, 16384, 8, kRgb).Pixels(Bytes(100)).End(),
                StatusCode::kTruncated, "cannot hold");
}

TEST(PngRead, ChecksChecksums) {
  const Bytes good = PlainPng(Noise(6, 6, 3));
  Bytes bad = good;
  bad[8 + 25 + 8 + 20] ^= 1;  // in the pixels: Adler-32 and CRC, whichever is checked first
  ExpectRefused(bad, StatusCode::kCorrupt, "IDAT");
  bad = good;
  bad[bad.size() - 13] ^= 1;  // CRC of IDAT, before the 12 bytes of IEND
  ExpectRefused(bad, StatusCode::kCorrupt, "IDAT: CRC error");
  bad = good;
  bad[29] ^= 1;  // CRC of IHDR
  ExpectRefused(bad, StatusCode::kCorrupt, "CRC");
  // What is transparent belongs to the pixels.
  bad = WithChunk(good, "tRNS", std::string_view("\0\1\0\2\0\3", 6));
  EXPECT_TRUE(MustRead(bad).has_alpha());
  bad[8 + 25 + 8] ^= 1;
  ExpectRefused(bad, StatusCode::kCorrupt, "tRNS: CRC error");
  // Right CRC, wrong Adler-32 of the unpacked pixels (the last four bytes of IDAT).
  Bytes body = FirstPackedPixels(good);
  body.back() ^= 1;
  bad = PngBuilder().Header(6, 6, 8, kRgb).Chunk("IDAT", body).End();
  ExpectRefused(bad, StatusCode::kCorrupt, "IDAT");
}

TEST(PngRead, RefusesIllegalHeaders) {
  const auto with = [](std::uint32_t w, std::uint32_t h, int depth, int type, int interlace) {
    return PngBuilder().Header(w, h, depth, type, interlace).Pixels(Bytes(100)).End();
  };
  ExpectRefused(with(0, 4, 8, kGrey, 0), StatusCode::kCorrupt, "width is zero");
  ExpectRefused(with(4, 0, 8, kGrey, 0), StatusCode::kCorrupt, "height is zero");
  ExpectRefused(with(4, 4, 3, kGrey, 0), StatusCode::kCorrupt, "bit depth");
  ExpectRefused(with(4, 4, 4, kRgb, 0), StatusCode::kCorrupt, "color type/bit depth");
  ExpectRefused(with(4, 4, 8, 5, 0), StatusCode::kCorrupt, "color type");
  ExpectRefused(with(4, 4, 8, kGrey, 2), StatusCode::kCorrupt, "interlace");
  ExpectRefused(with(4, 4, 8, kPalette, 0), StatusCode::kCorrupt, "PLTE");
  ExpectRefused(PngBuilder().Header(4, 4, 8, kGrey).End(), StatusCode::kCorrupt, "");
  // Too few rows in the pixel data.
  ExpectRefused(PngBuilder().Header(4, 100, 8, kGrey).Pixels(Bytes(50)).End(), StatusCode::kCorrupt,
                "Not enough image data");
  // A filter type that does not exist.
  ExpectRefused(PngBuilder().Header(1, 1, 8, kGrey).Pixels(Bytes{5, 0}).End(), StatusCode::kCorrupt,
                "filter");
  // A file that went through a transfer in text mode (CR LF became LF).
  Bytes text = PlainPng(Noise(2, 2, 1));
  text.erase(text.begin() + 4);
  ExpectRefused(text, StatusCode::kCorrupt, "text mode");
}

TEST(PngRead, LenientTakesWhatThereIs) {
  const Image image = Noise(8, 40, 3);
  Bytes file = PlainPng(image);
  ImageReadOptions lenient;
  lenient.lenient = true;
  Warnings warnings;
  Bytes bad = file;
  bad[29] ^= 1;
  ExpectRefused(bad, StatusCode::kCorrupt, "CRC");
  EXPECT_TRUE(SamePixels(MustRead(bad, &warnings, lenient), image));
  EXPECT_TRUE(Mentions(warnings, "CRC"));
  // Cut in the middle: the upper rows are right, the rest is black.
  file.resize(file.size() / 2);
  ExpectRefused(file, StatusCode::kTruncated, "ends early");
  warnings.clear();
  const Image half = MustRead(file, &warnings, lenient);
  ASSERT_EQ(half.height(), 40u);
  EXPECT_EQ(std::memcmp(half.row(5), image.row(5), image.stride()), 0);
  EXPECT_EQ(Bytes(half.row(39), half.row(39) + half.stride()), Bytes(24, 0));
  EXPECT_TRUE(Mentions(warnings, "ends early"));
}

TEST(PngMetadata, IccProfilesMakeTheRoundTrip) {
  for (const std::uint32_t channels : {1u, 3u}) {
    Image image = Noise(5, 5, channels);
    image.set_icc(TinyIcc(channels == 1 ? "GRAY" : "RGB "));
    Warnings warnings;
    const auto file = WriteImage(image, ImageFormat::kPng, {}, &warnings);
    ASSERT_TRUE(file.ok());
    EXPECT_TRUE(warnings.empty()) << warnings[0].text;
    const Image read = MustRead(*file, &warnings);
    EXPECT_EQ(read.icc(), image.icc());
    EXPECT_TRUE(SamePixels(read, image));
    EXPECT_TRUE(warnings.empty()) << warnings[0].text;
    EXPECT_EQ(Text(*file).find("sRGB"), std::string::npos);
  }
}

TEST(PngMetadata, WithoutProfileThereIsAnSrgbChunk) {
  const auto file = WriteImage(Noise(5, 5, 3), ImageFormat::kPng);
  ASSERT_TRUE(file.ok());
  EXPECT_NE(Text(*file).find("sRGB"), std::string::npos);
  EXPECT_EQ(Text(*file).find("iCCP"), std::string::npos);
  EXPECT_TRUE(MustRead(*file).icc().empty());
}

TEST(PngMetadata, ProfilesThatDoNotFitAreLeftOutWithAWarning) {
  Image image = Noise(5, 5, 1);
  Bytes longer_than_it_says = TinyIcc("GRAY");
  longer_than_it_says.resize(longer_than_it_says.size() + 4);
  for (const Bytes& icc : {TinyIcc("RGB "), Bytes{1, 2, 3}, longer_than_it_says}) {
    image.set_icc(icc);
    Warnings warnings;
    const auto file = WriteImage(image, ImageFormat::kPng, {}, &warnings);
    ASSERT_TRUE(file.ok()) << file.status().message();
    EXPECT_FALSE(warnings.empty());
    const Image read = MustRead(*file);
    EXPECT_TRUE(SamePixels(read, image));
    EXPECT_TRUE(read.icc().empty());
  }
}

Warnings WarningsOf(const Bytes& file) {
  Warnings warnings;
  MustRead(file, &warnings);
  return warnings;
}

TEST(PngMetadata, DroppedMetadataIsWarnedOf) {
  const Bytes plain = PlainPng(Noise(4, 4, 3));
  EXPECT_EQ(WarningsOf(WithChunk(plain, "eXIf", TiffWithOrientation(1, true))), Warnings{});
  EXPECT_EQ(WarningsOf(WithChunk(plain, "tEXt", std::string_view("Title\0moon", 10))),
            (Warnings{{warning_code::kText, "text metadata is not kept"}}));
  EXPECT_EQ(WarningsOf(WithChunk(plain, "zTXt", "Raw profile type exif")),
            (Warnings{{warning_code::kExif, "EXIF metadata in PNG text is not kept"}}));
}

TEST(PngMetadata, AnimationsGiveTheirFirstFrame) {
  const Image image = Noise(4, 4, 3);
  const std::string_view control("\0\0\0\2\0\0\0\0", 8);
  const Bytes hidden = WithChunk(PlainPng(image), "acTL", control);
  Warnings warnings;
  EXPECT_TRUE(SamePixels(MustRead(hidden, &warnings), image));
  EXPECT_EQ(warnings,
            (Warnings{{warning_code::kAnimation,
                       "animated PNG: only the still picture is read, which is no part of the "
                       "animation"}}));
  warnings.clear();
  const Bytes frame = WithChunk(hidden, "fcTL", Bytes(26, 0));
  EXPECT_TRUE(SamePixels(MustRead(frame, &warnings), image));
  EXPECT_EQ(warnings,
            (Warnings{{warning_code::kAnimation, "animated PNG: only the first frame is read"}}));
}

TEST(PngMetadata, OrientationIsApplied) {
  const Image image = Noise(4, 2, 3);
  const Bytes file = WithChunk(PlainPng(image), "eXIf", TiffWithOrientation(6, false));
  const Image read = MustRead(file);
  ASSERT_EQ(read.width(), 2u);
  ASSERT_EQ(read.height(), 4u);
  EXPECT_EQ(std::memcmp(read.row(0), image.row(1), 3), 0);  // turned clockwise
  EXPECT_EQ(read.metadata().exif, TiffWithOrientation(1, false));
  ImageReadOptions as_stored;
  as_stored.apply_orientation = false;
  const Image stored = MustRead(file, nullptr, as_stored);
  EXPECT_TRUE(SamePixels(stored, image));
  EXPECT_EQ(stored.metadata().exif, TiffWithOrientation(6, false));
}

TEST(PngInfo, DescribesWithoutDecoding) {
  const auto info = [](const Bytes& file) {
    const Result<ImageInfo> read = ReadImageInfo(file);
    EXPECT_TRUE(read.ok()) << read.status().message();
    return read.ok() ? *read : ImageInfo();
  };
  ImageInfo found = info(PlainPng(Noise(7, 3, 3)));
  EXPECT_EQ(found.format, ImageFormat::kPng);
  EXPECT_EQ(found.width, 7u);
  EXPECT_EQ(found.height, 3u);
  EXPECT_EQ(found.channels, 3u);
  EXPECT_EQ(found.bit_depth, 8u);
  EXPECT_FALSE(found.has_alpha || found.has_icc);
  found = info(BlackPng(7, 3, 16, kGreyAlpha));
  EXPECT_EQ(found.channels, 2u);
  EXPECT_EQ(found.bit_depth, 16u);
  EXPECT_TRUE(found.has_alpha);
  EXPECT_EQ(info(BlackPng(7, 3, 1, kGrey)).bit_depth, 8u);
  EXPECT_EQ(info(BlackPng(7, 3, 4, kPalette)).channels, 3u);
  // Sizes above every limit, and a file that stops where the pixels begin.
  Bytes huge = PngBuilder().Header(1u << 30, 1u << 30, 8, kRgb).Pixels(Bytes(4)).End();
  EXPECT_EQ(info(huge).width, 1u << 30);
  Bytes cut = PlainPng(Noise(7, 3, 3));
  cut.resize(8 + 25 + 8);
  EXPECT_EQ(info(cut).height, 3u);
  cut.resize(8 + 20);
  EXPECT_EQ(ReadImageInfo(cut).status().code(), StatusCode::kTruncated);
  found = info(WithChunk(PlainPng(Noise(7, 3, 3)), "eXIf", TiffWithOrientation(8, true)));
  EXPECT_EQ(found.orientation, 8);
  EXPECT_EQ(found.width, 3u);
}

}  // namespace
}  // namespace halfmoon
