#include "models/overfitted/fitting.h"

#include <gtest/gtest.h>

#include <cmath>
#include <thread>

namespace halfmoon::overfitted {
namespace {

Parallel Threads(std::size_t threads) {
  return [threads](std::size_t count, const std::function<void(std::size_t)>& work) {
    std::vector<std::thread> pool;
    for (std::size_t t = 0; t < threads; ++t) {
      pool.emplace_back([&, t] {
        for (std::size_t i = t; i < count; i += threads) work(i);
      });
    }
    for (std::thread& t : pool) t.join();
  };
}

// Stripes and a soft blob: something to learn.
std::vector<float> Picture(int width, int height) {
  std::vector<float> rgb;
  for (int y = 0; y < height; ++y) {
    for (int x = 0; x < width; ++x) {
      const double blob = std::exp(
          -((x - width / 2.0) * (x - width / 2.0) + (y - height / 2.0) * (y - height / 2.0)) /
          200.0);
      const double stripe = 0.25 * std::sin(x * 0.5 + y * 0.2);
      for (double colour : {0.3, 0.5, 0.6})
        rgb.push_back(
            static_cast<float>(std::min(1.0, std::max(0.0, colour + stripe + 0.3 * blob))));
    }
  }
  return rgb;
}

TEST(FittingTest, TheLossFallsAndRoundingIsKept) {
  const auto rgb = Picture(96, 64);
  FitOptions options;
  options.iterations = 150;
  Fitting fitting(96, 64, rgb, options);
  const Parallel parallel = Threads(1);
  const double pixels = 96 * 64;
  const double before = fitting.Measure(parallel).Loss(options.lambda, pixels);
  FitFigures soft;
  while (fitting.iteration() < options.iterations) soft = fitting.Step(parallel);
  const FitFigures hard = fitting.Measure(parallel);
  // A smooth picture: far below what a mean colour leaves.
  EXPECT_LT(hard.Loss(options.lambda, pixels), before / 10);
  EXPECT_GT(10 * std::log10(255 * 255 / hard.squared_error), 28);
  // The last iterations see what a decoder sees.
  EXPECT_NEAR(soft.Loss(options.lambda, pixels), hard.Loss(options.lambda, pixels),
              0.02 * hard.Loss(options.lambda, pixels));
  std::size_t latents = 0;
  for (int g = 0; g < kGrids; ++g) latents += fitting.Latents(g).size();
  EXPECT_EQ(latents, 96u * 64 + 48 * 32 + 24 * 16 + 12 * 8 + 6 * 4 + 3 * 2 + 2);
}

TEST(FittingTest, ThreadsDoNotChangeTheResult) {
  const int width = 150, height = 131;  // several chunks, odd sides
  const auto rgb = Picture(width, height);
  FitOptions options;
  options.iterations = 6;
  std::vector<float> first;
  for (std::size_t threads : {1, 2, 3, 8}) {
    Fitting fitting(width, height, rgb, options);
    while (fitting.iteration() < options.iterations) fitting.Step(Threads(threads));
    const auto all = fitting.networks().all();
    const std::vector<float> values(all.begin(), all.end());
    if (first.empty()) first = values;
    EXPECT_EQ(values, first) << threads;
  }
}

TEST(FittingTest, TinyPictures) {
  for (const auto& [width, height] : {std::pair{1, 1}, {2, 1}, {1, 9}, {65, 3}}) {
    FitOptions options;
    options.iterations = 40;
    Fitting fitting(width, height, Picture(width, height), options);
    while (fitting.iteration() < options.iterations) fitting.Step(Threads(1));
    const FitFigures f = fitting.Measure(Threads(1));
    EXPECT_TRUE(std::isfinite(f.bits)) << width << "x" << height;
    EXPECT_TRUE(std::isfinite(f.squared_error)) << width << "x" << height;
  }
}

}  // namespace
}  // namespace halfmoon::overfitted
