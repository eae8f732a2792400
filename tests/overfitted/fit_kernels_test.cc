// The kernels against plain loops and formulas in double precision.
#include "models/overfitted/fit_kernels.h"

#include <gtest/gtest.h>

#include <cmath>
#include <random>
#include <vector>

#include "models/overfitted/plane.h"

namespace halfmoon::overfitted {
namespace {

Buffer Random(std::size_t size, std::uint32_t seed, float scale = 1) {
  Buffer b(size);
  std::mt19937 random(seed);
  std::normal_distribution<float> normal(0, scale);
  for (std::size_t i = 0; i < size; ++i) b[i] = normal(random);
  return b;
}

TEST(FitKernelsTest, DenseAndItsWeightGradient) {
  const FitKernels& k = GetFitKernels();
  for (std::size_t outputs : {1, 2, 3, 7, 20}) {
    for (std::size_t inputs : {1, 3, 7, 20, 27}) {
      for (std::size_t count : {kBlockStep, kBlock}) {
        const Buffer weight = Random(outputs * inputs, 1), bias = Random(outputs, 2);
        const Buffer in = Random(inputs * kBlock, 3), d_out = Random(outputs * kBlock, 4);
        Buffer out(outputs * kBlock), sums(outputs * inputs * kGradientLanes);
        k.dense(outputs, inputs, weight.data(), bias.data(), in.data(), out.data(), count);
        k.weight_gradient(outputs, inputs, d_out.data(), in.data(), sums.data(), count);
        for (std::size_t o = 0; o < outputs; ++o) {
          for (std::size_t p = 0; p < count; p += 13) {
            double sum = static_cast<double>(bias[o]);
            for (std::size_t i = 0; i < inputs; ++i)
              sum += static_cast<double>(weight[o * inputs + i]) *
                     static_cast<double>(in[i * kBlock + p]);
            ASSERT_NEAR(out[o * kBlock + p], sum, 1e-4);
          }
          for (std::size_t i = 0; i < inputs; ++i) {
            double expected = 0, sum = 0;
            for (std::size_t p = 0; p < count; ++p)
              expected += static_cast<double>(d_out[o * kBlock + p]) *
                          static_cast<double>(in[i * kBlock + p]);
            for (std::size_t lane = 0; lane < kGradientLanes; ++lane)
              sum += static_cast<double>(sums[(o * inputs + i) * kGradientLanes + lane]);
            ASSERT_NEAR(sum, expected, 1e-3);
          }
        }
      }
    }
  }
}

double Bits(double value, double mean, double log_scale) {
  const double b = std::exp(log_scale);
  const auto below = [&](double x) {
    return x < 0 ? 0.5 * std::exp(x / b) : 1 - 0.5 * std::exp(-x / b);
  };
  // From the tail's side: no difference of numbers near 1.
  const double d = std::abs(value - mean);
  return -std::log2(below(-d + 0.5) - below(-d - 0.5) + 1.0 / 65536);
}

TEST(FitKernelsTest, LaplaceCostsAndGradients) {
  Buffer value = Random(kBlock, 1, 3), mean = Random(kBlock, 2, 2), log_scale = Random(kBlock, 3);
  Buffer mask(kBlock), d_value(kBlock), d_log_scale(kBlock);
  for (std::size_t i = 0; i < kBlock; ++i) mask[i] = i % 5 == 0 ? 0 : 1;
  value[1] = mean[1];
  value[2] = mean[2] + 0.5F;
  const double total = GetFitKernels().laplace({value.data(), mean.data(), log_scale.data(),
                                                mask.data(), d_value.data(), d_log_scale.data()},
                                               kBlock);
  double expected = 0;
  for (std::size_t i = 0; i < kBlock; ++i) {
    const double v = static_cast<double>(value[i]), m = static_cast<double>(mean[i]),
                 s = static_cast<double>(log_scale[i]);
    if (mask[i] == 0) {
      EXPECT_EQ(d_value[i], 0);
      EXPECT_EQ(d_log_scale[i], 0);
      continue;
    }
    expected += Bits(v, m, s);
    constexpr double kStep = 1e-5;
    const double by_value = (Bits(v + kStep, m, s) - Bits(v - kStep, m, s)) / (2 * kStep);
    const double by_scale = (Bits(v, m, s + kStep) - Bits(v, m, s - kStep)) / (2 * kStep);
    EXPECT_NEAR(d_value[i], by_value, 2e-3 * std::abs(by_value) + 2e-3) << i;
    EXPECT_NEAR(d_log_scale[i], by_scale, 2e-3 * std::abs(by_scale) + 2e-3) << i;
  }
  EXPECT_NEAR(total, expected, 1e-4 * expected);
}

TEST(FitKernelsTest, SoftRoundingIsRoundingWhenItIsCold) {
  const std::size_t count = 1000;
  Buffer latent = Random(1024, 1, 3), value(1024), slope(1024), noisy(1024);
  GetFitKernels().soft_round(latent.data(), value.data(), slope.data(), count, 0.02F, 0, 1);
  for (std::size_t i = 0; i < count; ++i) {
    const float rest = latent[i] - std::floor(latent[i]);
    if (std::abs(rest - 0.5F) < 0.1F) continue;
    EXPECT_NEAR(value[i], std::nearbyint(latent[i]), 1e-3);
    EXPECT_NEAR(slope[i], 0, 1e-2);
  }
  // Warm, it hardly rounds; its slope is its derivative.
  GetFitKernels().soft_round(latent.data(), value.data(), slope.data(), count, 0.4F, 0, 1);
  Buffer moved(1024), unused(1024);
  for (std::size_t i = 0; i < count; ++i) moved[i] = latent[i] + 1e-3F;
  GetFitKernels().soft_round(moved.data(), noisy.data(), unused.data(), count, 0.4F, 0, 1);
  for (std::size_t i = 0; i < count; ++i) {
    if (std::floor(moved[i]) != std::floor(latent[i])) continue;
    if (std::floor(noisy[i]) != std::floor(value[i])) continue;
    EXPECT_NEAR((noisy[i] - value[i]) / 1e-3F, slope[i], 0.03F);
  }
  // Noise has the deviation asked for, and depends on seed and position alone.
  for (std::size_t i = 0; i < 1024; ++i) latent[i] = 0.5F;  // in the middle slopes are largest
  GetFitKernels().soft_round(latent.data(), noisy.data(), unused.data(), 512, 100, 0.2F, 7);
  Buffer again(1024);
  GetFitKernels().soft_round(latent.data() + 64, again.data(), unused.data(), 448, 100, 0.2F,
                             7 + 64);
  double sum = 0, square = 0;
  for (std::size_t i = 0; i < 512; ++i) {
    const double d = static_cast<double>(noisy[i]) - 0.5;
    sum += d;
    square += d * d;
    if (i >= 64) {
      EXPECT_FLOAT_EQ(noisy[i], again[i - 64]);
    }
  }
  EXPECT_NEAR(sum / 512, 0, 0.03);
  EXPECT_NEAR(std::sqrt(square / 512), 0.2, 0.02);
}

TEST(FitKernelsTest, UpsamplingOfARampIsARamp) {
  const Taps taps = {-0.0234375F, -0.0703125F, 0.2265625F, 0.8671875F};
  for (std::size_t count : {1, 5, 16, 33, 100}) {
    std::vector<float> in(count + 32), out(2 * count + 32);
    for (std::size_t i = 0; i < in.size(); ++i) in[i] = static_cast<float>(i) - 16;
    GetFitKernels().upsample_columns(taps, in.data() + 16, out.data(), count);
    for (std::size_t i = 0; i < 2 * count; ++i)
      EXPECT_NEAR(out[i], (static_cast<float>(i) - 0.5F) / 2, 1e-3) << count << " " << i;
  }
}

}  // namespace
}  // namespace halfmoon::overfitted
