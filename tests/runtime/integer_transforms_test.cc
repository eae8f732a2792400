// The integer pixel transforms: the same numbers on every instruction set, with any number of
// threads, in every window; and close to the float networks that they are converted from.
#include "models/runtime/layers/integer_transforms.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <filesystem>
#include <fstream>
#include <map>
#include <optional>

#include "models/runtime/layers/pixel_transforms.h"
#include "models/training/export/integer_conversion.h"
#include "test_model.h"

namespace halfmoon::runtime {
namespace {

using testing::Random;

// Waves and edges, so that neighbours are alike as in a picture.
std::vector<float> Picture(std::size_t height, std::size_t width, Random& random) {
  std::vector<float> pixels(height * width * 3);
  for (std::size_t c = 0; c < 3; ++c) {
    const double fx = static_cast<double>(random.In(1, 20)) / 100,
                 fy = static_cast<double>(random.In(1, 20)) / 100;
    const auto edge = static_cast<std::size_t>(random.In(10, 50));
    for (std::size_t y = 0; y < height; ++y) {
      for (std::size_t x = 0; x < width; ++x) {
        const double wave = 0.5 + 0.3 * std::sin(fx * double(x)) * std::cos(fy * double(y)) +
                            (x % 64 > edge ? 0.15 : 0);
        pixels[(y * width + x) * 3 + c] = static_cast<float>(std::clamp(wave, 0.0, 1.0));
      }
    }
  }
  return pixels;
}

class IntegerTransformsTest : public ::testing::TestWithParam<bool> {
 protected:
  IntegerTransformsTest()
      : config_(testing::SmallConfig()), floats_(MakeFloats(&config_, GetParam())) {
    const training::ConvertedTransforms& converted = Converted(floats_, GetParam());
    costs_ = converted.costs;
    writer_ = converted.writer;
    integers_.emplace(*WeightsFile::FromBytes(*writer_.ToBytes()));
  }

  // Takes a second, so it is done once for each.
  static const training::ConvertedTransforms& Converted(const WeightsFile& floats, bool lapped) {
    static std::map<bool, training::ConvertedTransforms> done;
    if (const auto it = done.find(lapped); it != done.end()) return it->second;
    Random random(11);
    std::vector<training::CalibrationPicture> pictures;
    for (int i = 0; i < 4; ++i) pictures.push_back({128, 192, Picture(128, 192, random)});
    auto converted = training::ConvertTransforms(floats, pictures, 2);
    EXPECT_TRUE(converted.ok()) << converted.status().message();
    return done[lapped] = *std::move(converted);
  }

  static WeightsFile MakeFloats(AeConfig* config, bool lapped) {
    config->lapped = lapped;
    config->refine_blocks = lapped ? 2 : 0;
    return *WeightsFile::FromBytes(*testing::RandomPictureTransforms(*config, 5).ToBytes());
  }

  // Latents as a picture's, in the integers' units.
  IntMap Latents(std::size_t h, std::size_t w, Random& random, int span = 12000) const {
    IntMap y;
    y.Resize(h, w, static_cast<std::size_t>(config_.latent_channels));
    for (std::int16_t& v : y.values) v = static_cast<std::int16_t>(random.In(-span, span));
    return y;
  }

