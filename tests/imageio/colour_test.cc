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
    EXPECT_TRUE(warnings.empty());
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
  expect_warned(WithChunk(plain, "cICP", std::string_view("\x09\x10\0\x01", 4)));
  Warnings warnings;
  MustRead(WithChunk(plain, "cICP", std::string_view("\x01\x0D\0\x01", 4)), &warnings);
  EXPECT_TRUE(warnings.empty());
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
