#include "models/training/data/pack.h"

#include <gtest/gtest.h>
#include <unistd.h>

#include <cstdio>
#include <filesystem>
#include <fstream>

#include "models/training/data/crop_sampler.h"
#include "tests/models/tiny_model.h"

namespace halfmoon::training {
namespace {

class PackTest : public ::testing::Test {
 protected:
  PackTest() : path_(::testing::TempDir() + "pack_test_" + std::to_string(getpid()) + ".hmnpack") {}
  ~PackTest() override { std::filesystem::remove(path_); }

  void WriteBytes(const std::vector<std::uint8_t>& bytes) {
    std::ofstream(path_, std::ios::binary)
        .write(reinterpret_cast<const char*>(bytes.data()),
               static_cast<std::streamsize>(bytes.size()));
  }
  std::string path_;
};

TEST_F(PackTest, RoundTrip) {
  PackWriter writer;
  const auto a = testing::TestPicture(5, 3, 1), b = testing::TestPicture(2, 7, 2);
  ASSERT_TRUE(writer.Add(5, 3, a, false).ok());
  ASSERT_TRUE(writer.Add(2, 7, b, true).ok());
  EXPECT_FALSE(writer.Add(2, 8, b, true).ok());
  WriteBytes(writer.Finish());
  const auto pack = Pack::Read(path_);
  ASSERT_TRUE(pack.ok()) << pack.status().message();
  ASSERT_EQ(pack->entries.size(), 2u);
  EXPECT_EQ(pack->entries[1].width, 2u);
  EXPECT_EQ(pack->entries[1].height, 7u);
  EXPECT_TRUE(pack->entries[1].validation);
  EXPECT_FALSE(pack->entries[0].validation);
  EXPECT_TRUE(
      std::equal(b.begin(), b.end(),
                 pack->bytes.begin() + static_cast<std::ptrdiff_t>(pack->entries[1].offset)));
}

TEST_F(PackTest, KeepsClassesAndCaptions) {
  PackWriter writer;
  writer.SetClasses({"cat", "boat"});
  const std::vector<std::uint8_t> grey = {1, 2, 3, 4, 5, 6};
  ASSERT_TRUE(
      writer.Add({.width = 3, .height = 2, .grey = true, .label = 1}, grey, "a \"boat\" \u00e9")
          .ok());
  ASSERT_TRUE(writer.Add({.width = 2, .height = 1, .validation = true}, grey, "two").ok());
  EXPECT_FALSE(writer.Add({.width = 3, .height = 2, .grey = true}, grey, "").ok()) << "no caption";
  const auto bytes = writer.Finish();
  WriteBytes(bytes);
  const auto pack = Pack::Read(path_);
  ASSERT_TRUE(pack.ok()) << pack.status().message();
  EXPECT_EQ(pack->classes, (std::vector<std::string>{"cat", "boat"}));
  EXPECT_EQ(pack->captions, (std::vector<std::string>{"a \"boat\" \u00e9", "two"}));
  EXPECT_TRUE(pack->entries[0].grey);
  EXPECT_EQ(pack->entries[0].label, 1);
  EXPECT_EQ(pack->entries[1].label, -1);
  EXPECT_TRUE(pack->entries[1].validation);
  EXPECT_EQ(pack->bytes[pack->entries[0].offset + 5], 6);
  for (std::size_t n = 0; n < bytes.size(); ++n) {
    WriteBytes({bytes.begin(), bytes.begin() + static_cast<std::ptrdiff_t>(n)});
    EXPECT_FALSE(Pack::Read(path_).ok()) << n;
  }
  auto bad = bytes;
  bad[24 + 20] = 3;  // class 2 of 2
  WriteBytes(bad);
  EXPECT_EQ(Pack::Read(path_).status().code(), StatusCode::kCorrupt);
}

TEST_F(PackTest, EveryTruncationIsAnError) {
  PackWriter writer;
  ASSERT_TRUE(writer.Add(3, 2, testing::TestPicture(3, 2, 1), false).ok());
  const auto bytes = writer.Finish();
  for (std::size_t n = 0; n < bytes.size(); ++n) {
    WriteBytes({bytes.begin(), bytes.begin() + static_cast<std::ptrdiff_t>(n)});
    EXPECT_FALSE(Pack::Read(path_).ok()) << n;
  }
  EXPECT_EQ(Pack::Read(path_ + ".missing").status().code(), StatusCode::kIo);
}

TEST_F(PackTest, RefusesPicturesOutsideTheFile) {
  PackWriter writer;
  ASSERT_TRUE(writer.Add(3, 2, testing::TestPicture(3, 2, 1), false).ok());
  auto bytes = writer.Finish();
  bytes[16] = 200;  // width
  WriteBytes(bytes);
  EXPECT_EQ(Pack::Read(path_).status().code(), StatusCode::kCorrupt);
}

TEST_F(PackTest, CropsArePartsOfThePictures) {
  // Every pixel of the picture is unique, so a crop tells where it came from.
  std::vector<std::uint8_t> rgb;
  for (int y = 0; y < 80; ++y) {
    for (int x = 0; x < 100; ++x) {
      rgb.push_back(static_cast<std::uint8_t>(x));
      rgb.push_back(static_cast<std::uint8_t>(y));
      rgb.push_back(7);
    }
  }
  PackWriter writer;
  ASSERT_TRUE(writer.Add(100, 80, rgb, false).ok());
  ASSERT_TRUE(writer.Add(100, 80, rgb, true).ok());
  WriteBytes(writer.Finish());
  std::vector<Pack> packs;
  packs.push_back(*Pack::Read(path_));
  const auto sampler = CropSampler::Create(packs, 64, torch::kCPU);
  ASSERT_TRUE(sampler.ok()) << sampler.status().message();
  EXPECT_EQ(sampler->pictures(), 1);
  auto generator = at::detail::createCPUGenerator(5);
  const torch::Tensor crops = (sampler->Sample(40, 64, generator) * 255).round().to(torch::kInt);
  EXPECT_EQ(crops.sizes(), torch::IntArrayRef({40, 3, 64, 64}));
  bool flipped = false, plain = false;
  for (int i = 0; i < 40; ++i) {
    const torch::Tensor c = crops[i];
    const int dx = (c[0][0][1] - c[0][0][0]).item<int>();
    EXPECT_EQ(std::abs(dx), 1);
    (dx > 0 ? plain : flipped) = true;
    EXPECT_EQ((c[0][0][63] - c[0][0][0]).item<int>(), 63 * dx);
    EXPECT_EQ((c[1][63][0] - c[1][0][0]).item<int>(), 63);
    EXPECT_TRUE((c[2] == 7).all().item<bool>());
  }
  EXPECT_TRUE(flipped && plain);

  // Half of the crops show more of the picture, made smaller: the ramps are steeper.
  const torch::Tensor scaled = sampler->SampleScaled(60, 32, 2, generator) * 255;
  EXPECT_EQ(scaled.sizes(), torch::IntArrayRef({60, 3, 32, 32}));
  int unscaled = 0;
  for (int i = 0; i < 60; ++i) {
    const torch::Tensor c = scaled[i];
    const double across = std::abs((c[0][16][24] - c[0][16][8]).item<double>()) / 16;
    const double down = (c[1][24][16] - c[1][8][16]).item<double>() / 16;
    EXPECT_NEAR(across, down, 1e-3);
    EXPECT_GT(across, 1 - 1e-3);
    EXPECT_LT(across, 2 + 1e-3);
    EXPECT_LT((c[2] - 7).abs().max().item<double>(), 1e-3);
    unscaled += across < 1 + 1e-3 ? 1 : 0;
  }
  EXPECT_GT(unscaled, 15);
  EXPECT_LT(unscaled, 45);

  const torch::Tensor centre = CropSampler::ValidationCrops(packs, 64, 10) * 255;
  ASSERT_EQ(centre.size(0), 1);
  EXPECT_EQ(centre[0][0][0][0].round().item<int>(), 18);
  EXPECT_EQ(centre[0][1][0][0].round().item<int>(), 8);
  EXPECT_EQ(CropSampler::Create(packs, 128, torch::kCPU).status().code(),
            StatusCode::kInvalidArgument);
}

}  // namespace
}  // namespace halfmoon::training