  AeConfig config_;
  WeightsFile floats_;
  training::SafetensorsWriter writer_;
  std::optional<WeightsFile> integers_;
  std::vector<training::LayerCost> costs_;
};

INSTANTIATE_TEST_SUITE_P(Lapped, IntegerTransformsTest, ::testing::Bool());

TEST_P(IntegerTransformsTest, SynthesisIsTheSameOnEveryIsaAndThreadCount) {
  const auto synthesis = IntegerSynthesis::Load(*integers_, config_);
  ASSERT_TRUE(synthesis.ok()) << synthesis.status().message();
  Random random(6);
  const std::size_t h = 9, w = 30;        // more than one window of the blocks
  for (const int span : {4000, 32767}) {  // the second saturates
    const IntMap y = Latents(h, w, random, span);
    auto run = [&](Isa isa, int threads) {
      std::vector<std::int16_t> samples(h * w * 256 * 3);
      synthesis->Run(isa, y, 5000, threads, samples.data());
      return samples;
    };
    const auto reference = run(Isa::kScalar, 1);
    EXPECT_GT(*std::max_element(reference.begin(), reference.end()), 1000)
        << "nothing was computed";
    for (const Isa isa : SupportedIsas()) {
      for (const int threads : {1, 3})
        EXPECT_TRUE(run(isa, threads) == reference) << IsaName(isa) << ", " << threads;
    }
  }
}

TEST_P(IntegerTransformsTest, AnalysisIsTheSameOnEveryIsaAndThreadCount) {
  const auto analysis = IntegerAnalysis::Load(*integers_, config_);
  ASSERT_TRUE(analysis.ok()) << analysis.status().message();
  Random random(7);
  const std::size_t h = 4, w = 28;
  std::vector<std::int16_t> samples(h * w * 256 * 3);
  for (std::int16_t& v : samples) v = static_cast<std::int16_t>(random.In(-32768, 32767));
  auto run = [&](Isa isa, int threads) {
    IntMap y;
    analysis->Run(isa, samples, h, w, 5000, threads, &y);
    std::vector<std::int16_t> values;
    for (std::size_t p = 0; p < h * w; ++p)
      values.insert(values.end(), y.at(0, p), y.at(0, p) + config_.latent_channels);
    return values;
  };
  const auto reference = run(Isa::kScalar, 1);
  for (const Isa isa : SupportedIsas()) {
    for (const int threads : {1, 3})
      EXPECT_TRUE(run(isa, threads) == reference) << IsaName(isa) << ", " << threads;
  }
}

TEST_P(IntegerTransformsTest, AWindowWithItsHaloIsAPartOfThePicture) {
  const auto synthesis = IntegerSynthesis::Load(*integers_, config_);
  ASSERT_TRUE(synthesis.ok());
  Random random(8);
  const auto halo = static_cast<std::size_t>(config_.SynthesisHalo()) + 1;  // 1: lapped
  const std::size_t h = 5, w = 2 * halo + 14, x0 = 7;
  const IntMap y = Latents(h, w, random);
  std::vector<std::int16_t> whole(h * w * 256 * 3);
  synthesis->Run(BestIsa(), y, 9000, 2, whole.data());
  // From x0 on: its left edge is cut, the others are the picture's.
  IntMap part;
  part.Resize(h, w - x0, static_cast<std::size_t>(config_.latent_channels));
  for (std::size_t row = 0; row < h; ++row)
    std::copy_n(y.at(row, x0), (w - x0) * y.stride, part.at(row, 0));
  std::vector<std::int16_t> window(h * (w - x0) * 256 * 3);
  synthesis->Run(BestIsa(), part, 9000, 1, window.data());
  for (std::size_t row = 0; row < 16 * h * 3; ++row) {
    for (std::size_t x = 16 * (x0 + halo); x < 16 * w; ++x)
      ASSERT_EQ(window[row * 16 * (w - x0) + x - 16 * x0], whole[row * 16 * w + x]) << x;
  }
}

TEST_P(IntegerTransformsTest, TheyAreCloseToTheFloatsTheyCameFrom) {
  const auto analysis = IntegerAnalysis::Load(*integers_, config_);
  const auto synthesis = IntegerSynthesis::Load(*integers_, config_);
  const auto float_analysis = PixelAnalysis::Load(floats_, config_);
  const auto float_synthesis = PixelSynthesis::Load(floats_, config_);
  ASSERT_TRUE(analysis.ok() && synthesis.ok() && float_analysis.ok() && float_synthesis.ok());
  const auto m = static_cast<std::size_t>(config_.latent_channels);
  const auto units = LoadFloats(*integers_, "g_a.unit", {config_.latent_channels});
  const auto shifts = integers_->Get("gain.inverse.shift", DType::kI32, {config_.latent_channels});
  const auto gains = IntLevelGains::Load(*integers_, "gain.inverse", config_.level_anchors, m);
  const auto float_gains =
      FloatLevelVector::Load(floats_, "gain.inverse", config_.level_anchors, m);
  ASSERT_TRUE(units.ok() && shifts.ok() && gains.ok() && float_gains.ok());
  Random random(9);
  const std::size_t h = 8, w = 12, height = 16 * h, width = 16 * w;
  const auto pixels = Picture(height, width, random);
  for (const int q : {0, 5000, 16128}) {
    std::vector<float> expected(h * w * m);
    float_analysis->Run(BestIsa(), pixels.data(), h, w, q, 1, {}, expected.data());
    IntMap y;
    analysis->Run(BestIsa(), SamplesOfPixels(pixels.data(), height, width), h, w, q, 1, &y);
    double error = 0, size = 0;
    for (std::size_t i = 0; i < h * w * m; ++i) {
      const double got = double{(*units)[i % m]} * y.values[i / m * y.stride + i % m];
      error += std::pow(got - expected[i], 2);
      size += std::pow(expected[i], 2);
    }
    EXPECT_LT(error, size * 1e-4) << "analysis at " << q;  // 40 dB

    // Whole sixteenths of steps, decoded both ways.
    const auto factor = gains->Gains(q);
    const auto float_factor = float_gains->Gains(q);
    const auto shift = shifts->Values<std::int32_t>();
    FloatMap float_y;
    float_y.Resize(h, w, m);
    for (std::size_t i = 0; i < h * w * m; ++i) {
      const std::size_t c = i % m, at = i / m * float_y.stride + c;
      const double whole = std::round(expected[i] / float_factor[c] * 16);
      float_y.values[at] = static_cast<float>(whole / 16) * float_factor[c];
      const std::int64_t v =
          (static_cast<std::int64_t>(whole) * factor[c] + (std::int64_t{1} << (shift[c] - 1))) >>
          shift[c];
      y.values[i / m * y.stride + c] =
          static_cast<std::int16_t>(std::clamp<std::int64_t>(v, -32768, 32767));
    }
    std::vector<float> float_pixels(pixels.size()), got(pixels.size());
    float_synthesis->Run(BestIsa(), float_y, q, 1, float_pixels.data());
    std::vector<std::int16_t> samples(pixels.size());
    synthesis->Run(BestIsa(), y, q, 1, samples.data());
    PixelsOfSamples(samples, height, width, got.data());
    error = size = 0;
    std::size_t within = 0;
    for (std::size_t i = 0; i < got.size(); ++i) {
      if (std::fabs(float_pixels[i] - 0.5f) > 0.9f) continue;  // beyond what samples can be
      error += std::pow(got[i] - float_pixels[i], 2);
      size += std::pow(float_pixels[i] - 0.5, 2);
      ++within;
    }
    EXPECT_GT(within, got.size() / 4) << "hardly a sample is in range at " << q;
    EXPECT_LT(error, size * 1e-3) << "synthesis at " << q;
  }
}

TEST_P(IntegerTransformsTest, EveryLayersCostIsTold) {
  const auto block = [](std::int64_t count) { return 5 * count; };
  const auto layers =
      block(config_.analysis_blocks + config_.analysis_trunk_blocks + config_.synthesis_blocks +
            config_.synthesis_trunk_blocks + config_.refine_blocks) +
      3 + (config_.lapped ? 12 : 3) + 4 + (config_.refine_blocks > 0 ? 3 : 0);
  EXPECT_EQ(static_cast<std::int64_t>(costs_.size()), layers);
  for (const training::LayerCost& cost : costs_) {
    EXPECT_LT(cost.weights_db, -20) << cost.name;
    EXPECT_LT(cost.activations_db, -40) << cost.name;
  }
}

TEST_P(IntegerTransformsTest, AMissingLayerIsNamed) {
  writer_.Remove("g_s.trunk.0.expand.shift");
  const auto file = WeightsFile::FromBytes(*writer_.ToBytes());
  ASSERT_TRUE(file.ok());
  const auto synthesis = IntegerSynthesis::Load(*file, config_);
  ASSERT_FALSE(synthesis.ok());
  EXPECT_EQ(synthesis.status().code(), StatusCode::kModelCorrupt);
  EXPECT_NE(synthesis.status().message().find("g_s.trunk.0.expand.shift"), std::string::npos)
      << synthesis.status().message();
}

TEST_P(IntegerTransformsTest, WhatCannotBeConvertedIsSaid) {
  Random random(10);
  const std::vector<training::CalibrationPicture> pictures = {{64, 64, Picture(64, 64, random)}};
  EXPECT_EQ(training::ConvertTransforms(floats_, {}, 1).status().code(),
            StatusCode::kInvalidArgument);
  EXPECT_EQ(training::ConvertTransforms(*integers_, pictures, 1).status().code(),
            StatusCode::kInvalidArgument);
}

TEST(CalibrationPicturesTest, MiddlesOfTrainingPicturesAreTaken) {
  const auto pack_of = [](const std::vector<training::PackEntry>& entries) {
    training::PackWriter writer;
    for (const training::PackEntry& e : entries) {
      std::vector<std::uint8_t> samples(std::size_t{e.width} * e.height * e.channels());
      for (std::size_t i = 0; i < samples.size(); ++i)
        samples[i] = static_cast<std::uint8_t>(i / e.channels() % e.width);  // the column
      EXPECT_TRUE(writer.Add(e, samples, "").ok());
    }
    const std::string path = ::testing::TempDir() + "calibration.hmnpack";
    const std::vector<std::uint8_t> bytes = writer.Finish();
    std::ofstream(path, std::ios::binary)
        .write(reinterpret_cast<const char*>(bytes.data()),
               static_cast<std::streamsize>(bytes.size()));
    auto pack = training::Pack::Read(path);
    EXPECT_TRUE(pack.ok()) << pack.status().message();
    std::filesystem::remove(path);
    return *std::move(pack);
  };
  training::PackEntry wanted{.width = 200, .height = 70};
  training::PackEntry validation = wanted, grey = wanted, small = wanted;
  validation.validation = true;
  grey.grey = true;
  small.height = 63;
  std::vector<training::Pack> packs;
  packs.push_back(pack_of({validation, grey, small}));
  EXPECT_EQ(training::CalibrationPictures(packs).status().code(), StatusCode::kInvalidArgument);
  packs.push_back(pack_of({small, wanted}));
  const auto pictures = training::CalibrationPictures(packs);
  ASSERT_TRUE(pictures.ok()) << pictures.status().message();
  ASSERT_EQ(pictures->size(), 1u);
  EXPECT_EQ((*pictures)[0].width, 192u);
  EXPECT_EQ((*pictures)[0].height, 64u);
  ASSERT_EQ((*pictures)[0].pixels.size(), 192u * 64 * 3);
  EXPECT_EQ((*pictures)[0].pixels[0], 4 / 255.0f);  // four columns are cut off on the left
  EXPECT_EQ((*pictures)[0].pixels[192 * 3 - 1], 195 / 255.0f);
}

TEST(SamplesTest, PixelsAndSamplesAreEachOther) {
  const std::vector<float> pixels = {0, 0.5f, 1, -0.6f, 1.6f, std::nanf("")};
  const std::vector<std::int16_t> samples = SamplesOfPixels(pixels.data(), 1, 2);
  EXPECT_EQ(samples, (std::vector<std::int16_t>{-16384, -32768, 0, 32767, 16384, -32768}));
  std::vector<float> back(6);
  PixelsOfSamples(samples, 1, 2, back.data());
  EXPECT_EQ(back, (std::vector<float>{0, 0.5f, 1, -0.5f, 1.5f - 1.0f / 32768, -0.5f}));
}

}  // namespace
}  // namespace halfmoon::runtime
