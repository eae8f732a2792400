// The float layers: the same bits on every instruction set and with any number of threads.
#include "models/runtime/layers/float_layers.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <bit>
#include <cmath>
#include <tuple>

#include "models/runtime/ae/ae_transforms.h"
#include "test_model.h"

namespace halfmoon::runtime {
namespace {

using testing::Random;

// Floats of all signs over some 16 binades, so that sums round at every place.
std::vector<float> RandomFloats(std::size_t count, Random& random, int binades = 16) {
  std::vector<float> values(count);
  for (float& v : values) {
    v = std::ldexp(static_cast<float>(random.In(-(1 << 24), 1 << 24)),
                   -24 + static_cast<int>(random.In(-binades / 2, binades / 2)));
  }
  return values;
}

::testing::AssertionResult SameBits(const std::vector<float>& a, const std::vector<float>& b) {
  if (a.size() != b.size()) return ::testing::AssertionFailure() << "sizes differ";
  for (std::size_t i = 0; i < a.size(); ++i) {
    if (std::bit_cast<std::uint32_t>(a[i]) != std::bit_cast<std::uint32_t>(b[i])) {
      return ::testing::AssertionFailure() << "at " << i << ": " << a[i] << " and " << b[i];
    }
  }
  return ::testing::AssertionSuccess();
}

TEST(FloatKernelsTest, GemmIsTheReferenceOnEveryIsa) {
  Random random(1);
  for (const std::size_t rows : {1, 2, 5, 6, 11, 12, 13, 31}) {
    for (const std::size_t depth : {1, 7, 128}) {
      for (const bool plain : {true, false}) {
        const std::size_t channels = 2 * kFloatPanel, stride = depth + 3;
        // With an odd number of rows the last panel is cut; what lies behind may be written or not.
        const std::size_t computed = rows % 2 == 1 ? channels - kFloatTile : channels;
        const auto in = RandomFloats(rows * stride, random),
                   weights = RandomFloats(channels * depth, random);
        const auto bias = RandomFloats(channels, random),
                   residual = RandomFloats(rows * channels, random);
        auto run = [&](Isa isa) {
          std::vector<float> out(rows * channels, -1);
          FloatKernelsFor(isa).gemm({.rows = in.data(),
                                     .row_stride = stride,
                                     .row_count = rows,
                                     .depth = depth,
                                     .weights = weights.data(),
                                     .channels = computed,
                                     .bias = plain ? nullptr : bias.data(),
                                     .slope = plain ? 1 : 0.1f,
                                     .residual = plain ? nullptr : residual.data(),
                                     .residual_stride = channels,
                                     .out = out.data(),
                                     .out_stride = channels});
          for (std::size_t r = 0; r < rows; ++r)
            std::fill_n(out.begin() + static_cast<std::ptrdiff_t>(r * channels + computed),
                        channels - computed, 0.0f);
          return out;
        };
        const auto reference = run(Isa::kScalar);
        for (const Isa isa : SupportedIsas()) {
          EXPECT_TRUE(SameBits(run(isa), reference))
              << IsaName(isa) << ", " << rows << " x " << depth;
        }
      }
    }
  }
}

// One product and one sum, a hundred thousand times, at exponents where the product's last bits
// decide: what an emulation that rounds twice gets wrong.
TEST(FloatKernelsTest, EachProductIsRoundedOnce) {
  Random random(2);
  const std::size_t count = 100'000 / kFloatPanel;
  for (std::size_t i = 0; i < count; ++i) {
    const auto weights = RandomFloats(kFloatPanel, random, 2),
               bias = RandomFloats(kFloatPanel, random, 50);
    const auto in = RandomFloats(1, random, 2);
    std::vector<float> expected(kFloatPanel);
    for (std::size_t c = 0; c < kFloatPanel; ++c)
      expected[c] = std::fma(weights[c], in[0], bias[c]);
    for (const Isa isa : SupportedIsas()) {
      std::vector<float> out(kFloatPanel);
      FloatKernelsFor(isa).gemm({.rows = in.data(),
                                 .row_stride = 1,
                                 .row_count = 1,
                                 .depth = 1,
                                 .weights = weights.data(),
                                 .channels = kFloatPanel,
                                 .bias = bias.data(),
                                 .slope = 1,
                                 .residual = nullptr,
                                 .residual_stride = 0,
                                 .out = out.data(),
                                 .out_stride = kFloatPanel});
      ASSERT_TRUE(SameBits(out, expected)) << IsaName(isa);
    }
  }
}

// The first sum, 1 + 2^-23 + 2^-24 - 2^-70, lies just below the middle between two floats; rounded
// to double first it becomes the middle itself, which rounds up.
TEST(FloatKernelsTest, TheSumIsNotRoundedTwice) {
  const float w0 = 0x1.000002p-24f, x0 = 0x1.fffffcp-1f, b0 = 0x1.000002p0f;
  ASSERT_NE(static_cast<float>(double{w0} * x0 + b0), std::fma(w0, x0, b0)) << "no hard case";
  for (const auto& [w, x, b] : {std::tuple{w0, x0, b0},
                                {-w0, x0, -b0},
                                {0x1.000002p-24f, 1.0f, 1.0f},
                                {0x1.000002p-24f, 0x1.000002p0f, 1.0f},
                                {-0x1.000002p-25f, 1.0f, 1.0f},
                                {0x1p-24f, 0x1.000002p0f, -1.0f},
                                {0x1.fffffep-1f, 0x1.fffffep-1f, -1.0f}}) {
    const std::vector<float> ws(kFloatPanel, w), bs(kFloatPanel, b);
    for (const Isa isa : SupportedIsas()) {
      std::vector<float> out(kFloatPanel);
      FloatKernelsFor(isa).gemm({.rows = &x,
                                 .row_stride = 1,
                                 .row_count = 1,
                                 .depth = 1,
                                 .weights = ws.data(),
                                 .channels = kFloatPanel,
                                 .bias = bs.data(),
                                 .slope = 1,
                                 .residual = nullptr,
                                 .residual_stride = 0,
                                 .out = out.data(),
                                 .out_stride = kFloatPanel});
      EXPECT_EQ(out[0], std::fma(w, x, b)) << IsaName(isa);
    }
  }
}

TEST(FloatKernelsTest, DepthwiseIsTheReferenceOnEveryIsa) {
  Random random(3);
  const std::size_t width = 5, channels = 2 * kFloatPanel;
  const auto in = RandomFloats(3 * (width + 2) * channels, random);
  const auto weights = RandomFloats(9 * channels, random), bias = RandomFloats(channels, random);
  auto run = [&](Isa isa) {
    std::vector<float> out(width * channels);
    const float* rows = in.data();
    const std::size_t row = (width + 2) * channels;
    FloatKernelsFor(isa).depthwise({.rows = {rows, rows + row, rows + 2 * row},
                                    .width = width,
                                    .channels = channels,
                                    .weights = weights.data(),
                                    .bias = bias.data(),
                                    .out = out.data()});
    return out;
  };
  for (const Isa isa : SupportedIsas())
    EXPECT_TRUE(SameBits(run(isa), run(Isa::kScalar))) << IsaName(isa);
}

TEST(FloatLayersTest, PortableExpIsExp) {
  for (double x = -30; x < 30; x += 0.0137) {
    EXPECT_NEAR(PortableExp(x) / std::exp(x), 1, 1e-15) << x;
  }
  EXPECT_EQ(PortableExp(0), 1);
  EXPECT_EQ(PortableExp(1e9), PortableExp(700));
  EXPECT_EQ(PortableExp(std::nan("")), PortableExp(-700));
}

TEST(FloatLayersTest, HalfPrecisionTensorsAreExact) {
  training::SafetensorsWriter writer;
  // 1, -2, the largest, the smallest normal, the smallest subnormal, -0.
  const std::vector<std::uint16_t> bits = {0x3c00, 0xc000, 0x7bff, 0x0400, 0x0001, 0x8000};
  ASSERT_TRUE(
      writer
          .AddBytes("x", DType::kF16, {6}, {reinterpret_cast<const std::uint8_t*>(bits.data()), 12})
          .ok());
  const auto file = WeightsFile::FromBytes(*writer.ToBytes());
  ASSERT_TRUE(file.ok());
  const auto values = LoadFloats(*file, "x", {6});
  ASSERT_TRUE(values.ok()) << values.status().message();
  EXPECT_TRUE(SameBits(*values, {1, -2, 65504, 0x1p-14f, 0x1p-24f, -0.0f}));
  EXPECT_EQ(LoadFloats(*file, "x", {5}).status().code(), StatusCode::kModelCorrupt);
  EXPECT_EQ(LoadFloats(*file, "y", {6}).status().code(), StatusCode::kModelCorrupt);
}

TEST(FloatLayersTest, WholeNumbersAreTimesTheStepOfTheirRow) {
  training::SafetensorsWriter writer;
  const std::vector<float> steps = {0.25f, 0.1f};
  ASSERT_TRUE(
      writer.Add<std::int8_t>("a", {2, 3}, std::vector<std::int8_t>{1, -2, 127, 3, 0, -127}).ok());
  ASSERT_TRUE(writer.Add<float>("a.step", {2}, steps).ok());
  ASSERT_TRUE(writer.Add<std::int16_t>("b", {2, 1}, std::vector<std::int16_t>{-1023, 7}).ok());
  ASSERT_TRUE(writer.Add<float>("b.step", {2}, steps).ok());
  ASSERT_TRUE(writer.Add<std::int8_t>("bare", {2}, std::vector<std::int8_t>{1, 2}).ok());
  ASSERT_TRUE(writer.Add<std::int8_t>("short", {2}, std::vector<std::int8_t>{1, 2}).ok());
  ASSERT_TRUE(writer.Add<float>("short.step", {1}, std::vector<float>{1}).ok());
  const auto file = WeightsFile::FromBytes(*writer.ToBytes());
  ASSERT_TRUE(file.ok());
  EXPECT_TRUE(SameBits(*LoadFloats(*file, "a", {2, 3}),
                       {0.25f, -0.5f, 31.75f, 3 * 0.1f, 0.0f, -127 * 0.1f}));
  EXPECT_TRUE(SameBits(*LoadFloats(*file, "b", {2, 1}), {-255.75f, 7 * 0.1f}));
  EXPECT_EQ(LoadFloats(*file, "a", {3, 2}).status().code(), StatusCode::kModelCorrupt);
  const Status bare = LoadFloats(*file, "bare", {2}).status();
  EXPECT_EQ(bare.code(), StatusCode::kModelCorrupt);
  EXPECT_NE(bare.message().find("bare.step"), std::string::npos) << bare.message();
  EXPECT_EQ(LoadFloats(*file, "short", {2}).status().code(), StatusCode::kModelCorrupt);
}

class AeTransformsTest : public ::testing::Test {
 protected:
  AeTransformsTest()
      : file_(*WeightsFile::FromBytes(
            *testing::RandomTransforms(testing::SmallConfig(), 5).ToBytes())) {}
  WeightsFile file_;
};

TEST_F(AeTransformsTest, SynthesisIsTheSameOnEveryIsaAndThreadCount) {
  const auto config = FromMetadata<AeConfig>(file_.metadata());
  ASSERT_TRUE(config.ok()) << config.status().message();
  const auto synthesis = AeSynthesis::Load(file_, *config);
  ASSERT_TRUE(synthesis.ok()) << synthesis.status().message();
  Random random(6);
  const std::size_t h = 10, w = 20;  // more than one window of the blocks
  const auto latent = testing::RandomSymbols(h * w * config->latent_channels, 100, random);
  auto run = [&](Isa isa, int threads) {
    std::vector<float> pixels(h * w * 256 * 3);
    synthesis->Run(isa, latent, h, w, 5000, threads, pixels.data());
    return pixels;
  };
  const auto reference = run(Isa::kScalar, 1);
  EXPECT_GT(*std::max_element(reference.begin(), reference.end()), 0.5f) << "nothing was computed";
  for (const Isa isa : SupportedIsas()) {
    for (const int threads : {1, 3}) {
      EXPECT_TRUE(SameBits(run(isa, threads), reference))
          << IsaName(isa) << ", " << threads << " threads";
    }
  }
}

TEST_F(AeTransformsTest, AnalysisIsTheSameOnEveryIsaAndThreadCount) {
  const auto config = FromMetadata<AeConfig>(file_.metadata());
  ASSERT_TRUE(config.ok()) << config.status().message();
  const auto analysis = AeAnalysis::Load(file_, *config);
  ASSERT_TRUE(analysis.ok()) << analysis.status().message();
  Random random(7);
  const std::size_t h = 4, w = 20;
  const auto pixels = RandomFloats(h * w * 256 * 3, random, 2);
  auto run = [&](Isa isa, int threads) {
    std::vector<float> y(h * w * config->latent_channels), z(h * w / 16 * config->hyper_channels);
    analysis->Run(isa, pixels.data(), h, w, 5000, threads, y.data());
    analysis->RunHyper(isa, y.data(), h, w, threads, z.data());
    y.insert(y.end(), z.begin(), z.end());
    return y;
  };
  const auto reference = run(Isa::kScalar, 1);
  for (const Isa isa : SupportedIsas()) {
    for (const int threads : {1, 3}) {
      EXPECT_TRUE(SameBits(run(isa, threads), reference))
          << IsaName(isa) << ", " << threads << " threads";
    }
  }
}

TEST_F(AeTransformsTest, AMissingTensorIsNamed) {
  auto writer = testing::RandomTransforms(testing::SmallConfig(), 5);
  writer.SetMetadata("block_channels", "40");
  const auto file = WeightsFile::FromBytes(*writer.ToBytes());
  const auto config = FromMetadata<AeConfig>(file->metadata());
  ASSERT_TRUE(config.ok()) << config.status().message();
  const auto synthesis = AeSynthesis::Load(*file, *config);
  ASSERT_FALSE(synthesis.ok());
  EXPECT_EQ(synthesis.status().code(), StatusCode::kModelCorrupt);
  EXPECT_NE(synthesis.status().message().find("g_s."), std::string::npos)
      << synthesis.status().message();
}

}  // namespace
}  // namespace halfmoon::runtime
