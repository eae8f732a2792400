// Every kind of picture comes back as the kind it was: grey, alpha, 16 bit, in any combination.
#include <gtest/gtest.h>

#include "tests/codec/test_pictures.h"

namespace halfmoon {
namespace {

using namespace halfmoon::testing;  // NOLINT: helpers of this folder

std::vector<PictureShape> AllKinds(std::uint32_t width, std::uint32_t height) {
  std::vector<PictureShape> kinds;
  for (const std::uint32_t channels : {1u, 2u, 3u, 4u}) {
    for (const std::uint32_t depth : {8u, 16u}) kinds.push_back({width, height, channels, depth});
  }
  return kinds;
}

class KindsTest : public ::testing::Test {
 protected:
  static Encoder Make(EncodeOptions options) {
    auto made = Encoder::Create(options);
    EXPECT_TRUE(made.ok()) << made.status().message();
    return std::move(*made);
  }
  static Image Decode(const std::vector<std::uint8_t>& file, DecodeOptions options = TinyDecode()) {
    auto decoder = Decoder::Create(options);
    EXPECT_TRUE(decoder.ok());
    auto image = decoder->Decode(file);
    EXPECT_TRUE(image.ok()) << image.status().message();
    return image.ok() ? std::move(*image) : Image();
  }
};

TEST_F(KindsTest, ShapeAndAlphaComeBack) {
  for (const int tile_size : {0, 64}) {
    EncodeOptions options = TinyEncode(80);
    options.tile_size = tile_size;
    Encoder encoder = Make(options);
    for (const PictureShape& shape : AllKinds(130, 75)) {
      SCOPED_TRACE(std::to_string(shape.channels) + " channels, " +
                   std::to_string(shape.bit_depth) + " bit, tiles " + std::to_string(tile_size));
      const Image image = MakeKind(shape);
      EncodeStats stats;
      const auto file = encoder.Encode(image.view(), &stats);
      ASSERT_TRUE(file.ok()) << file.status().message();
      EXPECT_EQ(stats.tiles, tile_size == 0 ? 1u : 6u);
      const auto info = ReadInfo(*file);
      ASSERT_TRUE(info.ok());
      EXPECT_EQ(info->bit_depth, static_cast<int>(shape.bit_depth));
      EXPECT_EQ(info->channels, static_cast<int>(shape.channels));
      const Image back = Decode(*file);
      ASSERT_EQ(back.shape(), shape);
      double colour_error = 0;
      const std::uint32_t colours = shape.is_grey() ? 1 : 3;
      std::size_t seen = 0;
      for (std::uint32_t y = 0; y < shape.height; ++y) {
        for (std::uint32_t x = 0; x < shape.width; ++x) {
          const bool alpha = shape.has_alpha();
          if (alpha) {
            ASSERT_EQ(SampleOf(image, x, y, colours), SampleOf(back, x, y, colours));
          }
          if (alpha && SampleOf(image, x, y, colours) == 0) continue;
          for (std::uint32_t c = 0; c < colours; ++c) {
            const double d = SampleOf(image, x, y, c) - SampleOf(back, x, y, c);
            colour_error += d * d;
            ++seen;
          }
        }
      }
      EXPECT_LT(colour_error / static_cast<double>(seen), 0.002);
    }
  }
}

TEST_F(KindsTest, GreyCostsWhatAGreyPictureInColourCosts) {
  Encoder encoder = Make(TinyEncode(60));
  const Image grey = MakeKind({200, 120, 1, 8});
  Image same = *Image::Create(200, 120, 3);
  for (std::uint32_t y = 0; y < 120; ++y) {
    for (std::uint32_t x = 0; x < 600; ++x) same.row(y)[x] = grey.row(y)[x / 3];
  }
  EncodeStats a, b;
  ASSERT_TRUE(encoder.Encode(grey.view(), &a).ok());
  ASSERT_TRUE(encoder.Encode(same.view(), &b).ok());
  EXPECT_EQ(a.latent_bytes, b.latent_bytes);
}

TEST_F(KindsTest, SixteenBitIsFinerThanEight) {
  // A slow ramp: with 8 bit it would come back in steps of 1/255.
  Image image = *Image::Create(PictureShape{256, 64, 1, 16});
  for (std::uint32_t y = 0; y < 64; ++y) {
    for (std::uint32_t x = 0; x < 256; ++x)
      image.row16(y)[x] = static_cast<std::uint16_t>(30000 + 4 * x);
  }
  Encoder encoder = Make(TinyEncode(95));
  const Image back = Decode(*encoder.Encode(image.view()));
  std::size_t off_grid = 0;
  for (std::uint32_t x = 0; x < 256; ++x) off_grid += back.row16(30)[x] % 257 != 0;
  EXPECT_GT(off_grid, 200u);
}

TEST_F(KindsTest, HiddenColourIsSmoothedUnlessExact) {
  // Noise under alpha 0, a plain surface elsewhere.
  Image image = *Image::Create(PictureShape{128, 128, 4, 8});
  std::uint32_t random = 7;
  for (std::uint32_t y = 0; y < 128; ++y) {
    for (std::uint32_t x = 0; x < 128; ++x) {
      std::uint8_t* pixel = image.row(y) + 4 * x;
      const bool hidden = x > 40 && x < 110 && y > 20 && y < 100;
      for (int c = 0; c < 3; ++c) {
        random = random * 1664525u + 1013904223u;
        pixel[c] = hidden ? static_cast<std::uint8_t>(random >> 24) : 140;
      }
      pixel[3] = hidden ? 0 : 255;
    }
  }
  EncodeStats smooth, exact;
  EncodeOptions options = TinyEncode(80);
  ASSERT_TRUE(Make(options).Encode(image.view(), &smooth).ok());
  options.exact_transparent = true;
  ASSERT_TRUE(Make(options).Encode(image.view(), &exact).ok());
  EXPECT_LT(smooth.latent_bytes * 4, exact.latent_bytes);
  EXPECT_EQ(smooth.alpha_bytes, exact.alpha_bytes);
}

TEST_F(KindsTest, MetadataIsLeftOutWhenAsked) {
  Image image = MakeKind({40, 30, 3, 8});
  Metadata metadata;
  metadata.icc = std::vector<std::uint8_t>(500, 1);
  metadata.exif = {'M', 'M', 0, 42, 0, 0, 0, 8, 0, 0};
  metadata.xmp = {'<', 'x', '/', '>'};
  image.set_metadata(metadata);
  EncodeOptions options = TinyEncode();
  const auto with = Make(options).Encode(image.view());
  options.strip_metadata = true;
  const auto without = Make(options).Encode(image.view());
  ASSERT_TRUE(with.ok() && without.ok());
  EXPECT_FALSE(ReadInfo(*without)->has_icc);
  EXPECT_EQ(ReadInfo(*without)->chunks.size(), 1u);
  EXPECT_EQ(Decode(*with).metadata().xmp, metadata.xmp);
  DecodeOptions strip = TinyDecode();
  strip.strip_metadata = true;
  const Image back = Decode(*with, strip);
  EXPECT_TRUE(back.icc().empty() && back.metadata().exif.empty() && back.metadata().xmp.empty());
}

}  // namespace
}  // namespace halfmoon
