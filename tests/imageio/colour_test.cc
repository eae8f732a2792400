// What a file says of its colours: gAMA and cHRM as a profile, CMYK as sRGB. Profiles are judged by
// lcms2, called directly.
#include <gtest/gtest.h>
#include <lcms2.h>

#include <cmath>

#include "codec/imageio/icc.h"
#include "codec/imageio/image_io.h"
#include "tests/imageio/test_pictures.h"

namespace halfmoon {
namespace {

using namespace testing;  // NOLINT(google-build-using-namespace): helpers of this folder
using Source = FileColour::Source;

Image MustRead(const Bytes& file, Warnings* warnings = nullptr) {
  Result<Image> image = ReadImage(file, {}, warnings);
  if (image.ok()) return std::move(image).value();
  ADD_FAILURE() << image.status().message();
  return Image();
}

Bytes Primaries(std::uint32_t red_x) {
  Bytes body;
  for (const std::uint32_t value : {31270u, 32900u, red_x, 33000u, 30000u, 60000u, 15000u, 6000u}) {
    const Bytes four = BigEndian32(value);
    body.insert(body.end(), four.begin(), four.end());
  }
  return body;
}

// One pixel through a profile to 8-bit sRGB.
std::vector<int> ToSrgb(const Bytes& icc, std::vector<std::uint8_t> pixel) {
  cmsHPROFILE from = cmsOpenProfileFromMem(icc.data(), static_cast<cmsUInt32Number>(icc.size()));
  cmsHPROFILE srgb = cmsCreate_sRGBProfile();
  const bool grey = pixel.size() == 1;
  cmsHTRANSFORM transform = from == nullptr
                                ? nullptr
                                : cmsCreateTransform(from, grey ? TYPE_GRAY_8 : TYPE_RGB_8, srgb,
                                                     TYPE_RGB_8, INTENT_RELATIVE_COLORIMETRIC, 0);
  EXPECT_NE(transform, nullptr);
  std::uint8_t out[3] = {};
  if (transform != nullptr) cmsDoTransform(transform, pixel.data(), out, 1);
  if (transform != nullptr) cmsDeleteTransform(transform);
  if (from != nullptr) cmsCloseProfile(from);
  cmsCloseProfile(srgb);
  return {out[0], out[1], out[2]};
}

// sRGB's own curve, as IEC 61966-2-1 gives it.
double SrgbOfLight(double light) {
  return 255 * (light <= 0.0031308 ? 12.92 * light : 1.055 * std::pow(light, 1 / 2.4) - 0.055);
}

TEST(Colour, SrgbNeedsNoProfile) {
  const Bytes plain = PlainPng(Noise(4, 4, 3));
  EXPECT_EQ(MustRead(plain).metadata().colour.source, Source::kUnstated);
  const Bytes said = WithChunk(plain, "sRGB", std::string_view("\0", 1));
  EXPECT_EQ(MustRead(said).metadata().colour.source, Source::kSrgb);
  for (const Bytes& file : {plain, said, WithChunk(plain, "gAMA", BigEndian32(45455)),
                            WithChunk(plain, "cHRM", Primaries(64000))}) {
    Warnings warnings;
    EXPECT_TRUE(MustRead(file, &warnings).icc().empty());
    EXPECT_TRUE(warnings.empty());
  }
  // An sRGB chunk overrules gAMA.
  EXPECT_TRUE(MustRead(WithChunk(WithChunk(plain, "gAMA", BigEndian32(100000)), "sRGB",
                                 std::string_view("\0", 1)))
                  .icc()
                  .empty());
}

TEST(Colour, GammaBecomesAProfile) {
  for (const std::uint32_t channels : {1u, 3u}) {
    const Image image = Noise(4, 4, channels);
    Warnings warnings;
    const Image read = MustRead(WithChunk(PlainPng(image), "gAMA", BigEndian32(100000)), &warnings);
    ASSERT_EQ(warnings.size(), 1u);
    EXPECT_TRUE(Mentions(warnings, "linear light"));
    EXPECT_TRUE(SamePixels(read, image));  // pixels stay as they are
    EXPECT_EQ(read.metadata().colour.source, Source::kGammaChroma);
    EXPECT_EQ(read.metadata().colour.gamma, 100000u);
    ASSERT_TRUE(imageio::IccFits(read.icc(), channels));
    for (const int light : {10, 64, 128, 250}) {
      const auto seen =
          ToSrgb(read.icc(), std::vector<std::uint8_t>(channels, static_cast<std::uint8_t>(light)));
      for (const int sample : seen) EXPECT_NEAR(sample, SrgbOfLight(light / 255.0), 1.5) << light;
    }
    // And it is written along.
    const auto file = WriteImage(read, ImageFormat::kPng);
    ASSERT_TRUE(file.ok());
    EXPECT_EQ(MustRead(*file).icc(), read.icc());
  }
}

TEST(Colour, PrimariesBecomeAProfile) {
  // Display P3 has its red at 0.680 0.320, its green at 0.265 0.690; the white is sRGB's.
  Bytes body;
  for (const std::uint32_t value :
       {31270u, 32900u, 68000u, 32000u, 26500u, 69000u, 15000u, 6000u}) {
    const Bytes four = BigEndian32(value);
    body.insert(body.end(), four.begin(), four.end());
  }
  const Image read = MustRead(WithChunk(PlainPng(Noise(4, 4, 3)), "cHRM", body));
  EXPECT_EQ(read.metadata().colour.source, Source::kGammaChroma);
  ASSERT_TRUE(imageio::IccFits(read.icc(), 3));
  const auto grey = ToSrgb(read.icc(), {128, 128, 128});
  for (const int sample : grey) EXPECT_NEAR(sample, 128, 1.5);
  // P3's (200, 100, 100) is about (216, 95, 98) in sRGB.
  const auto red = ToSrgb(read.icc(), {200, 100, 100});
  EXPECT_NEAR(red[0], 216, 2);
  EXPECT_NEAR(red[1], 95, 3);
  EXPECT_NEAR(red[2], 98, 3);
}

TEST(Colour, ProfilesAreTheSameEveryTime) {
  FileColour colour;
  colour.gamma = 70000;
  const Bytes first = imageio::ProfileFromGammaChroma(colour, false);
  EXPECT_FALSE(first.empty());
  EXPECT_EQ(first, imageio::ProfileFromGammaChroma(colour, false));
  // The date, in lcms2 the time of day.
  EXPECT_EQ(Bytes(first.begin() + 24, first.begin() + 36),
            (Bytes{0x07, 0xD0, 0, 1, 0, 1, 0, 0, 0, 0, 0, 0}));
}

TEST(Colour, ImpossibleColoursAreIgnoredWithAWarning) {
  const Bytes plain = PlainPng(Noise(4, 4, 3));
  const auto expect_warned = [](const Bytes& file) {
    Warnings warnings;
    EXPECT_TRUE(MustRead(file, &warnings).icc().empty());
    EXPECT_FALSE(warnings.empty());
  };
  expect_warned(WithChunk(plain, "gAMA", BigEndian32(3)));
  expect_warned(WithChunk(plain, "gAMA", BigEndian32(0x7FFFFFFF)));
  Bytes line;  // all primaries in one point
  for (int i = 0; i < 8; ++i) {
    const Bytes four = BigEndian32(33333);
    line.insert(line.end(), four.begin(), four.end());
  }
  expect_warned(WithChunk(plain, "cHRM", line));
}

// --- cICP, which outranks iCCP, sRGB, gAMA and cHRM ----------------------------------------------

Bytes WithCicp(const Bytes& png, int primaries, int transfer, int matrix = 0, int full = 1) {
  Bytes body;
  for (const int number : {primaries, transfer, matrix, full}) {
    body.push_back(static_cast<std::uint8_t>(number));
  }
  return WithChunk(png, "cICP", body);
}

// The same picture with other words for its colours beside cICP.
std::vector<Bytes> WithOtherWords() {
  const Image image = Noise(4, 4, 3);
  Image profiled = Noise(4, 4, 3);
  profiled.set_icc(TinyIcc("RGB "));
  const Bytes plain = PlainPng(image);
  return {plain, WithChunk(plain, "sRGB", std::string_view("\0", 1)),
          WithChunk(plain, "gAMA", BigEndian32(100000)), WithChunk(plain, "cHRM", Primaries(61000)),
          *WriteImage(profiled, ImageFormat::kPng)};
}

TEST(Cicp, SrgbNeedsNoProfile) {
  for (const Bytes& file : WithOtherWords()) {
    Warnings warnings;
    const Image image = MustRead(WithCicp(file, 1, 13), &warnings);
    EXPECT_TRUE(warnings.empty()) << warnings[0].text;
    EXPECT_TRUE(image.icc().empty());
    EXPECT_EQ(image.metadata().colour.source, Source::kCicp);
  }
}

TEST(Cicp, OtherColoursBecomeAProfile) {
  for (const Bytes& file : WithOtherWords()) {
    Warnings warnings;
    const Image p3 = MustRead(WithCicp(file, 12, 13), &warnings);
    ASSERT_EQ(warnings.size(), 1u);
    EXPECT_EQ(warnings[0].code, warning_code::kColour);
    EXPECT_TRUE(Mentions(warnings, "cICP 12/13/0/1, Display P3")) << warnings[0].text;
    EXPECT_TRUE(SamePixels(p3, MustRead(file)));  // samples stay as they are
    // As by its primaries in PrimariesBecomeAProfile.
    const auto red = ToSrgb(p3.icc(), {200, 100, 100});
    EXPECT_NEAR(red[0], 216, 2);
    EXPECT_NEAR(red[1], 95, 3);
    EXPECT_NEAR(red[2], 98, 3);
    // What is written says so, and no sRGB chunk contradicts it.
    const auto written = WriteImage(p3, ImageFormat::kPng);
    ASSERT_TRUE(written.ok());
    EXPECT_EQ(Text(*written).find("sRGB"), std::string::npos);
    EXPECT_EQ(MustRead(*written).icc(), p3.icc());
  }
  const Bytes plain = PlainPng(Noise(4, 4, 3));
  // BT.709's transfer, undone: 4.5 L below 0.018, 1.099 L^0.45 - 0.099 above.
  const Image video = MustRead(WithCicp(plain, 1, 1));
  for (const double light : {0.01, 0.1, 0.5}) {
    const double v = light < 0.018 ? 4.5 * light : 1.099 * std::pow(light, 0.45) - 0.099;
    const auto sample = static_cast<std::uint8_t>(std::lround(255 * v));
    EXPECT_NEAR(ToSrgb(video.icc(), {sample, sample, sample})[1], SrgbOfLight(light), 2) << light;
  }
  // BT.2020 red lies outside sRGB.
  EXPECT_EQ(ToSrgb(MustRead(WithCicp(plain, 9, 14)).icc(), {255, 0, 0}),
            (std::vector<int>{255, 0, 0}));
  // Grey has a curve and no primaries.
  const Image grey = MustRead(WithCicp(PlainPng(Noise(4, 4, 1)), 9, 4));
  EXPECT_TRUE(imageio::IccFits(grey.icc(), 1));
  EXPECT_TRUE(MustRead(WithCicp(PlainPng(Noise(4, 4, 1)), 12, 13)).icc().empty());
}

TEST(Cicp, HdrAndNarrowRangeAreRefusedByName) {
  for (const Bytes& file : WithOtherWords()) {
    for (const auto& [cicp, word] :
         {std::pair{WithCicp(file, 9, 16), "PQ"}, std::pair{WithCicp(file, 9, 18), "HLG"},
          std::pair{WithCicp(file, 1, 16), "PQ"}, std::pair{WithCicp(file, 1, 13, 0, 0), "narrow"},
          std::pair{WithCicp(file, 12, 13, 0, 0), "narrow"}}) {
      const Status status = ReadImage(cicp).status();
      EXPECT_EQ(status.code(), StatusCode::kUnsupportedFeature) << word;
      for (const char* part : {"cICP", word, "--strip"}) {
        EXPECT_NE(status.message().find(part), std::string::npos) << status.message();
      }
      EXPECT_TRUE(ReadImageInfo(cicp).ok());
      // The way that the message names.
      Warnings warnings;
      const auto stripped = ReadImage(cicp, {.skip_metadata = true}, &warnings);
      ASSERT_TRUE(stripped.ok()) << stripped.status().message();
      EXPECT_TRUE(Mentions(warnings, "cICP"));
      EXPECT_TRUE(stripped->icc().empty());
    }
  }
}

TEST(Cicp, WhatSaysNothingKnownIsIgnoredWithAWarning) {
  Image profiled = Noise(4, 4, 3);
  profiled.set_icc(TinyIcc("RGB "));
  const Bytes file = *WriteImage(profiled, ImageFormat::kPng);
  for (const Bytes& bad : {WithCicp(file, 2, 2), WithCicp(file, 1, 200), WithCicp(file, 0, 13),
                           WithCicp(file, 9, 14, 9), WithCicp(file, 1, 13, 0, 2)}) {
    Warnings warnings;
    EXPECT_EQ(MustRead(bad, &warnings).icc(), profiled.icc());  // the next in rank
    EXPECT_TRUE(Mentions(warnings, "cICP"));
  }
}

// --- EXIF alone ----------------------------------------------------------------------------------

// A TIFF block with an EXIF directory that has a colour space, and an interoperability index.
Bytes TiffWithColour(int colour_space, std::string_view index) {
  Bytes out = {'I', 'I', 42, 0, 8, 0, 0, 0};
  const auto entry = [&out](int tag, int type, int count, std::string_view value) {
    for (const int half : {tag, type, count, 0}) {
      out.push_back(static_cast<std::uint8_t>(half));
      out.push_back(static_cast<std::uint8_t>(half >> 8));
    }
    out.insert(out.end(), value.begin(), value.end());
  };
  const auto directory = [&out](int entries) {
    out.push_back(static_cast<std::uint8_t>(entries));
    out.push_back(0);
  };
  const auto end = [&out] { out.insert(out.end(), 4, 0); };
  directory(1), entry(0x8769, 4, 1, std::string_view("\x1A\0\0\0", 4)), end();  // to 26
  const std::string space = {static_cast<char>(colour_space), static_cast<char>(colour_space >> 8),
                             0, 0};
  directory(2), entry(0xA001, 3, 1, space);
  entry(0xA005, 4, 1, std::string_view("\x38\0\0\0", 4)), end();  // to 56
  directory(1), entry(1, 2, 4, std::string(index) + '\0'), end();
  return out;
}

TEST(ExifColour, AdobeRgbBecomesAProfile) {
  const Bytes adobe = TiffWithColour(0xFFFF, "R03");
  Bytes segment = {'E', 'x', 'i', 'f', 0, 0};
  segment.insert(segment.end(), adobe.begin(), adobe.end());
  for (const Bytes& file : {WithSegment(MakeJpeg(Gradient(8, 8, 3)), 0xE1, segment),
                            WithChunk(PlainPng(Gradient(8, 8, 3)), "eXIf", adobe)}) {
    Warnings warnings;
    const Image image = MustRead(file, &warnings);
    EXPECT_EQ(warnings.size(), 1u);
    EXPECT_TRUE(Mentions(warnings, "Adobe RGB"));
    EXPECT_EQ(image.metadata().colour.source, Source::kExif);
    // Adobe RGB's (128, 200, 128) is (77, 202, 124) in sRGB.
    const auto green = ToSrgb(image.icc(), {128, 200, 128});
    EXPECT_NEAR(green[0], 77, 3);
    EXPECT_NEAR(green[1], 202, 2);
    EXPECT_NEAR(green[2], 124, 3);
    const auto png = WriteImage(image, ImageFormat::kPng);
    ASSERT_TRUE(png.ok());
    EXPECT_EQ(Text(*png).find("sRGB"), std::string::npos);
    EXPECT_EQ(MustRead(*png).metadata().exif, adobe);
  }
  // Not where anything else speaks: other indexes, sRGB in EXIF or in a chunk, grey.
  for (const Bytes& exif : {TiffWithColour(0xFFFF, "R98"), TiffWithColour(1, "R03")}) {
    EXPECT_TRUE(MustRead(WithChunk(PlainPng(Gradient(8, 8, 3)), "eXIf", exif)).icc().empty());
  }
  EXPECT_TRUE(MustRead(WithChunk(PlainPng(Gradient(8, 8, 1)), "eXIf", adobe)).icc().empty());
  const Bytes said = WithChunk(PlainPng(Gradient(8, 8, 3)), "sRGB", std::string_view("\0", 1));
  EXPECT_TRUE(MustRead(WithChunk(said, "eXIf", adobe)).icc().empty());
}

TEST(Colour, LinearLightIsWarnedOf) {
  Image image = Noise(4, 4, 3);
  for (const std::uint32_t gamma : {100000u, 45455u, 70000u}) {
    FileColour colour;
    colour.gamma = gamma;
    image.set_icc(imageio::ProfileFromGammaChroma(colour, false));
    for (const ImageFormat format : {ImageFormat::kPng, ImageFormat::kJpeg}) {
      Warnings warnings;
      MustRead(*WriteImage(image, format), &warnings);
      EXPECT_EQ(Mentions(warnings, "linear light"), gamma == 100000);
    }
  }
}

// --- CMYK ----------------------------------------------------------------------------------------

// Flat ink, so that it survives JPEG. `ink` is 0 (none) .. 255.
Bytes FlatCmyk(const std::vector<int>& ink, JpegRecipe recipe) {
  recipe.components = 4;
  recipe.quality = 100;
  Bytes samples;
  for (int i = 0; i < 16 * 16; ++i) {
    for (const int value : ink) {
      samples.push_back(static_cast<std::uint8_t>(recipe.adobe ? 255 - value : value));
    }
  }
  return MakeJpeg(16, 16, samples, recipe);
}

TEST(Cmyk, WithAndWithoutAdobesMarker) {
  const std::vector<std::pair<std::vector<int>, std::vector<int>>> cases = {
      {{0, 0, 0, 0}, {255, 255, 255}},   {{255, 0, 0, 0}, {0, 255, 255}},
      {{0, 255, 255, 0}, {255, 0, 0}},   {{0, 0, 0, 255}, {0, 0, 0}},
      {{0, 0, 0, 128}, {127, 127, 127}}, {{51, 102, 0, 51}, {163, 122, 204}},
  };
  // Without the marker nobody can know of YCCK.
  for (const JpegRecipe& recipe : {JpegRecipe{.adobe = true}, JpegRecipe{.adobe = false},
                                   JpegRecipe{.ycck = true, .adobe = true},
                                   JpegRecipe{.ycck = true, .adobe = true, .progressive = true}}) {
    for (const auto& [ink, light] : cases) {
      Warnings warnings;
      const Image image = MustRead(FlatCmyk(ink, recipe), &warnings);
      ASSERT_EQ(image.shape(), (PictureShape{16, 16, 3, 8}));
      for (int c = 0; c < 3; ++c) {
        EXPECT_NEAR(image.row(7)[3 * 7 + c], light[static_cast<std::size_t>(c)], 2)
            << "adobe " << recipe.adobe << " ycck " << recipe.ycck;
      }
      EXPECT_TRUE(Mentions(warnings, "approximate"));
      EXPECT_EQ(image.metadata().colour.source, Source::kSrgb);
    }
  }
}

// A CMYK profile whose only ink is black: light = (1 - K) linear in Lab's L.
Bytes InkProfile() {
  cmsHPROFILE profile = cmsCreateProfilePlaceholder(nullptr);
  cmsSetProfileVersion(profile, 2.1);
  cmsSetDeviceClass(profile, cmsSigOutputClass);
  cmsSetColorSpace(profile, cmsSigCmykData);
  cmsSetPCS(profile, cmsSigLabData);
  cmsPipeline* pipeline = cmsPipelineAlloc(nullptr, 4, 3);
  cmsStage* clut = cmsStageAllocCLut16bit(nullptr, 2, 4, 3, nullptr);
  const auto sample = [](const cmsUInt16Number in[], cmsUInt16Number out[],
                         void*) -> cmsInt32Number {
    out[0] = static_cast<cmsUInt16Number>((65535 - in[3]) / 65535.0 * 0xFF00);  // L, version 2
    out[1] = out[2] = 0x8000;
    return TRUE;
  };
  cmsStageSampleCLut16bit(clut, sample, nullptr, 0);
  cmsPipelineInsertStage(pipeline, cmsAT_END, clut);
  cmsWriteTag(profile, cmsSigAToB0Tag, pipeline);
  cmsPipelineFree(pipeline);
  cmsUInt32Number size = 0;
  cmsSaveProfileToMem(profile, nullptr, &size);
  Bytes icc(size);
  EXPECT_TRUE(cmsSaveProfileToMem(profile, icc.data(), &size));
  cmsCloseProfile(profile);
  return icc;
}

TEST(Cmyk, TheEmbeddedProfileIsUsed) {
  Bytes body = {'I', 'C', 'C', '_', 'P', 'R', 'O', 'F', 'I', 'L', 'E', 0, 1, 1};
  const Bytes icc = InkProfile();
  body.insert(body.end(), icc.begin(), icc.end());
  for (const bool adobe : {true, false}) {
    // By this profile cyan is no ink at all.
    for (const auto& [ink, light] : std::vector<std::pair<std::vector<int>, int>>{
             {{255, 0, 0, 0}, 255}, {{0, 0, 0, 255}, 0}, {{200, 10, 90, 128}, 118}}) {
      Warnings warnings;
      const Image image =
          MustRead(WithSegment(FlatCmyk(ink, {.adobe = adobe}), 0xE2, body), &warnings);
      EXPECT_TRUE(Mentions(warnings, "by the embedded profile"));
      for (int c = 0; c < 3; ++c) EXPECT_NEAR(image.row(7)[3 * 7 + c], light, 3) << adobe;
      EXPECT_TRUE(image.icc().empty());  // the pixels are sRGB now
    }
  }
}

TEST(Cmyk, ADamagedProfileIsNoObstacle) {
  Bytes body = {'I', 'C', 'C', '_', 'P', 'R', 'O', 'F', 'I', 'L', 'E', 0, 1, 1};
  const Bytes icc = TinyIcc("CMYK");  // without the tables
  body.insert(body.end(), icc.begin(), icc.end());
  Warnings warnings;
  const Image image = MustRead(WithSegment(FlatCmyk({0, 0, 0, 0}, {}), 0xE2, body), &warnings);
  EXPECT_NEAR(image.row(7)[20], 255, 2);
  EXPECT_TRUE(Mentions(warnings, "approximate"));
}

}  // namespace
}  // namespace halfmoon
