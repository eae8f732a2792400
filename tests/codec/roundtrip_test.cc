#include <gtest/gtest.h>

#include "codec/metrics/metrics.h"
#include "tests/codec/test_pictures.h"

namespace halfmoon {
namespace {

using namespace halfmoon::testing;  // NOLINT: helpers of this folder

TEST(RoundTripTest, AnySizeComesBackAsItWas) {
  auto encoder = Encoder::Create(TinyEncode());
  ASSERT_TRUE(encoder.ok()) << encoder.status().message();
  auto decoder = Decoder::Create(TinyDecode());
  ASSERT_TRUE(decoder.ok()) << decoder.status().message();
  const std::pair<std::uint32_t, std::uint32_t> sizes[] = {{1, 1},   {1, 4000}, {63, 65}, {64, 64},
                                                           {513, 1}, {7, 3},    {130, 64}};
  for (const auto& [w, h] : sizes) {
    for (const std::uint32_t channels : {1u, 3u}) {
      for (const Kind kind : {Kind::kFlat, Kind::kGradient, Kind::kNoise}) {
        SCOPED_TRACE(std::to_string(w) + "x" + std::to_string(h) + "x" + std::to_string(channels) +
                     " kind " + std::to_string(static_cast<int>(kind)));
        const Image image = MakePicture(w, h, channels, kind);
        const auto file = encoder->Encode(image.view());
        ASSERT_TRUE(file.ok()) << file.status().message();
        const auto info = ReadInfo(*file);
        ASSERT_TRUE(info.ok());
        EXPECT_EQ(info->width, w);
        EXPECT_EQ(info->height, h);
        EXPECT_EQ(info->channels, static_cast<int>(channels));
        const auto back = decoder->Decode(*file);
        ASSERT_TRUE(back.ok()) << back.status().message();
        EXPECT_EQ(back->width(), w);
        EXPECT_EQ(back->height(), h);
        EXPECT_EQ(back->channels(), channels);
        if (kind == Kind::kFlat) {
          // Even the tiny model keeps a plain surface plain, and its padding invisible.
          EXPECT_GT(*metrics::Psnr(image.view(), back->view()), 20);
        }
      }
    }
  }
}

TEST(RoundTripTest, QualityBuysFidelity) {
  auto encoder = Encoder::Create(TinyEncode());
  auto decoder = Decoder::Create(TinyDecode());
  ASSERT_TRUE(encoder.ok() && decoder.ok());
  const Image image = MakePicture(192, 128, 3, Kind::kScene);
  std::size_t last_size = 0;
  double last_psnr = 0;
  for (const double quality : {5.0, 45.0, 95.0}) {
    const auto file = encoder->Encode(image.view(), quality);
    ASSERT_TRUE(file.ok());
    const double psnr = *metrics::Psnr(image.view(), decoder->Decode(*file)->view());
    EXPECT_GT(file->size(), last_size);
    EXPECT_GT(psnr, last_psnr);
    last_size = file->size();
    last_psnr = psnr;
  }
  EXPECT_GT(last_psnr, 28);
}

TEST(RoundTripTest, ExifAndXmpTravelByteForByte) {
  auto encoder = Encoder::Create(TinyEncode());
  auto decoder = Decoder::Create(TinyDecode());
  ASSERT_TRUE(encoder.ok() && decoder.ok());
  Image image = MakePicture(40, 30, 3, Kind::kScene);
  Metadata metadata;
  metadata.exif = {'M', 'M', 0, 42, 0, 0, 0, 8, 0, 0};
  metadata.xmp = {'<', 'x', '/', '>', 0, 255};
  image.set_metadata(metadata);
  const auto file = encoder->Encode(image.view());
  ASSERT_TRUE(file.ok()) << file.status().message();
  const auto back = decoder->Decode(*file);
  ASSERT_TRUE(back.ok()) << back.status().message();
  EXPECT_EQ(back->metadata().exif, metadata.exif);
  EXPECT_EQ(back->metadata().xmp, metadata.xmp);
  EXPECT_TRUE(decoder->Verify(*file).ok());
}

TEST(RoundTripTest, PixelDensityTravels) {
  auto encoder = Encoder::Create(TinyEncode());
  auto decoder = Decoder::Create(TinyDecode());
  ASSERT_TRUE(encoder.ok() && decoder.ok());
  Image image = MakePicture(40, 30, 3, Kind::kScene);
  const auto plain = encoder->Encode(image.view());
  ASSERT_TRUE(plain.ok());
  EXPECT_EQ(ReadInfo(*plain)->format_minor, 3);  // as before there were densities
  for (const PixelDensity& density : {PixelDensity{11811, 5906, PixelDensity::Unit::kMetre},
                                      PixelDensity{300, 300, PixelDensity::Unit::kInch},
                                      PixelDensity{2, 1, PixelDensity::Unit::kNone}}) {
    Metadata metadata;
    metadata.density = density;
    image.set_metadata(metadata);
    const auto file = encoder->Encode(image.view());
    ASSERT_TRUE(file.ok()) << file.status().message();
    EXPECT_EQ(file->size(), plain->size() + 4 + 1 + 9 + 4);
    const auto info = ReadInfo(*file);
    EXPECT_EQ(info->format_minor, 4);
    EXPECT_EQ(info->density, density);
    EXPECT_EQ(decoder->Decode(*file)->metadata().density, density);
    EXPECT_EQ(decoder->DecodeRegion(*file, {3, 4, 5, 6})->metadata().density, density);
    DecodeOptions without = TinyDecode();
    without.strip_metadata = true;
    EXPECT_EQ(Decoder::Create(without)->Decode(*file)->metadata().density, std::nullopt);
    EncodeOptions strip = TinyEncode();
    strip.strip_metadata = true;
    EXPECT_EQ(*Encoder::Create(strip)->Encode(image.view()), *plain);
  }
  Metadata illegal;
  illegal.density = PixelDensity{0, 1, PixelDensity::Unit::kInch};
  image.set_metadata(illegal);
  EXPECT_EQ(encoder->Encode(image.view()).status().code(), StatusCode::kInvalidArgument);
}

TEST(RoundTripTest, StridesAndIccTravel) {
  auto encoder = Encoder::Create(TinyEncode());
  auto decoder = Decoder::Create(TinyDecode());
  ASSERT_TRUE(encoder.ok() && decoder.ok());
  Image image = MakePicture(70, 40, 3, Kind::kScene);
  const auto plain = encoder->Encode(image.view());
  std::vector<std::uint8_t> padded(40 * 256, 99);
  for (std::uint32_t y = 0; y < 40; ++y) std::copy_n(image.row(y), 210, padded.data() + y * 256);
  ImageView view = image.view();
  view.data = padded.data();
  view.stride = 256;
  EXPECT_EQ(*encoder->Encode(view), *plain);

  std::vector<std::uint8_t> icc(3000);
  for (std::size_t i = 0; i < icc.size(); ++i) icc[i] = static_cast<std::uint8_t>(i / 7);
  image.set_icc(icc);
  const auto file = encoder->Encode(image.view());
  ASSERT_TRUE(file.ok()) << file.status().message();
  EXPECT_TRUE(ReadInfo(*file)->has_icc);
  EXPECT_EQ(decoder->Decode(*file)->icc(), icc);
}

TEST(RoundTripTest, OverheadIsSmall) {
  auto encoder = Encoder::Create(TinyEncode());
  ASSERT_TRUE(encoder.ok());
  EncodeStats stats;
  const Image image = MakePicture(64, 64, 3, Kind::kScene);
  const auto file = encoder->Encode(image.view(), &stats);
  ASSERT_TRUE(file.ok());
  EXPECT_LE(file->size() - stats.latent_bytes, 64u);
}

TEST(RoundTripTest, TheEstimateIsThePayload) {
  auto encoder = Encoder::Create(TinyEncode(80));
  ASSERT_TRUE(encoder.ok());
  EncodeStats stats;
  const Image image = MakePicture(512, 384, 3, Kind::kNoise);
  ASSERT_TRUE(encoder->Encode(image.view(), &stats).ok());
  const double real = 8.0 * static_cast<double>(stats.latent_bytes);
  EXPECT_NEAR(real / stats.coding.estimated_bits, 1, 0.01);
}

TEST(OptionsTest, RangesAreChecked) {
  for (const double q : {-0.1, 100.1}) {
    const auto e = Encoder::Create(TinyEncode(q));
    ASSERT_FALSE(e.ok());
    EXPECT_EQ(e.status().code(), StatusCode::kInvalidArgument);
    EXPECT_NE(e.status().message().find("0 to 100"), std::string::npos);
  }
  EXPECT_FALSE(Encoder::Create(TinyEncode(50, 257)).ok());
  EXPECT_FALSE(Decoder::Create(TinyDecode(-1)).ok());
  EncodeOptions o = TinyEncode();
  o.model = "no-such-model";
  EXPECT_EQ(Encoder::Create(o).status().code(), StatusCode::kModelMissing);
  o.models_dir = "/nonexistent";
  EXPECT_EQ(Encoder::Create(o).status().code(), StatusCode::kModelMissing);
  auto encoder = Encoder::Create(TinyEncode());
  ASSERT_TRUE(encoder.ok());
  EXPECT_EQ(encoder->Encode(ImageView{}).status().code(), StatusCode::kInvalidArgument);
}

}  // namespace
}  // namespace halfmoon
