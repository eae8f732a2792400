// Public test pictures: PngSuite, EXIF orientation examples, libjxl's test data. They are not part
// of the repository; the tests skip where they are absent.
#include <gtest/gtest.h>

#include <algorithm>
#include <array>
#include <fstream>
#include <sstream>

#include "codec/imageio/exif.h"
#include "codec/imageio/image_io.h"
#include "tests/imageio/test_pictures.h"

namespace halfmoon {
namespace {

using namespace testing;  // NOLINT(google-build-using-namespace): helpers of this folder
namespace fs = std::filesystem;

std::vector<fs::path> PngsIn(const fs::path& folder) {
  std::vector<fs::path> files;
  for (const auto& entry : fs::directory_iterator(folder)) {
    if (entry.path().extension() == ".png") files.push_back(entry.path());
  }
  std::sort(files.begin(), files.end());
  return files;
}

// The hash of the reference list.
std::uint32_t Fnv1a(std::span<const std::uint8_t> bytes) {
  std::uint32_t hash = 0x811C9DC5;
  for (const std::uint8_t byte : bytes) hash = (hash ^ byte) * 0x01000193;
  return hash;
}

// 16-bit samples as stb_image gives them: the upper 8 bits.
Bytes UpperBytes(const Image& image) {
  if (image.bit_depth() == 8) return {image.samples().begin(), image.samples().end()};
  Bytes out;
  for (std::uint32_t y = 0; y < image.height(); ++y) {
    for (std::size_t i = 0; i < image.stride() / 2; ++i) {
      out.push_back(static_cast<std::uint8_t>(image.row16(y)[i] >> 8));
    }
  }
  return out;
}

// Bit depth of a PNG's header, and whether it holds a palette.
struct StoredKind {
  int depth = 0, color_type = 0;
};
StoredKind KindOf(const fs::path& path) {
  std::ifstream file(path, std::ios::binary);
  std::array<char, 26> head = {};
  file.read(head.data(), head.size());
  return {head[24], head[25]};
}

// ref_results.csv holds size, channels and a hash of the pixels as another decoder (stb_image),
// which shares no code with libpng, reads them. It ignores gAMA; we keep the samples, too.
TEST(PngSuite, FilesDecodeToTheReference) {
  const fs::path folder = SharedData("conformance/pngsuite");
  if (folder.empty()) GTEST_SKIP() << "PngSuite is absent";
  std::ifstream list(folder / "ref_results.csv");
  std::string line;
  ASSERT_TRUE(std::getline(list, line));
  ASSERT_EQ(line.substr(0, 38), "filename,width,height,ncomp,error,hash");
  int decoded = 0, deep = 0, with_alpha = 0;
  while (std::getline(list, line)) {
    std::istringstream fields(line);
    std::string name, width, height, channels, error, hash;
    std::getline(fields, name, ','), std::getline(fields, width, ',');
    std::getline(fields, height, ','), std::getline(fields, channels, ',');
    std::getline(fields, error, ','), std::getline(fields, hash, ',');
    const fs::path path = folder.parent_path() / name;
    // Damaged files have their own test; Apple's are no PNG by the standard.
    if (name.find("/corrupt/") != name.npos || name.find("/iphone/") != name.npos) continue;
    if (!error.empty() || !fs::exists(path)) continue;

    const Result<Image> image = ReadImageFile(path.string());
    ASSERT_TRUE(image.ok()) << image.status().message();
    EXPECT_EQ(std::to_string(image->width()), width) << name;
    EXPECT_EQ(std::to_string(image->height()), height) << name;
    EXPECT_EQ(std::to_string(image->channels()), channels) << name;
    EXPECT_EQ(image->bit_depth(), KindOf(path).depth == 16 ? 16u : 8u) << name;
    EXPECT_EQ(Fnv1a(UpperBytes(*image)), std::stoul(hash, nullptr, 16)) << name;
    const Result<ImageInfo> info = ReadImageInfoFile(path.string());
    ASSERT_TRUE(info.ok()) << info.status().message();
    EXPECT_EQ((PictureShape{info->width, info->height, info->channels, info->bit_depth}),
              image->shape());
    // Every kind there and back.
    const auto file = WriteImage(*image, ImageFormat::kPng);
    ASSERT_TRUE(file.ok()) << file.status().message();
    const auto again = ReadImage(*file);
    ASSERT_TRUE(again.ok()) << again.status().message();
    EXPECT_TRUE(SamePixels(*again, *image)) << name;
    EXPECT_EQ(again->icc(), image->icc()) << name;
    ++decoded;
    deep += image->bit_depth() == 16;
    with_alpha += image->has_alpha();
  }
  EXPECT_GT(decoded, 200);
  EXPECT_GT(deep, 20);
  EXPECT_GT(with_alpha, 10);
  RecordProperty("decoded", decoded);
}

// The reference list does not name all files.
TEST(PngSuite, EveryValidFileIsRead) {
  const fs::path folder = SharedData("conformance/pngsuite");
  if (folder.empty()) GTEST_SKIP() << "PngSuite is absent";
  int count = 0;
  for (const char* part : {"primary", "primary_check", "16bit", "unused"}) {
    for (const fs::path& path : PngsIn(folder / part)) {
      const Result<Image> image = ReadImageFile(path.string());
      ASSERT_TRUE(image.ok()) << image.status().message();
      const StoredKind kind = KindOf(path);
      EXPECT_EQ(image->bit_depth(), kind.depth == 16 ? 16u : 8u) << path;
      EXPECT_EQ(image->shape().is_grey(), (kind.color_type & 2) == 0) << path;
      ++count;
    }
  }
  EXPECT_EQ(count, 237);
}

TEST(PngSuite, CorruptFilesAreErrors) {
  const fs::path folder = SharedData("conformance/pngsuite/corrupt");
  if (folder.empty()) GTEST_SKIP() << "PngSuite is absent";
  int count = 0;
  for (const fs::path& path : PngsIn(folder)) {
    const Status status = ReadImageFile(path.string()).status();
    EXPECT_TRUE(status.code() == StatusCode::kCorrupt || status.code() == StatusCode::kTruncated ||
                status.code() == StatusCode::kNotHalfmoon)
        << path << ": " << StatusCodeName(status.code()) << " " << status.message();
    ++count;
  }
  EXPECT_GE(count, 14);
}

TEST(PngSuite, AppleFilesAreRefusedByName) {
  const fs::path folder = SharedData("conformance/pngsuite/iphone");
  if (folder.empty()) GTEST_SKIP() << "PngSuite is absent";
  for (const fs::path& path : PngsIn(folder)) {
    const Status status = ReadImageFile(path.string()).status();
    EXPECT_EQ(status.code(), StatusCode::kUnsupportedFeature) << path;
    EXPECT_NE(status.message().find("CgBI"), std::string::npos) << status.message();
  }
}

TEST(ExifExamples, AllOrientationsShowTheSamePicture) {
  const fs::path folder = SharedData("conformance/exif_orientation");
  if (folder.empty()) GTEST_SKIP() << "the EXIF orientation examples are absent";
  for (const std::string kind : {"Landscape", "Portrait"}) {
    const Result<Image> upright = ReadImageFile((folder / (kind + "_1.jpg")).string());
    ASSERT_TRUE(upright.ok()) << upright.status().message();
    const bool landscape = kind == "Landscape";
    EXPECT_EQ(upright->width(), landscape ? 1800u : 1200u);
    EXPECT_EQ(upright->height(), landscape ? 1200u : 1800u);
    for (int i = 0; i <= 8; ++i) {
      const std::string path = (folder / (kind + "_" + std::to_string(i) + ".jpg")).string();
      const Result<Image> image = ReadImageFile(path);
      ASSERT_TRUE(image.ok()) << image.status().message();
      ASSERT_EQ(image->width(), upright->width()) << path;
      ASSERT_EQ(image->height(), upright->height()) << path;
      // The number of the example is painted into it; all else is equal up to JPEG's losses.
      EXPECT_LT(MeanDifference(*image, *upright), 6.0) << path;
      const Result<ImageInfo> info = ReadImageInfoFile(path);
      ASSERT_TRUE(info.ok());
      EXPECT_EQ(info->orientation, i == 0 ? 1 : i);
      EXPECT_EQ(info->width, image->width());
      EXPECT_EQ(info->has_exif, !image->metadata().exif.empty());
      // Upright now, and said to be so.
      EXPECT_EQ(imageio::ExifOrientation(image->metadata().exif), 1) << path;
    }
  }
}

TEST(LibjxlTestdata, EveryFileIsRead) {
  const fs::path folder = SharedData("conformance/libjxl_testdata");
  if (folder.empty()) GTEST_SKIP() << "libjxl's test data is absent";
  const auto read = [&](const char* name) { return ReadImageFile((folder / name).string()); };
  const auto image = read("jxl_flower_flower_cropped.jpg");
  ASSERT_TRUE(image.ok()) << image.status().message();
  EXPECT_EQ(image->width(), 1040u);
  EXPECT_TRUE(read("jxl_jpeg_reconstruction_bicycles_restarts.jpg").ok());
  EXPECT_TRUE(read("jxl_jpeg_reconstruction_1x1_exif_xmp.jpg").ok());
  const auto cmyk = read("jxl_flower_flower_small.cmyk.jpg");
  ASSERT_TRUE(cmyk.ok()) << cmyk.status().message();
  EXPECT_EQ(cmyk->channels(), 3u);
  const auto grey = read("jxl_flower_flower_small.g.png");
  const auto with_alpha = read("jxl_flower_flower_small.ga.png");
  ASSERT_TRUE(grey.ok() && with_alpha.ok());
  EXPECT_EQ(grey->channels(), 1u);
  EXPECT_EQ(with_alpha->channels(), 2u);
  for (const auto& entry : fs::directory_iterator(folder)) {
    const auto any = ReadImageFile(entry.path().string());
    EXPECT_TRUE(any.ok()) << any.status().message();
    // The profiles of real cameras and programs, byte for byte.
    if (any.ok() && !any->icc().empty() && entry.path().extension() == ".png") {
      const auto file = WriteImage(*any, ImageFormat::kPng);
      ASSERT_TRUE(file.ok());
      const auto again = ReadImage(*file);
      ASSERT_TRUE(again.ok());
      EXPECT_EQ(again->icc(), any->icc()) << entry.path();
      EXPECT_TRUE(SamePixels(*again, *any)) << entry.path();
    }
  }
  const auto metadata = read("jxl_jpeg_reconstruction_1x1_exif_xmp.jpg");
  ASSERT_TRUE(metadata.ok());
  EXPECT_FALSE(metadata->metadata().exif.empty());
  EXPECT_FALSE(metadata->metadata().xmp.empty());
  for (const std::string sampling : {"420", "444"}) {
    // The order of the scans does not matter to the pixels.
    const std::string start = "jxl_flower_flower_small.q85_" + sampling;
    const auto apart = read((start + "_non_interleaved.jpg").c_str());
    const auto partly = read((start + "_partially_interleaved.jpg").c_str());
    ASSERT_TRUE(apart.ok() && partly.ok());
    EXPECT_TRUE(SamePixels(*apart, *partly)) << sampling;
  }
}

}  // namespace
}  // namespace halfmoon
