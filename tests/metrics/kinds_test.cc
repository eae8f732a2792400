// Metrics of pictures of every kind: 8 and 16 bit, grey, alpha. The numbers are computed here once
// more from the definition (docs/metrics.md), not with the code under test.
#include <gtest/gtest.h>

#include <cmath>

#include "codec/metrics/metrics.h"

namespace halfmoon::metrics {
namespace {

constexpr std::uint32_t kWidth = 23, kHeight = 17;

std::uint32_t Hash(std::uint32_t x, std::uint32_t y, std::uint32_t c, std::uint32_t seed) {
  std::uint32_t h = x * 2654435761u ^ y * 2246822519u ^ c * 3266489917u ^ seed * 668265263u;
  h = (h ^ (h >> 15)) * 2246822519u;
  return h ^ (h >> 13);
}

Image Random(std::uint32_t channels, std::uint32_t bit_depth, std::uint32_t seed) {
  Image image = *Image::Create({kWidth, kHeight, channels, bit_depth});
  for (std::uint32_t y = 0; y < kHeight; ++y) {
    for (std::uint32_t i = 0; i < kWidth * channels; ++i) {
      const std::uint32_t h = Hash(i / channels, y, i % channels, seed);
      if (bit_depth == 16) {
        image.row16(y)[i] = static_cast<std::uint16_t>(h);
      } else {
        image.row(y)[i] = static_cast<std::uint8_t>(h);
      }
    }
  }
  return image;
}

double Sample(const Image& p, std::uint32_t x, std::uint32_t y, std::uint32_t c) {  // 0..1
  const std::size_t i = std::size_t{x} * p.channels() + c;
  return p.bit_depth() == 16 ? p.row16(y)[i] / 65535.0 : p.row(y)[i] / 255.0;
}

// R, G or B as a viewer shows it over mid-grey, in whole levels.
double Shown(const Image& p, std::uint32_t x, std::uint32_t y, std::uint32_t c) {
  const std::uint32_t colours = p.channels() <= 2 ? 1 : 3;
  const double alpha = p.has_alpha() ? Sample(p, x, y, colours) : 1;
  const double light = Sample(p, x, y, colours == 1 ? 0 : c) * alpha + 128 / 255.0 * (1 - alpha);
  return std::floor(light * 255 + 0.5 + 1e-9);
}

double PsnrByHand(const Image& a, const Image& b) {
  double sum = 0;
  for (std::uint32_t y = 0; y < kHeight; ++y) {
    for (std::uint32_t x = 0; x < kWidth; ++x) {
      for (std::uint32_t c = 0; c < 3; ++c) {
        const double d = Shown(a, x, y, c) - Shown(b, x, y, c);
        sum += d * d;
      }
    }
  }
  return 10 * std::log10(255.0 * 255.0 / (sum / (3.0 * kWidth * kHeight)));
}

TEST(KindsTest, EveryPairOfKindsAgreesWithTheDefinition) {
  for (const std::uint32_t depth_a : {8u, 16u}) {
    for (const std::uint32_t depth_b : {8u, 16u}) {
      for (std::uint32_t channels_a = 1; channels_a <= 4; ++channels_a) {
        for (std::uint32_t channels_b = 1; channels_b <= 4; ++channels_b) {
          SCOPED_TRACE(testing::Message() << channels_a << "x" << depth_a << " against "
                                          << channels_b << "x" << depth_b);
          const Image a = Random(channels_a, depth_a, 1), b = Random(channels_b, depth_b, 2);
          const double expected = PsnrByHand(a, b);
          EXPECT_NEAR(*Psnr(a.view(), b.view()), expected, 1e-9);
          const auto all = Measure(a.view(), b.view());
          ASSERT_TRUE(all.ok()) << all.status().message();
          EXPECT_NEAR(*(*all)[Metric::kPsnrRgb], expected, 1e-9);
        }
      }
    }
  }
}

TEST(KindsTest, APictureEqualsItselfInEveryKind) {
  for (const std::uint32_t depth : {8u, 16u}) {
    for (std::uint32_t channels = 1; channels <= 4; ++channels) {
      const Image a = Random(channels, depth, 5);
      const auto v = Measure(a.view(), a.view());
      ASSERT_TRUE(v.ok());
      for (const Metric m : {Metric::kPsnrRgb, Metric::kPsnrY, Metric::kPsnrCb, Metric::kPsnrCr}) {
        EXPECT_TRUE(std::isinf(*(*v)[m])) << channels << " channels, " << depth << " bit";
      }
    }
  }
}

// The same pixels as another kind of picture.
Image As(const Image& p, std::uint32_t channels, std::uint32_t bit_depth) {
  Image out = *Image::Create({p.width(), p.height(), channels, bit_depth});
  const std::uint32_t colours = channels <= 2 ? 1 : 3;
  for (std::uint32_t y = 0; y < p.height(); ++y) {
    for (std::uint32_t i = 0; i < p.width() * channels; ++i) {
      const std::uint32_t c = i % channels;
      const std::uint32_t level =
          c == colours ? 255 : p.row(y)[i / channels * p.channels() + (p.channels() == 1 ? 0 : c)];
      if (bit_depth == 16) {
        out.row16(y)[i] = static_cast<std::uint16_t>(level * 257);
      } else {
        out.row(y)[i] = static_cast<std::uint8_t>(level);
      }
    }
  }
  return out;
}

TEST(KindsTest, TheSamePixelsInAnotherKindOfFileAreEqual) {
  const Image grey = Random(1, 8, 3), rgb = Random(3, 8, 4);
  for (const std::uint32_t depth : {8u, 16u}) {
    for (std::uint32_t channels = 1; channels <= 4; ++channels) {
      SCOPED_TRACE(testing::Message() << channels << " channels, " << depth << " bit");
      EXPECT_TRUE(std::isinf(*Psnr(grey.view(), As(grey, channels, depth).view())));
      if (channels < 3) continue;
      EXPECT_TRUE(std::isinf(*Psnr(rgb.view(), As(rgb, channels, depth).view())));
      EXPECT_TRUE(std::isinf(*Psnr(As(rgb, channels, depth).view(), rgb.view())));
    }
  }
}

TEST(KindsTest, ConversionsAreNamed) {
  EXPECT_EQ(ConversionNote({1, 1, 3, 8}), "");
  EXPECT_EQ(ConversionNote({1, 1, 1, 8}), "");
  EXPECT_EQ(ConversionNote({1, 1, 2, 8}), "transparency over mid-grey");
  EXPECT_EQ(ConversionNote({1, 1, 4, 16}), "transparency over mid-grey, 16 bits rounded to 8");
}

TEST(KindsTest, MetadataIsLeftOutAndSamplesTakenOver) {
  Image image = Random(3, 8, 1);
  image.set_icc({1, 2, 3});
  const std::uint8_t* samples = image.row(0);
  const RgbPicture picture = *RgbPicture::From(std::move(image));
  EXPECT_TRUE(picture.view().icc.empty());
  EXPECT_EQ(picture.row(0), samples);
}

TEST(KindsTest, PsnrAndMeanSquaredErrorAreInverse) {
  for (const double mse : {0.0, 1e-6, 1.0, 65025.0}) {
    EXPECT_NEAR(MseOfPsnr(PsnrOfMse(mse)), mse, 1e-9 * mse);
  }
}

TEST(KindsTest, UnequalSizesAreNamedWhateverTheKind) {
  const Image a = *Image::Create({20, 10, 4, 16}), b = *Image::Create({20, 11, 1, 8});
  for (const Status& status :
       {Measure(a.view(), b.view()).status(), Psnr(a.view(), b.view()).status(),
        MsSsim(a.view(), b.view()).status(), Ssimulacra2Score(a.view(), b.view()).status()}) {
    EXPECT_EQ(status.code(), StatusCode::kInvalidArgument);
    EXPECT_NE(status.message().find("20x10 and 20x11; only pictures of equal size"),
              std::string::npos)
        << status.message();
  }
}

TEST(KindsTest, MetricsThatDoNotExistAreRefusedWithTheSize) {
  const Image a = *Image::Create({20, 10, 3, 8});
  EXPECT_NE(MsSsim(a.view(), a.view())
                .status()
                .message()
                .find("161 pixels a side, the picture has "
                      "20x10"),
            std::string::npos);
  EXPECT_NE(Ssimulacra2Score(a.view(), a.view()).status().message().find("113 pixels a side"),
            std::string::npos);
}

}  // namespace
}  // namespace halfmoon::metrics
