// JPEG through the public functions of image_io.h.
#include <gtest/gtest.h>

#include <cstring>

#include "codec/imageio/image_io.h"
#include "tests/imageio/test_pictures.h"

namespace halfmoon {
namespace {

using namespace testing;  // NOLINT(google-build-using-namespace): helpers of this folder

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

bool SameShape(const Image& a, const Image& b) {
  return a.width() == b.width() && a.height() == b.height() && a.channels() == b.channels();
}

// The first byte of a marker, searched from the front; npos when there is none.
std::size_t FindMarker(const Bytes& jpeg, std::uint8_t marker) {
  for (std::size_t i = 2; i + 1 < jpeg.size(); ++i) {
    if (jpeg[i] == 0xFF && jpeg[i + 1] == marker) return i;
  }
  return std::string::npos;
}

TEST(JpegRoundTrip, IsClose) {
  for (const auto& [width, height] :
       std::vector<std::pair<int, int>>{{1, 1}, {1, 4000}, {4000, 1}, {7, 5}, {33, 17}, {64, 64}}) {
    for (const std::uint32_t channels : {1u, 3u}) {
      const Image image = Gradient(width, height, channels);
      for (const bool progressive : {false, true}) {
        ImageWriteOptions options;
        options.jpeg_progressive = progressive;
        const auto file = WriteImage(image, ImageFormat::kJpeg, options);
        ASSERT_TRUE(file.ok()) << file.status().message();
        Warnings warnings;
        const Image read = MustRead(*file, &warnings);
        ASSERT_TRUE(SameShape(read, image));
        EXPECT_TRUE(warnings.empty()) << warnings[0].text;
        EXPECT_LE(MeanDifference(read, image), 4.0) << width << " x " << height;
      }
    }
  }
}

TEST(JpegRoundTrip, QualityAndSubsamplingTradeSizeForLikeness) {
  const Image image = Noise(64, 64, 3);
  const auto write = [&](int quality, ChromaSubsampling subsampling) {
    ImageWriteOptions options;
    options.jpeg_quality = quality;
    options.jpeg_subsampling = subsampling;
    const auto file = WriteImage(image, ImageFormat::kJpeg, options);
    EXPECT_TRUE(file.ok());
    return *file;
  };
  const Bytes worst = write(1, ChromaSubsampling::k444);
  const Bytes middle = write(50, ChromaSubsampling::k444);
  const Bytes best = write(100, ChromaSubsampling::k444);
  const Bytes coarse_colour = write(100, ChromaSubsampling::k420);
  EXPECT_LT(worst.size(), middle.size());
  EXPECT_LT(middle.size(), best.size());
  EXPECT_LT(coarse_colour.size(), best.size());
  EXPECT_LE(MaxDifference(MustRead(best), image), 6);
  EXPECT_GT(MeanDifference(MustRead(worst), image), 20);
  EXPECT_GT(MeanDifference(MustRead(coarse_colour), image),
            10 * MeanDifference(MustRead(best), image));
}

TEST(JpegWrite, DefaultsAreFullColourAndOptimisedHuffman) {
  const auto file = WriteImage(Gradient(64, 64, 3), ImageFormat::kJpeg);
  ASSERT_TRUE(file.ok());
  const std::size_t frame = FindMarker(*file, 0xC0);
  ASSERT_NE(frame, std::string::npos);
  EXPECT_EQ((*file)[frame + 9], 3);      // components
  EXPECT_EQ((*file)[frame + 11], 0x11);  // sampling factors of the first
  EXPECT_EQ((*file)[frame + 14], 0x11);
  // The standard tables hold 162 AC codes; tables made for this picture hold few.
  EXPECT_LT(file->size(), MakeJpeg(Gradient(64, 64, 3), {.quality = 95}).size());
  EXPECT_LT(FindMarker(*file, 0xDA), 400u);
}

TEST(JpegWrite, HonoursTheStride) {
  const Image big = Gradient(40, 40, 3);
  ImageView window = big.view();
  window.data = big.row(8) + 3 * 16;
  window.width = 16;
  window.height = 8;
  const auto file = WriteImage(window, ImageFormat::kJpeg);
  ASSERT_TRUE(file.ok());
  const Image read = MustRead(*file);
  ASSERT_EQ(read.width(), 16u);
  for (std::uint32_t y = 0; y < 8; ++y) {
    for (std::uint32_t i = 0; i < 48; ++i) EXPECT_NEAR(read.row(y)[i], window.row(y)[i], 8);
  }
}

TEST(JpegWrite, RefusesWhatTheFormatCannotHold) {
  Result<Image> wide = Image::Create(65501, 1, 1);
  ASSERT_TRUE(wide.ok());
  const auto refused = WriteImage(*wide, ImageFormat::kJpeg);
  EXPECT_EQ(refused.status().code(), StatusCode::kInvalidArgument);
  EXPECT_NE(refused.status().message().find("65500"), std::string::npos);
}

TEST(JpegRead, KnownColours) {
  // A flat block has only a DC coefficient, so its colour survives up to rounding.
  Result<Image> flat = Image::Create(16, 16, 3);
  ASSERT_TRUE(flat.ok());
  const std::uint8_t colours[][3] = {{255, 0, 0}, {0, 255, 0}, {0, 0, 255}, {10, 128, 200}};
  for (const auto& colour : colours) {
    for (std::size_t i = 0; i < flat->samples().size(); ++i) flat->samples()[i] = colour[i % 3];
    for (const bool rgb : {false, true}) {
      const Image read = MustRead(MakeJpeg(*flat, {.rgb = rgb, .quality = 100}));
      ASSERT_TRUE(SameShape(read, *flat));
      EXPECT_LE(MaxDifference(read, *flat), 2);
    }
  }
}

TEST(JpegRead, AllSamplingsAndModes) {
  const Image image = Gradient(50, 37, 3);
  for (const auto& [h, v] :
       std::vector<std::pair<int, int>>{{1, 1}, {2, 1}, {1, 2}, {2, 2}, {4, 1}, {4, 2}, {1, 4}}) {
    for (const bool progressive : {false, true}) {
      const Image read =
          MustRead(MakeJpeg(image, {.progressive = progressive, .h_factor = h, .v_factor = v}));
      ASSERT_TRUE(SameShape(read, image));
      EXPECT_LE(MeanDifference(read, image), 5) << h << "x" << v;
    }
  }
  const Image grey = Gradient(50, 37, 1);
  EXPECT_LE(MeanDifference(MustRead(MakeJpeg(grey)), grey), 2);
  EXPECT_LE(MeanDifference(MustRead(MakeJpeg(image, {.restart_interval = 2})), image), 3);
  EXPECT_LE(MeanDifference(MustRead(MakeJpeg(image, {.arithmetic = true})), image), 3);
}

TEST(JpegRead, ProgressiveHoldsTheSamePixels) {
  const Image image = Noise(40, 24, 3);
  EXPECT_TRUE(
      SamePixels(MustRead(MakeJpeg(image)), MustRead(MakeJpeg(image, {.progressive = true}))));
}

TEST(JpegRead, RefusesByName) {
  Bytes file = MakeJpeg(Gradient(16, 16, 3));
  const std::size_t frame = FindMarker(file, 0xC0);
  ASSERT_NE(frame, std::string::npos);
  Bytes deep = file;
  deep[frame + 4] = 12;
  ExpectRefused(deep, StatusCode::kUnsupportedFeature, "8-bit");
  Bytes lossless = file;
  lossless[frame + 1] = 0xC3;
  ExpectRefused(lossless, StatusCode::kUnsupportedFeature, "lossless");
}

TEST(JpegRead, EnforcesLimits) {
  ImageReadOptions options;
  options.max_pixels = 16 * 16 - 1;
  const Bytes file = MakeJpeg(Gradient(16, 16, 3));
  ExpectRefused(file, StatusCode::kLimitExceeded, "limit", options);
  options.max_pixels = 16 * 16;
  EXPECT_TRUE(ReadImage(file, options).ok());
  const std::size_t frame = FindMarker(file, 0xC0);
  const auto resized = [&](unsigned side) {
    Bytes bytes = file;
    for (const int at : {5, 7}) {
      bytes[frame + at] = static_cast<std::uint8_t>(side >> 8);
      bytes[frame + at + 1] = static_cast<std::uint8_t>(side);
    }
    return bytes;
  };
  ExpectRefused(resized(65535), StatusCode::kLimitExceeded, "");
  ExpectRefused(resized(60000), StatusCode::kLimitExceeded, "limit");
  ExpectRefused(resized(16000), StatusCode::kTruncated, "cannot hold");
  ExpectRefused(resized(0), StatusCode::kCorrupt, "");
}

TEST(JpegRead, LimitsTheNumberOfScans) {
  // The first scan (DC) over and over again: legal syntax, and each costs a walk over the picture.
  const Bytes file = MakeJpeg(Gradient(64, 64, 1), {.progressive = true});
  const std::size_t scan = FindMarker(file, 0xDA);
  ASSERT_NE(scan, std::string::npos);
  std::size_t end = scan + 2;
  while (!(file[end] == 0xFF && file[end + 1] != 0)) ++end;
  Bytes bomb(file.begin(), file.begin() + static_cast<std::ptrdiff_t>(scan));
  for (int i = 0; i < 200; ++i) {
    bomb.insert(bomb.end(), file.begin() + static_cast<std::ptrdiff_t>(scan),
                file.begin() + static_cast<std::ptrdiff_t>(end));
  }
  bomb.insert(bomb.end(), {0xFF, 0xD9});
  ImageReadOptions lenient;
  lenient.lenient = true;
  ExpectRefused(bomb, StatusCode::kLimitExceeded, "scans", lenient);
  EXPECT_FALSE(ReadImage(bomb).ok());
}

TEST(JpegRead, DamageIsAnErrorUnlessLenient) {
  const Image image = Gradient(64, 64, 3);
  const Bytes file = MakeJpeg(image);
  ImageReadOptions lenient;
  lenient.lenient = true;
  Bytes cut(file.begin(), file.begin() + static_cast<std::ptrdiff_t>(file.size() * 3 / 4));
  ExpectRefused(cut, StatusCode::kTruncated, "missing");
  Warnings warnings;
  EXPECT_TRUE(SameShape(MustRead(cut, &warnings, lenient), image));
  EXPECT_TRUE(Mentions(warnings, "Premature end"));
  // Only the end marker is missing.
  cut.assign(file.begin(), file.end() - 2);
  ExpectRefused(cut, StatusCode::kTruncated, "missing");
}

TEST(JpegMetadata, IccProfilesMakeTheRoundTrip) {
  for (const std::uint32_t channels : {1u, 3u}) {
    Image image = Gradient(16, 16, channels);
    // One that fits a segment and one that needs three.
    for (const std::size_t size : {std::size_t{0}, std::size_t{150'000}}) {
      Bytes icc = TinyIcc(channels == 1 ? "GRAY" : "RGB ");
      icc.resize(icc.size() + size, 7);
      image.set_icc(icc);
      Warnings warnings;
      const auto file = WriteImage(image, ImageFormat::kJpeg, {}, &warnings);
      ASSERT_TRUE(file.ok());
      EXPECT_EQ(MustRead(*file, &warnings).icc(), icc);
      EXPECT_TRUE(warnings.empty()) << warnings[0].text;
    }
  }
}

TEST(JpegMetadata, ProfilesThatDoNotFitAreIgnoredWithAWarning) {
  Image grey = Gradient(16, 16, 1);
  grey.set_icc(TinyIcc("RGB "));
  Warnings warnings;
  const auto file = WriteImage(grey, ImageFormat::kJpeg, {}, &warnings);
  ASSERT_TRUE(file.ok());
  EXPECT_TRUE(Mentions(warnings, "ICC profile"));
  EXPECT_TRUE(MustRead(*file).icc().empty());

  const Bytes colour = MakeJpeg(Gradient(16, 16, 3));
  for (const Bytes& icc : {TinyIcc("CMYK"), Bytes{1, 2, 3}}) {
    Bytes body = {'I', 'C', 'C', '_', 'P', 'R', 'O', 'F', 'I', 'L', 'E', 0, 1, 1};
    body.insert(body.end(), icc.begin(), icc.end());
    warnings.clear();
    EXPECT_TRUE(MustRead(WithSegment(colour, 0xE2, body), &warnings).icc().empty());
    EXPECT_TRUE(Mentions(warnings, "ICC profile does not fit"));
  }
  // Number 2 of 2 without number 1.
  const std::string_view half("ICC_PROFILE\0\2\2data", 18);
  warnings.clear();
  EXPECT_TRUE(MustRead(WithSegment(colour, 0xE2, half), &warnings).icc().empty());
}

TEST(JpegMetadata, DroppedMetadataIsWarnedOf) {
  const Bytes plain = MakeJpeg(Gradient(8, 8, 3));
  const auto warnings_of = [](const Bytes& file) {
    Warnings warnings;
    MustRead(file, &warnings);
    return warnings;
  };
  EXPECT_EQ(warnings_of(plain), Warnings{});
  EXPECT_EQ(warnings_of(WithSegment(plain, 0xE1, ExifSegment(1))), Warnings{});
  EXPECT_EQ(
      warnings_of(WithSegment(plain, 0xE1,
                              std::string_view("http://ns.adobe.com/xmp/extension/\0...", 38))),
      (Warnings{{warning_code::kXmp, "extended XMP metadata (more than 64 KiB) is not kept"}}));
  EXPECT_EQ(warnings_of(WithSegment(plain, 0xED, "Photoshop 3.0 and its data")),
            (Warnings{{warning_code::kIptc, "IPTC metadata is not kept"}}));
  EXPECT_EQ(warnings_of(WithSegment(plain, 0xFE, "made by hand")),
            (Warnings{{warning_code::kText, "text metadata is not kept"}}));
}

TEST(JpegInfo, DescribesWithoutDecoding) {
  const Bytes file = WithSegment(MakeJpeg(Gradient(24, 10, 3)), 0xE1, ExifSegment(5));
  Result<ImageInfo> info = ReadImageInfo(file);
  ASSERT_TRUE(info.ok()) << info.status().message();
  EXPECT_EQ(info->format, ImageFormat::kJpeg);
  EXPECT_EQ(info->width, 10u);
  EXPECT_EQ(info->height, 24u);
  EXPECT_EQ(info->channels, 3u);
  EXPECT_EQ(info->bit_depth, 8u);
  EXPECT_EQ(info->orientation, 5);
  ImageReadOptions as_stored;
  as_stored.apply_orientation = false;
  info = ReadImageInfo(file, as_stored);
  ASSERT_TRUE(info.ok());
  EXPECT_EQ(info->width, 24u);
  info = ReadImageInfo(MakeJpeg(8, 8, Bytes(256, 1), {.components = 4}));
  ASSERT_TRUE(info.ok());
  EXPECT_EQ(info->channels, 3u);  // as read
  EXPECT_FALSE(info->has_alpha);
}

}  // namespace
}  // namespace halfmoon
