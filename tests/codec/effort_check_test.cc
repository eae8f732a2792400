// From effort 4 on a file never costs more than the one of effort 1: bits and error of real files.
#include "codec/effort_check.h"

#include <gtest/gtest.h>

#include <cmath>

#include "bitstream/container.h"
#include "codec/store/model_store.h"
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

// By the streams in the file.
double CostOf(const std::vector<std::uint8_t>& file, const Image& image, double lambda) {
  const auto parsed = Parse(file);
  EXPECT_TRUE(parsed.ok());
  const Header& h = parsed->header;
  auto store = ModelStore::Open(ModelsDir(), "");
  const auto entry = store->ForDecoding(h.model_id, h.model_hash);
  EXPECT_TRUE(entry.ok()) << entry.status().message();
  BandDecodeRequest request;
  request.shape = image.shape();
  request.region = {0, 0, h.width, h.height};
  request.tile_size = h.tile_size;
  request.q = h.quality;
  request.dependent = h.dependent();
  request.latents = parsed->Latents();
  request.alphas = parsed->Alphas();
  const ModelAttributes& a = (*entry)->model->attributes();
  request.plan = *PlanWork(a.Work(image.shape(), h.tile_size, a.synthesis));
  const auto cost = CodingCost(*(*entry)->model, image.view(), request, file.size(), lambda);
  EXPECT_TRUE(cost.ok()) << cost.status().message();
  return *cost;
}

TEST(EffortCheckTest, CostIsBitsAndErrorOfWhatIsDecoded) {
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
    EXPECT_NEAR(CostOf(file, image, 0.25),
                8.0 * static_cast<double>(file.size()) / (80 * 70) + 0.25 * squares / count, 1e-6);
  }
}

TEST(EffortCheckTest, EffortFourIsTheCheaperOfOneAndThree) {
  const double lambda = TinyLambda();
  Image pictures[] = {MakePicture(90, 70, 3, Kind::kFlat),
                      MakePicture(90, 70, 3, Kind::kNoise),
                      MakePicture(90, 70, 1, Kind::kScene),
                      MakePicture(150, 130, 3, Kind::kScene),
                      MakeKind({64, 64, 2, 16}),
                      Corners(64),
                      Corners(200)};
  int ones = 0, threes = 0;
  for (const Image& image : pictures) {
    EncodeStats of_one, of_three, of_four;
    const auto one = Encode(WithEffort(1), image, &of_one),
               three = Encode(WithEffort(3), image, &of_three),
               four = Encode(WithEffort(4), image, &of_four);
    const bool takes_three = CostOf(three, image, lambda) <= CostOf(one, image, lambda);
    ++(takes_three ? threes : ones);
    EXPECT_EQ(four, takes_three ? three : one);
    EXPECT_EQ(of_four.coding.estimated_bits,
              (takes_three ? of_three : of_one).coding.estimated_bits);
    // The picture is held beside.
    EXPECT_GT(of_four.memory_bytes, of_three.memory_bytes);
  }
  EXPECT_GT(threes, 0);
  EXPECT_GT(ones, 0);
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
