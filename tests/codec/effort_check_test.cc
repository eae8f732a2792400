// From effort 4 on a file never costs more than the one of effort 1: bits and error of real files.
#include "codec/effort_check.h"

#include <gtest/gtest.h>

#include <cmath>

#include "models/config/ae_config.h"
#include "tests/codec/test_pictures.h"

namespace halfmoon {
namespace {

using namespace halfmoon::testing;  // NOLINT: helpers of this folder

constexpr double kQuality = 40;

double TinyLambda() { return AeConfig().Lambda(kQuality / 100 * (AeConfig::kLevels - 1)); }

EncodeOptions WithEffort(int effort) {
  EncodeOptions o = TinyEncode(kQuality);
  o.effort = effort;
  return o;
}

std::vector<std::uint8_t> Encode(const EncodeOptions& options, const Image& image,
                                 EncodeStats* stats = nullptr) {
  auto file = Encoder::Create(options)->Encode(image.view(), stats);
  EXPECT_TRUE(file.ok()) << file.status().message();
  return std::move(*file);
}

// Hard edges of saturated colours.
Image Corners(std::uint32_t side) {
  Image image = *Image::Create(side, side, 3);
  for (std::uint32_t y = 0; y < side; ++y) {
    for (std::uint32_t x = 0; x < side; ++x) {
      std::uint8_t* pixel = image.row(y) + std::size_t{3} * x;
      pixel[0] = x > side / 2 ? 255 : 0;
      pixel[1] = y > side / 2 ? 255 : 0;
      pixel[2] = x + y > side ? 255 : 0;
    }
  }
  return image;
}

TEST(EffortCheckTest, CostIsBitsAndErrorOfWhatIsDecoded) {
  const auto check = EffortCheck::Create(WithEffort(4));
  ASSERT_TRUE(check.ok()) << check.status().message();
  for (const std::uint32_t depth : {8u, 16u}) {
    const Image image = MakeKind({80, 70, 4, depth});
    const auto file = Encode(WithEffort(3), image);
    const Image decoded = std::move(*Decoder::Create(TinyDecode())->Decode(file));
    double squares = 0, count = 0;
    for (std::uint32_t y = 0; y < 70; ++y) {
      for (std::uint32_t x = 0; x < 80; ++x) {
        if (SampleOf(image, x, y, 3) == 0) continue;
        for (std::uint32_t c = 0; c < 3; ++c) {
          const double d = 255 * (SampleOf(image, x, y, c) - SampleOf(decoded, x, y, c));
          squares += d * d, ++count;
        }
      }
    }
    ASSERT_GT(count, 1000);
    const auto cost = (*check)->Cost(image.view(), file, 0.25);
    ASSERT_TRUE(cost.ok()) << cost.status().message();
    EXPECT_NEAR(*cost, 8.0 * static_cast<double>(file.size()) / (80 * 70) + 0.25 * squares / count,
                1e-6);
  }
}

TEST(EffortCheckTest, KeepsTheCheaperFile) {
  const auto check = EffortCheck::Create(WithEffort(4));
  const Image image = MakePicture(150, 130, 3, Kind::kScene);
  const auto plain = Encode(WithEffort(1), image), good = Encode(WithEffort(3), image);
  EncodeOptions much = WithEffort(3);
  much.quality = 95;  // far too many bits for this lambda
  const auto bad = Encode(much, image);
  const double lambda = TinyLambda();
  EncodeStats stats;
  stats.estimated_bits = 1;
  EXPECT_EQ(*(*check)->Cheaper(image.view(), kQuality, lambda, good, &stats), good);
  EXPECT_EQ(stats.estimated_bits, 1);
  EXPECT_EQ(*(*check)->Cheaper(image.view(), kQuality, lambda, bad, &stats), plain);
  EXPECT_GT(stats.estimated_bits, 1);  // of the file that is kept
  EXPECT_EQ(
      (*check)->Cheaper(image.view(), kQuality, lambda, {1, 2, 3}, &stats).status().code(),
      Decoder::Create(TinyDecode())->Decode(std::vector<std::uint8_t>{1, 2, 3}).status().code());
}

TEST(EffortCheckTest, EffortFourIsNeverWorseThanEffortOne) {
  const auto check = EffortCheck::Create(WithEffort(4));
  const double lambda = TinyLambda();
  Image pictures[] = {MakePicture(90, 70, 3, Kind::kFlat),
                      MakePicture(90, 70, 3, Kind::kNoise),
                      MakePicture(90, 70, 1, Kind::kScene),
                      MakeKind({64, 64, 2, 16}),
                      Corners(64),
                      Corners(200)};
  for (const Image& image : pictures) {
    EncodeStats stats;
    const auto one = Encode(WithEffort(1), image), three = Encode(WithEffort(3), image),
               four = Encode(WithEffort(4), image, &stats);
    const double of_one = *(*check)->Cost(image.view(), one, lambda),
                 of_three = *(*check)->Cost(image.view(), three, lambda);
    EXPECT_EQ(four, of_three <= of_one ? three : one);
    EXPECT_GT(stats.symbols, 0u);
    EXPECT_GT(stats.memory_bytes, 0u);
  }
}

TEST(EffortCheckTest, TheMemoryLimitHoldsHereToo) {
  const Image image = MakePicture(70, 60, 3, Kind::kScene);
  EncodeOptions options = WithEffort(4);
  options.max_memory = std::uint64_t{1} << 40;
  EXPECT_EQ(Encode(options, image), Encode(WithEffort(4), image));
  options.max_memory = 1 << 20;
  EXPECT_EQ(Encoder::Create(options)->Encode(image.view()).status().code(),
            StatusCode::kLimitExceeded);
}

}  // namespace
}  // namespace halfmoon
