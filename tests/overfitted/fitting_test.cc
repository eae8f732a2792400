#include "models/overfitted/fitting.h"

#include <gtest/gtest.h>

#include <cmath>

#include "models/overfitted/integer_decoder.h"
#include "tests/overfitted/random_networks.h"

namespace halfmoon::overfitted {
namespace {

using namespace halfmoon::testing;  // NOLINT: helpers of this folder

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
  double least = before;  // of the iterations that see what a decoder sees
  while (fitting.iteration() < options.iterations) {
    const bool last = fitting.iteration() >= options.iterations - 6;
    const double loss = fitting.Step(parallel).Loss(options.lambda, pixels);
    if (last) least = std::min(least, loss);
  }
  const FitFigures hard = fitting.Measure(parallel);
  // A smooth picture: far below what a mean colour leaves.
  EXPECT_LT(hard.Loss(options.lambda, pixels), before / 10);
  EXPECT_GT(10 * std::log10(255 * 255 / hard.squared_error), 28);
  // The best of the last iterations is what is kept (networks that cost fewer bits may be better).
  EXPECT_NEAR(hard.Loss(options.lambda, pixels), least, 0.04 * least);
}

TEST(FittingTest, ThreadsDoNotChangeTheResult) {
  const int width = 150, height = 131;  // several chunks, odd sides
  const auto rgb = Picture(width, height);
  FitOptions options;
  options.iterations = 20;  // several beginnings
  std::vector<float> first;
  for (std::size_t threads : {1, 2, 5}) {
    Fitting fitting(width, height, rgb, options);
    while (fitting.iteration() < options.iterations) fitting.Step(Threads(threads));
    const auto all = fitting.networks().all();
    const std::vector<float> values(all.begin(), all.end());
    if (first.empty()) first = values;
    EXPECT_EQ(values, first) << threads;
  }
}

// What Finish gives is decoded to what was measured, and padding costs nothing.
TEST(FittingTest, TheFileIsWhatWasFitted) {
  const int width = 128, height = 64;
  const auto rgb = Picture(width, height);
  FitOptions options;
  options.iterations = 120;
  options.visible_width = 100;
  options.visible_height = 50;
  Fitting fitting(width, height, rgb, options);
  while (fitting.iteration() < options.iterations) fitting.Step(Threads(2));
  const FitFigures figures = fitting.Measure(Threads(1));
  const auto fitted = fitting.Finish(Threads(1));
  ASSERT_TRUE(fitted.ok()) << fitted.status().message();
  EXPECT_NEAR(fitted->squared_error, figures.squared_error, 0.02 * figures.squared_error);
  const auto decoder = IntegerDecoder::Create(fitted->networks, options.isa);
  ASSERT_TRUE(decoder.ok());
  double bits = 0;
  ASSERT_TRUE(decoder->Encode(fitted->grids, &bits).ok());
  EXPECT_NEAR(bits, figures.bits, 0.01 * figures.bits + 50);
  const auto colours = decoder->Synthesise(fitted->grids, Threads(1));
  double sum = 0;
  for (std::size_t c = 0; c < kColours; ++c)
    for (int y = 0; y < 50; ++y)
      for (int x = 0; x < 100; ++x) {
        const double target =
            static_cast<double>(rgb[static_cast<std::size_t>(y * width + x) * kColours + c]);
        const double d = static_cast<double>(colours[c].row(y)[x]) / (1 << kColourBits) - target;
        sum += d * d * 255 * 255;
      }
  EXPECT_NEAR(sum / (3 * 50 * 100), fitted->squared_error, 1e-6 * fitted->squared_error);
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
