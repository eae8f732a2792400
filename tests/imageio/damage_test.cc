// Every truncation is an error and no damage does more than give an error. Files are copied to
// exact-size buffers, so that a sanitizer build sees any read beyond them.
#include <gtest/gtest.h>

#include "codec/imageio/image_io.h"
#include "codec/imageio/png_chunks.h"
#include "tests/imageio/test_pictures.h"

namespace halfmoon {
namespace {

using namespace testing;  // NOLINT(google-build-using-namespace): helpers of this folder

struct Sample {
  const char* name;
  Bytes file;
};

std::vector<Sample> Samples() {
  Image with_icc = Noise(9, 7, 3);
  with_icc.set_icc(TinyIcc("RGB "));
  const Result<Bytes> icc_png = WriteImage(with_icc, ImageFormat::kPng);
  const Result<Bytes> icc_jpeg = WriteImage(with_icc, ImageFormat::kJpeg);
  EXPECT_TRUE(icc_png.ok() && icc_jpeg.ok());
  const Image small = Noise(20, 12, 3);
  Image with_all = Noise(PictureShape{6, 5, 4, 16});
  Metadata metadata;
  metadata.exif = TiffWithOrientation(3, false);
  metadata.xmp = Bytes(40, 'x');
  with_all.set_metadata(metadata);
  const Result<Bytes> deep_png = WriteImage(with_all, ImageFormat::kPng);
  const Result<Bytes> pam = WriteImage(with_all, ImageFormat::kPam);
  const Result<Bytes> ppm = WriteImage(small, ImageFormat::kPnm);
  EXPECT_TRUE(deep_png.ok() && pam.ok() && ppm.ok());
  const Bytes cmyk(16 * 16 * 4, 90);
  return {
      {"16-bit RGBA png with metadata", *deep_png},
      {"pam", *pam},
      {"ppm", *ppm},
      {"cmyk jpeg", MakeJpeg(16, 16, cmyk, {.components = 4})},
      {"png", WithChunk(PlainPng(small), "eXIf", TiffWithOrientation(6, true))},
      {"palette png", BlackPng(5, 5, 2, 3)},
      {"icc png", *icc_png},
      {"jpeg", WithSegment(MakeJpeg(small, {.quality = 60}), 0xE1, ExifSegment(6))},
      {"icc jpeg", *icc_jpeg},
      {"progressive jpeg", MakeJpeg(small, {.progressive = true, .h_factor = 2, .quality = 60})},
      {"grey jpeg", MakeJpeg(Noise(20, 12, 1))},
  };
}

// A damaged size may ask for much; the picture limit keeps the test small.
ImageReadOptions Options(bool lenient) {
  ImageReadOptions options;
  options.max_pixels = 1 << 20;
  options.lenient = lenient;
  return options;
}

void ExpectSane(const Result<Image>& image) {
  if (image.ok()) {
    EXPECT_EQ(image->samples().size(), image->pixels() * image->shape().bytes_per_pixel());
    return;
  }
  EXPECT_NE(image.status().code(), StatusCode::kInternal) << image.status().message();
  EXPECT_NE(image.status().code(), StatusCode::kInvalidArgument) << image.status().message();
  EXPECT_FALSE(image.status().message().empty());
}

TEST(Damage, EveryTruncationIsAnError) {
  for (const Sample& sample : Samples()) {
    ASSERT_TRUE(ReadImage(sample.file).ok()) << sample.name;
    for (std::size_t size = 0; size < sample.file.size(); ++size) {
      const Bytes cut(sample.file.begin(), sample.file.begin() + static_cast<long>(size));
      const Result<Image> image = ReadImage(cut);
      ASSERT_FALSE(image.ok()) << sample.name << " cut to " << size;
      EXPECT_EQ(StatusCodeName(image.status().code()), StatusCodeName(StatusCode::kTruncated))
          << sample.name << " cut to " << size << ": " << image.status().message();
      ExpectSane(ReadImage(cut, Options(true)));
      (void)ReadImageInfo(cut);
    }
  }
}

TEST(Damage, FlippedBitsNeverCrash) {
  for (const Sample& sample : Samples()) {
    std::size_t refused = 0;
    for (std::size_t at = 0; at < sample.file.size(); ++at) {
      for (const int flip : {0x01, 0x10, 0x80, 0xFF}) {
        Bytes bad = sample.file;
        bad[at] ^= static_cast<std::uint8_t>(flip);
        const Result<Image> image = ReadImage(bad, Options(false));
        ExpectSane(image);
        refused += !image.ok();
        ExpectSane(ReadImage(bad, Options(true)));
        (void)ReadImageInfo(bad);
      }
    }
    // A binary PNM has no redundancy but its header.
    EXPECT_GT(refused, 0u) << sample.name;
  }
}

TEST(Damage, EveryFlippedPngByteIsNoticed) {
  // Everything in a PNG is under a checksum, except the lengths and the checksums themselves.
  const Bytes file = PlainPng(Noise(8, 8, 3));
  for (std::size_t at = 0; at < file.size(); ++at) {
    Bytes bad = file;
    bad[at] ^= 0x04;
    EXPECT_FALSE(ReadImage(bad).ok()) << "byte " << at;
  }
}

// libpng takes memory for what a chunk's length says before it looks for the bytes.
TEST(Damage, ALengthBeyondTheFileReservesNothing) {
  Bytes file = PlainPng(Noise(8, 8, 3));
  constexpr std::size_t kBehindHeader = 8 + 25;
  const Bytes chunk = {100, 0, 0, 0, 'i', 'T', 'X', 't', 'X', 'M', 'L'};
  file.insert(file.begin() + kBehindHeader, chunk.begin(), chunk.end());
  const imageio::PngSurvey survey = imageio::SurveyPng(file, 1 << 20);
  ASSERT_EQ(survey.hidden.size(), 1u);
  EXPECT_EQ(survey.hidden[0].begin, kBehindHeader);
  EXPECT_EQ(survey.hidden[0].end, file.size());
  EXPECT_EQ(ReadImage(file).status().code(), StatusCode::kTruncated);
  ExpectSane(ReadImage(file, Options(true)));
}

TEST(Damage, RubbishAfterASignatureIsAnError) {
  for (unsigned seed = 0; seed < 200; ++seed) {
    const Image noise = Noise(200, 1, 1, seed);
    for (const std::string_view start : {"\x89PNG\r\n\x1A\n", "\xFF\xD8\xFF\xE0", "P7\n", "P3\n"}) {
      Bytes file(start.begin(), start.end());
      file.insert(file.end(), noise.samples().begin(), noise.samples().end());
      EXPECT_FALSE(ReadImage(file, Options(false)).ok());
      ExpectSane(ReadImage(file, Options(true)));
    }
  }
}

}  // namespace
}  // namespace halfmoon
