// PBM, PGM, PPM and PAM, text and binary, with files written by hand.
#include <gtest/gtest.h>

#include "codec/imageio/image_io.h"
#include "tests/imageio/test_pictures.h"

namespace halfmoon {
namespace {

using namespace testing;  // NOLINT(google-build-using-namespace): helpers of this folder
using namespace std::string_view_literals;

Image MustRead(std::string_view file, Warnings* warnings = nullptr,
               const ImageReadOptions& options = {}) {
  Result<Image> image = ReadImage(AsBytes(file), options, warnings);
  if (image.ok()) return std::move(image).value();
  ADD_FAILURE() << image.status().message();
  return Image();
}

Bytes Samples(const Image& image) { return {image.samples().begin(), image.samples().end()}; }

std::vector<int> Samples16(const Image& image) {
  std::vector<int> out;
  EXPECT_EQ(image.bit_depth(), 16u);
  for (std::uint32_t y = 0; y < image.height(); ++y) {
    out.insert(out.end(), image.row16(y), image.row16(y) + image.stride() / 2);
  }
  return out;
}

void ExpectRefused(std::string_view file, StatusCode code, std::string_view word,
                   const ImageReadOptions& options = {}) {
  const Result<Image> image = ReadImage(AsBytes(file), options);
  ASSERT_FALSE(image.ok()) << word;
  EXPECT_EQ(StatusCodeName(image.status().code()), StatusCodeName(code))
      << image.status().message();
  EXPECT_NE(image.status().message().find(word), std::string::npos) << image.status().message();
}

TEST(PnmRead, TextAndBinaryOfEachKind) {
  EXPECT_EQ(Samples(MustRead("P1\n3 2\n1 0 1\n010\n")), (Bytes{0, 255, 0, 255, 0, 255}));
  EXPECT_EQ(Samples(MustRead("P4\n10 1\n\xA0\x40"sv)),
            (Bytes{0, 255, 0, 255, 255, 255, 255, 255, 255, 0}));
  EXPECT_EQ(Samples(MustRead("P2\n# made by hand\n2 2 # sides\n255\n0 1\n254 255")),
            (Bytes{0, 1, 254, 255}));
  EXPECT_EQ(Samples(MustRead("P5 2 2 255\n\0\1\xFE\xFF"sv)), (Bytes{0, 1, 254, 255}));
  const Image rgb = MustRead("P6\n1 2\n255\nabcdef");
  EXPECT_EQ(rgb.shape(), (PictureShape{1, 2, 3, 8}));
  EXPECT_EQ(Samples(rgb), (Bytes{'a', 'b', 'c', 'd', 'e', 'f'}));
  EXPECT_EQ(Samples(MustRead("P3 1 1 255 97\t98\r\n99")), (Bytes{'a', 'b', 'c'}));
  // A comment right behind the maxval ends with its line; the samples may begin with '#'.
  EXPECT_EQ(Samples(MustRead("P5 1 1 255# c\n#")), Bytes{'#'});
}

TEST(PnmRead, EveryDepthFillsTheRange) {
  EXPECT_EQ(Samples(MustRead("P2 4 1 3 0 1 2 3")), (Bytes{0, 85, 170, 255}));
  EXPECT_EQ(Samples(MustRead("P5 3 1 100\n\0\x32\x64"sv)), (Bytes{0, 128, 255}));
  EXPECT_EQ(Samples16(MustRead("P2 3 1 1023 0 512 1023")), (std::vector<int>{0, 32800, 65535}));
  EXPECT_EQ(Samples16(MustRead("P2 3 1 256 0 128 256")), (std::vector<int>{0, 32768, 65535}));
  EXPECT_EQ(Samples16(MustRead("P5 2 1 65535\n\x12\x34\xFF\xFE"sv)),
            (std::vector<int>{0x1234, 0xFFFE}));
  // Different values stay different, so the depth of the file could be had again.
  for (const int maxval : {1, 7, 100, 254, 257, 1000, 4095, 65534}) {
    std::string file = "P2 " + std::to_string(maxval + 1 > 65535 ? 65535 : maxval + 1) + " 1 " +
                       std::to_string(maxval);
    for (int v = 0; v <= maxval; ++v) file.append(1, ' ').append(std::to_string(v));
    const Image image = MustRead(file);
    for (std::uint32_t x = 0; x < image.width(); ++x) {
      const std::uint32_t most = image.bit_depth() == 16 ? 65535 : 255;
      const std::uint32_t sample = image.bit_depth() == 16 ? image.row16(0)[x] : image.row(0)[x];
      ASSERT_EQ((sample * static_cast<std::uint64_t>(maxval) + most / 2) / most, x) << maxval;
    }
  }
}

TEST(PamRead, TupleTypes) {
  const auto pam = [](int depth, int maxval, std::string_view type, std::string_view samples) {
    return "P7\nWIDTH 2\n# note\nHEIGHT 1\nDEPTH " + std::to_string(depth) + "\nMAXVAL " +
           std::to_string(maxval) + "\n" + std::string(type) + "ENDHDR\n" + std::string(samples);
  };
  EXPECT_EQ(Samples(MustRead(pam(1, 1, "TUPLTYPE BLACKANDWHITE\n", "\0\1"sv))), (Bytes{0, 255}));
  EXPECT_EQ(Samples(MustRead(pam(2, 255, "TUPLTYPE GRAYSCALE_ALPHA\n", "abcd"))),
            (Bytes{'a', 'b', 'c', 'd'}));
  EXPECT_EQ(MustRead(pam(3, 255, "TUPLTYPE RGB\n", "abcdef")).channels(), 3u);
  EXPECT_EQ(MustRead(pam(4, 255, "", "abcdefgh")).channels(), 4u);
  EXPECT_EQ(Samples16(MustRead(pam(1, 65535, "TUPLTYPE GRAYSCALE\n", "\1\2\3\4"sv))),
            (std::vector<int>{0x0102, 0x0304}));
  ExpectRefused(pam(3, 255, "TUPLTYPE GRAYSCALE\n", "abcdef"), StatusCode::kCorrupt, "DEPTH 3");
  ExpectRefused(pam(4, 255, "TUPLTYPE CMYK\n", "abcdefgh"), StatusCode::kUnsupportedFeature,
                "'CMYK'");
  ExpectRefused(pam(5, 255, "", "abcdefghij"), StatusCode::kUnsupportedFeature, "DEPTH 5");
  ExpectRefused(pam(1, 255, "COLOR red\n", "ab"), StatusCode::kCorrupt, "unknown line 'COLOR'");
  ExpectRefused("P7\nWIDTH 2\nHEIGHT 2\n", StatusCode::kTruncated, "PAM header");
  ExpectRefused("P7\nHEIGHT 1\nDEPTH 1\nMAXVAL 255\nENDHDR\na", StatusCode::kCorrupt, "width");
  ExpectRefused("P7\nWIDTH x\nENDHDR\n", StatusCode::kCorrupt, "WIDTH is no number");
}

// Programs that write text with CR LF: the LF is no sample where the number of bytes shows that.
TEST(PnmRead, CarriageReturnsAreNoSamples) {
  const auto samples = [](std::string_view file, std::size_t expected_warnings) {
    Warnings warnings;
    const Bytes read = Samples(MustRead(file, &warnings));
    EXPECT_EQ(warnings.size(), expected_warnings) << file;
    return read;
  };
  const Bytes abc = {'a', 'b', 'c'}, line_feed = {'\n', 'b', 'c'};
  EXPECT_EQ(samples("P6\r\n1 1\r\n255\r\nabc", 0), abc);
  EXPECT_EQ(samples("P6\r\n1 1\r\n255\r\n\nbc", 0), line_feed);
  EXPECT_EQ(samples("P6 1 1 255\r\nbc", 0), line_feed);  // by the letter, and the bytes agree
  EXPECT_EQ(samples("P6 1 1 255\n\nbc", 0), line_feed);
  EXPECT_EQ(samples("P6 1 1 255\rabc", 0), abc);
  // Another picture follows.
  EXPECT_EQ(samples("P5\r\n3 1\r\n255\r\nabcP5\r\n3 1\r\n255\r\nabc", 1), abc);
  // Nobody knows: a word about that, and one about the rest.
  EXPECT_EQ(samples("P6 1 1 255\r\nabc??", 2), abc);
  EXPECT_EQ(samples("P4\r\n8 1\r\n\xFF", 0), Bytes(8, 0));
  EXPECT_EQ(samples("P7\r\nWIDTH 1\r\nHEIGHT 1\r\nDEPTH 3\r\nMAXVAL 255\r\nENDHDR\r\nabc", 0), abc);
  ExpectRefused("P6 4294967295 4294967295 255\r\nabc", StatusCode::kLimitExceeded, "65535");
}

TEST(PnmWrite, ContentMatchesTheEnding) {
  TempFolder folder;
  for (const std::uint32_t depth : {8u, 16u}) {
    const Image grey = Noise(PictureShape{5, 3, 1, depth});
    const Image colour = Noise(PictureShape{5, 3, 3, depth});
    const auto read = [&](const Image& image, const char* name) {
      const Status written = WriteImageFile(folder.File(name), image.view(), {}, true);
      EXPECT_TRUE(written.ok()) << written.message();
      auto again = ReadImageFile(folder.File(name));
      EXPECT_TRUE(again.ok());
      return std::move(*again);
    };
    EXPECT_TRUE(SamePixels(read(grey, "a.pgm"), grey));
    EXPECT_TRUE(SamePixels(read(grey, "a.pnm"), grey));
    EXPECT_TRUE(SamePixels(read(colour, "a.ppm"), colour));
    EXPECT_TRUE(SamePixels(read(colour, "b.pnm"), colour));
    const Image wide = read(grey, "b.ppm");
    ASSERT_EQ(wide.channels(), 3u);
    const std::size_t sample = depth / 8;
    for (std::size_t i = 0; i < wide.samples().size(); ++i) {
      ASSERT_EQ(wide.samples()[i], grey.samples()[i / (3 * sample) * sample + i % sample]);
    }
    const Status refused = WriteImageFile(folder.File("c.pgm"), colour.view());
    EXPECT_EQ(refused.code(), StatusCode::kInvalidArgument);
    EXPECT_NE(refused.message().find(".ppm"), std::string::npos) << refused.message();
  }
  EXPECT_EQ(folder.Entries(),
            (std::vector<std::string>{"a.pgm", "a.pnm", "a.ppm", "b.pnm", "b.ppm"}));
}

TEST(PnmRead, IllegalFieldsAreNamed) {
  ExpectRefused("P5 0 1 255\n", StatusCode::kCorrupt, "width is zero");
  ExpectRefused("P5 1 0 255\n", StatusCode::kCorrupt, "height is zero");
  ExpectRefused("P5 1 1 0\na", StatusCode::kCorrupt, "maxval 0");
  ExpectRefused("P5 1 1 65536\na", StatusCode::kCorrupt, "maxval 65536");
  ExpectRefused("P5 1 1 99999999999\na", StatusCode::kCorrupt, "maxval is too large");
  ExpectRefused("P5 -1 1 255\na", StatusCode::kCorrupt, "the width is no number");
  ExpectRefused("P5 1 1 255xa", StatusCode::kCorrupt, "white space");
  ExpectRefused("P5 1 1", StatusCode::kTruncated, "maxval");
  ExpectRefused("P5 2 2 100\n\x64\x65\0\0"sv, StatusCode::kCorrupt, "above the maxval of 100");
  ExpectRefused("P2 2 1 7 3 8", StatusCode::kCorrupt, "sample of 8");
  ExpectRefused("P2 2 1 7 3 x", StatusCode::kCorrupt, "no number");
  ExpectRefused("P1 2 1 0 2", StatusCode::kCorrupt, "neither 0 nor 1");
}

TEST(PnmRead, SizesAreCheckedBeforeMemoryIsTaken) {
  ImageReadOptions options;
  options.max_pixels = 5;
  ExpectRefused("P5 3 2 255\nabcdef", StatusCode::kLimitExceeded, "limit", options);
  ExpectRefused("P5 65536 1 255\n", StatusCode::kLimitExceeded, "65535");
  ExpectRefused("P6 4294967295 4294967295 65535\n", StatusCode::kLimitExceeded, "65535");
  ExpectRefused("P6 16000 16000 255\nabc", StatusCode::kTruncated, "need 768000000 bytes");
  ExpectRefused("P3 16000 16000 255\n1 2 3", StatusCode::kTruncated, "missing");
}

TEST(PnmRead, WhatFollowsIsWarnedOf) {
  Warnings warnings;
  MustRead("P5 1 1 255\naP5 1 1 255\nb", &warnings);
  EXPECT_TRUE(Mentions(warnings, "only the first"));
  warnings.clear();
  MustRead("P5 1 1 255\nabc", &warnings);
  EXPECT_TRUE(Mentions(warnings, "2 bytes after the picture"));
  warnings.clear();
  MustRead("P2 1 1 255 1 \n # end\n", &warnings);
  EXPECT_TRUE(warnings.empty());
}

TEST(PnmRead, LenientTakesWhatThereIs) {
  ImageReadOptions lenient;
  lenient.lenient = true;
  Warnings warnings;
  const Image image = MustRead("P5 2 3 255\nabc", &warnings, lenient);
  EXPECT_EQ(Samples(image), (Bytes{'a', 'b', 0, 0, 0, 0}));
  EXPECT_TRUE(Mentions(warnings, "rows from there on are black"));
}

TEST(PnmWrite, HeadersAreTheStandards) {
  const auto written = [](const PictureShape& shape, ImageFormat format) {
    const auto file = WriteImage(Noise(shape), format);
    EXPECT_TRUE(file.ok());
    return Text(*file);
  };
  EXPECT_EQ(written({3, 2, 1, 8}, ImageFormat::kPnm).substr(0, 11), "P5\n3 2\n255\n");
  EXPECT_EQ(written({3, 2, 3, 16}, ImageFormat::kPnm).substr(0, 13), "P6\n3 2\n65535\n");
  EXPECT_EQ(written({3, 2, 3, 16}, ImageFormat::kPnm).size(), 13u + 36);
  EXPECT_EQ(
      written({3, 2, 4, 8}, ImageFormat::kPam)
          .rfind("P7\nWIDTH 3\nHEIGHT 2\nDEPTH 4\nMAXVAL 255\nTUPLTYPE RGB_ALPHA\nENDHDR\n", 0),
      0u);
}

TEST(PnmWrite, LostMetadataIsWarnedOf) {
  Image image = Noise(2, 2, 3);
  Metadata metadata;
  metadata.icc = TinyIcc("RGB ");
  metadata.exif = TiffWithOrientation(1, true);
  metadata.xmp = {'<'};
  image.set_metadata(metadata);
  Warnings warnings;
  ASSERT_TRUE(WriteImage(image, ImageFormat::kPnm, {}, &warnings).ok());
  EXPECT_EQ(warnings.size(), 3u);
  EXPECT_TRUE(Mentions(warnings, "ICC profile was not written"));
}

}  // namespace
}  // namespace halfmoon
