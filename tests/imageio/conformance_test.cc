// Public test pictures: PngSuite, EXIF orientation examples, libjxl's test data. They are not part
// of the repository; the tests skip where they are absent.
#include <gtest/gtest.h>

#include <algorithm>
#include <fstream>
#include <sstream>

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

// ref_results.csv holds size, channels and a hash of the pixels as another decoder (stb_image),
// which shares no code with libpng, reads them. It ignores gAMA, as we do.
TEST(PngSuite, SupportedFilesDecodeToTheReferenceAndOthersAreNamed) {
  const fs::path folder = SharedData("conformance/pngsuite");
  if (folder.empty()) GTEST_SKIP() << "PngSuite is absent";
  std::ifstream list(folder / "ref_results.csv");
  std::string line;
  ASSERT_TRUE(std::getline(list, line));
  ASSERT_EQ(line.substr(0, 38), "filename,width,height,ncomp,error,hash");
  int decoded = 0, refused = 0;
  while (std::getline(list, line)) {
    std::istringstream fields(line);
    std::string name, width, height, channels, error, hash;
    std::getline(fields, name, ','), std::getline(fields, width, ',');
    std::getline(fields, height, ','), std::getline(fields, channels, ',');
    std::getline(fields, error, ','), std::getline(fields, hash, ',');
    const fs::path path = folder.parent_path() / name;
    // Damaged files have their own test; primary_check holds other people's renderings.
    if (name.find("/corrupt/") != name.npos || name.find("/iphone/") != name.npos) continue;
    if (!error.empty() || !fs::exists(path)) continue;

    const Result<ImageInfo> info = ReadImageInfoFile(path.string());
    ASSERT_TRUE(info.ok()) << info.status().message();
    EXPECT_EQ(std::to_string(info->width), width) << name;
    EXPECT_EQ(std::to_string(info->height), height) << name;
    const Result<Image> image = ReadImageFile(path.string());
    if (info->has_alpha || info->bit_depth != 8) {
      EXPECT_EQ(image.status().code(), StatusCode::kUnsupportedFeature) << name;
      ++refused;
      continue;
    }
    ASSERT_TRUE(image.ok()) << image.status().message();
    EXPECT_EQ(std::to_string(image->channels()), channels) << name;
    EXPECT_EQ(Fnv1a(image->samples()), std::stoul(hash, nullptr, 16)) << name;
    ++decoded;
  }
  EXPECT_GT(decoded, 100);
  EXPECT_GT(refused, 20);
  RecordProperty("decoded", decoded);
  RecordProperty("refused", refused);
}

TEST(PngSuite, SixteenBitFilesAreRefusedByName) {
  const fs::path folder = SharedData("conformance/pngsuite/16bit");
  if (folder.empty()) GTEST_SKIP() << "PngSuite is absent";
  for (const fs::path& path : PngsIn(folder)) {
    const Result<Image> image = ReadImageFile(path.string());
    EXPECT_EQ(image.status().code(), StatusCode::kUnsupportedFeature) << path;
    EXPECT_NE(image.status().message().find("16-bit"), std::string::npos)
        << image.status().message();
  }
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
    }
  }
}

TEST(LibjxlTestdata, DecodesOrIsNamed) {
  const fs::path folder = SharedData("conformance/libjxl_testdata");
  if (folder.empty()) GTEST_SKIP() << "libjxl's test data is absent";
  const auto read = [&](const char* name) { return ReadImageFile((folder / name).string()); };
  const auto image = read("jxl_flower_flower_cropped.jpg");
  ASSERT_TRUE(image.ok()) << image.status().message();
  EXPECT_EQ(image->width(), 1040u);
  EXPECT_TRUE(read("jxl_jpeg_reconstruction_bicycles_restarts.jpg").ok());
  EXPECT_TRUE(read("jxl_jpeg_reconstruction_1x1_exif_xmp.jpg").ok());
  const Status cmyk = read("jxl_flower_flower_small.cmyk.jpg").status();
  EXPECT_EQ(cmyk.code(), StatusCode::kUnsupportedFeature);
  EXPECT_NE(cmyk.message().find("CMYK"), std::string::npos);
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
