// Encoding to a size or a fidelity: never beyond the target, close to it, or an error that names
// what can be had.
#include "halfmoon/target.h"

#include <gtest/gtest.h>

#include "codec/metrics/metrics.h"
#include "tests/codec/test_pictures.h"

namespace halfmoon {
namespace {

using namespace halfmoon::testing;  // NOLINT: helpers of this folder

class TargetTest : public ::testing::Test {
 protected:
  std::size_t SizeAt(double quality) { return encoder_.Encode(image_.view(), quality)->size(); }

  Image image_ = MakePicture(384, 256, 3, Kind::kScene);
  Encoder encoder_ = std::move(*Encoder::Create(TinyEncode()));
  Decoder decoder_ = std::move(*Decoder::Create(TinyDecode()));
};

TEST_F(TargetTest, SizesAreReachedFromBelow) {
  const std::size_t smallest = SizeAt(0), largest = SizeAt(100);
  ASSERT_LT(2 * smallest, largest);
  for (const double part : {0.05, 0.3, 0.6, 0.95}) {
    const auto wanted = static_cast<std::uint64_t>(static_cast<double>(smallest) +
                                                   part * static_cast<double>(largest - smallest));
    const auto made = EncodeToSize(encoder_, image_.view(), wanted);
    ASSERT_TRUE(made.ok()) << made.status().message();
    EXPECT_LE(made->file.size(), wanted);
    EXPECT_GE(static_cast<double>(made->file.size()), 0.99 * static_cast<double>(wanted));
    EXPECT_EQ(made->reached, static_cast<double>(made->file.size()));
    EXPECT_LE(made->encodes, 12);
    // The file is what that quality gives.
    EXPECT_EQ(*encoder_.Encode(image_.view(), made->quality), made->file);
  }
}

TEST_F(TargetTest, TheEndsOfTheRange) {
  const std::size_t smallest = SizeAt(0), largest = SizeAt(100);
  EXPECT_EQ(EncodeToSize(encoder_, image_.view(), smallest)->file.size(), smallest);
  const auto best = EncodeToSize(encoder_, image_.view(), 100 * largest);
  ASSERT_TRUE(best.ok());
  EXPECT_EQ(best->quality, 100);
  EXPECT_EQ(best->encodes, 2);
  const auto none = EncodeToSize(encoder_, image_.view(), smallest - 1);
  ASSERT_FALSE(none.ok());
  EXPECT_EQ(none.status().code(), StatusCode::kInvalidArgument);
  EXPECT_NE(none.status().message().find("takes " + std::to_string(smallest) + " to " +
                                         std::to_string(largest)),
            std::string::npos)
      << none.status().message();
}

TEST_F(TargetTest, FidelityIsReachedFromAbove) {
  const auto psnr_at = [&](double quality) {
    return *metrics::Psnr(image_.view(),
                          decoder_.Decode(*encoder_.Encode(image_.view(), quality))->view());
  };
  const double worst = psnr_at(0), best = psnr_at(100);
  ASSERT_LT(worst + 1, best);
  for (const double part : {0.2, 0.5, 0.9}) {
    const double wanted = worst + part * (best - worst);
    const auto made =
        EncodeToFidelity(encoder_, decoder_, image_.view(), wanted, 0.05, metrics::Psnr);
    ASSERT_TRUE(made.ok()) << made.status().message();
    EXPECT_GE(made->reached, wanted);
    EXPECT_LE(made->reached, wanted + 0.05);
    EXPECT_EQ(*metrics::Psnr(image_.view(), decoder_.Decode(made->file)->view()), made->reached);
  }
  EXPECT_EQ(EncodeToFidelity(encoder_, decoder_, image_.view(), 0, 0.05, metrics::Psnr)->quality,
            0);
  const auto none = EncodeToFidelity(encoder_, decoder_, image_.view(), 99, 0.05, metrics::Psnr);
  ASSERT_FALSE(none.ok());
  EXPECT_NE(none.status().message().find("99.00 can't be reached"), std::string::npos)
      << none.status().message();
}

TEST_F(TargetTest, AFailingMetricEndsIt) {
  const auto failed =
      EncodeToFidelity(encoder_, decoder_, image_.view(), 30, 0.05,
                       [](const ImageView&, const ImageView&) -> Result<double> {
                         return Status(StatusCode::kUnsupportedFeature, "no such metric here");
                       });
  EXPECT_EQ(failed.status().message(), "no such metric here");
}

}  // namespace
}  // namespace halfmoon
