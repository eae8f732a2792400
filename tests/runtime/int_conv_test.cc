#include "models/runtime/layers/int_conv.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cstdlib>
#include <string>
#include <tuple>

#include "test_model.h"

namespace halfmoon::runtime {
namespace {

using testing::AddRandomLayer;
using testing::Random;
using training::SafetensorsWriter;

WeightsFile File(const SafetensorsWriter& writer) {
  auto file = WeightsFile::FromBytes(*writer.ToBytes());
  EXPECT_TRUE(file.ok()) << file.status().message();
  return std::move(*file);
}

// The layer as README.md defines it, written as naively as possible, from the tensors themselves.
std::vector<std::int16_t> Reference(const WeightsFile& file, const LayerSpec& spec, int level,
                                    const std::vector<std::int16_t>& in, int h, int w) {
  const auto weight = file.Get(spec.name + ".weight")->Values<std::int16_t>();
  const auto bias = file.Get(spec.name + ".bias")->Values<std::int32_t>();
  const auto multiplier = file.Get(spec.name + ".multiplier")->Values<std::int32_t>();
  const auto shift = file.Get(spec.name + ".shift")->Values<std::int32_t>();
  std::vector<std::int32_t> level_bias;
  if (file.Has(spec.name + ".level_bias")) {
    level_bias = file.Get(spec.name + ".level_bias")->Values<std::int32_t>();
  }
  std::vector<std::pair<int, int>> limits;
  for (const OutputRange& range : spec.outputs) {
    for (int i = 0; i < range.channels; ++i) limits.emplace_back(range.lo, range.hi);
  }
  const int ci = spec.in_channels();
  const int co = spec.out_channels();
  const int k = spec.kernel;
  std::vector<std::int16_t> out;
  for (int y = 0; y < h; ++y) {
    for (int x = 0; x < w; ++x) {
      for (int o = 0; o < co; ++o) {
        std::int64_t sum = bias[size_t(o)];
        if (!level_bias.empty()) sum += level_bias[size_t(level * co + o)];
        for (int i = 0; i < (spec.depthwise ? 1 : ci); ++i) {
          for (int ky = 0; ky < k; ++ky) {
            for (int kx = 0; kx < k; ++kx) {
              const int yy = y + ky - k / 2;
              const int xx = x + kx - k / 2;
              if (yy < 0 || yy >= h || xx < 0 || xx >= w) continue;
              const int channel = spec.depthwise ? o : i;
              const int per_output = spec.depthwise ? 1 : ci;
              sum += std::int64_t{weight[size_t(((o * per_output + i) * k + ky) * k + kx)]} *
                     in[size_t((yy * w + xx) * ci + channel)];
            }
          }
        }
        EXPECT_LE(std::llabs(sum), 2147483647);
        const std::int64_t rounded =
            sum * multiplier[size_t(o)] + (std::int64_t{1} << (shift[size_t(o)] - 1));
        // Floor division by 2^shift, spelled out.
        std::int64_t value = rounded / (std::int64_t{1} << shift[size_t(o)]);
        if (rounded % (std::int64_t{1} << shift[size_t(o)]) < 0) --value;
        const auto [lo, hi] = limits[size_t(o)];
        out.push_back(std::int16_t(std::clamp<std::int64_t>(value, lo, hi)));
      }
    }
  }
  return out;
}

std::vector<std::int16_t> RandomActivations(std::size_t count, Random& random) {
  std::vector<std::int16_t> values(count);
  for (auto& v : values) {
    // A quarter at the bounds, a quarter zero.
    switch (random.In(0, 3)) {
      case 0: v = random.In(0, 1) == 0 ? -4095 : 4095; break;
      case 1: v = 0; break;
      default: v = std::int16_t(random.In(-4095, 4095));
    }
  }
  return values;
}

void ExpectAllIsasMatch(const WeightsFile& file, const LayerSpec& spec, int level, int h, int w,
                        Random& random) {
  const auto in = RandomActivations(size_t(h * w * spec.in_channels()), random);
  const auto expected = Reference(file, spec, level, in, h, w);
  const auto tensors = LoadLayerTensors(file, spec);
  ASSERT_TRUE(tensors.ok()) << tensors.status().message();
  const IntLayer layer = IntLayer::Pack(*tensors);
  for (const Isa isa : SupportedIsas()) {
    for (const int threads : {1, 3}) {
      std::vector<std::int16_t> out(expected.size(), 12345);
      const Status status = RunLayer(layer, KernelsFor(isa), level, in, size_t(h), size_t(w),
                                     OutputLayout::kPlain, threads, out);
      ASSERT_TRUE(status.ok()) << status.message();
      EXPECT_EQ(out, expected) << IsaName(isa) << " threads " << threads << " " << spec.name << " "
                               << spec.in_channels() << "->" << spec.out_channels() << " kernel "
                               << spec.kernel << " at " << h << "x" << w;
    }
  }
}

TEST(IntConv, EveryIsaEqualsTheReferenceOnRandomLayers) {
  Random random(11);
  const std::vector<std::pair<int, int>> sizes = {{1, 1}, {1, 2}, {3, 1}, {2, 5}, {7, 9}, {13, 11}};
  for (int round = 0; round < 24; ++round) {
    const int in = int(random.In(1, 40));
    const int out = int(random.In(1, 50));
    const int kernel = round % 3 == 0 ? 3 : 1;
    const int levels = round % 2 == 0 ? 5 : 0;
    SafetensorsWriter writer;
    AddRandomLayer(writer, "l", out, in, kernel, false, 2500, int(random.In(-500, 500)), levels,
                   random);
    const LayerSpec spec{.name = "l",
                         .kernel = kernel,
                         .levels = std::max(levels, 1),
                         .inputs = {{in, 4095}},
                         .outputs = {{out, round % 4 < 2 ? 0 : -4095, 4095}}};
    const auto [h, w] = sizes[size_t(round) % sizes.size()];
    ExpectAllIsasMatch(File(writer), spec, levels == 0 ? 0 : int(random.In(0, levels - 1)), h, w,
                       random);
  }
}

TEST(IntConv, DepthwiseLayersToo) {
  Random random(12);
  for (const int channels : {1, 3, 8, 16, 17, 31, 40}) {
    for (const auto& [h, w] : std::vector<std::pair<int, int>>{{1, 1}, {1, 4}, {5, 1}, {6, 7}}) {
      SafetensorsWriter writer;
      AddRandomLayer(writer, "d", channels, channels, 3, true, 2500, 0, 4, random);
      const LayerSpec spec{.name = "d",
                           .kernel = 3,
                           .depthwise = true,
                           .levels = 4,
                           .inputs = {{channels, 4095}},
                           .outputs = {{channels, -4095, 4095}}};
      ExpectAllIsasMatch(File(writer), spec, int(random.In(0, 3)), h, w, random);
    }
  }
}

TEST(IntConv, ConcatenatedInputsOfOddSizesAndMixedRanges) {
  Random random(13);
  SafetensorsWriter writer;
  AddRandomLayer(writer, "l", 21, 3 + 5 + 1 + 8, 1, false, 2500, 0, 0, random);
  const LayerSpec spec{.name = "l",
                       .inputs = {{3, 4095}, {5, 4095}, {1, 4095}, {8, 4095}},
                       .outputs = {{10, 0, 36}, {11, -4095, 4095}}};
  ExpectAllIsasMatch(File(writer), spec, 0, 5, 9, random);
}

// Extremes of the requantisation: every shift, multipliers at both ends, sums at the proven bound.
TEST(IntConv, RequantisationAtTheExtremes) {
  Random random(14);
  constexpr int kOut = 62 * 3;
  const std::vector<std::int32_t> multipliers = {1, 2147483647, 1234567891};
  std::vector<std::int16_t> weight;
  std::vector<std::int32_t> bias, multiplier, shift;
  for (int o = 0; o < kOut; ++o) {
    // 16 inputs: 16 * 32767 * 4095 = 2146893840, the bias takes what is left of 2^31 - 1.
    for (int i = 0; i < 16; ++i) weight.push_back(std::int16_t(o % 2 == 0 ? 32767 : -32767));
    bias.push_back(o % 2 == 0 ? 2147483647 - 2146893840 : 2146893840 - 2147483647);
    multiplier.push_back(multipliers[size_t(o / 62)]);
    shift.push_back(1 + o % 62);
  }
  SafetensorsWriter writer;
  ASSERT_TRUE(writer.Add("l.weight", {kOut, 16, 1, 1}, weight).ok());
  ASSERT_TRUE(writer.Add("l.bias", {kOut}, bias).ok());
  ASSERT_TRUE(writer.Add("l.multiplier", {kOut}, multiplier).ok());
  ASSERT_TRUE(writer.Add("l.shift", {kOut}, shift).ok());
  const WeightsFile file = File(writer);
  const LayerSpec spec{.name = "l", .inputs = {{16, 4095}}, .outputs = {{kOut, -32768, 32767}}};
  const auto tensors = LoadLayerTensors(file, spec);
  ASSERT_TRUE(tensors.ok()) << tensors.status().message();
  const IntLayer layer = IntLayer::Pack(*tensors);
  std::vector<std::int16_t> in;
  for (const int value : {4095, -4095, 0, 1, -1, 1000}) {
    in.insert(in.end(), 16, std::int16_t(value));
  }
  const auto expected = Reference(file, spec, 0, in, 1, 6);
  for (const Isa isa : SupportedIsas()) {
    std::vector<std::int16_t> out(expected.size());
    ASSERT_TRUE(RunLayer(layer, KernelsFor(isa), 0, in, 1, 6, OutputLayout::kPlain, 1, out).ok());
    EXPECT_EQ(out, expected) << IsaName(isa);
  }
}

TEST(IntConv, PixelShuffleIsTorchs) {
  Random random(15);
  constexpr int kQuarter = 5;
  SafetensorsWriter writer;
  AddRandomLayer(writer, "l", 4 * kQuarter, 6, 1, false, 2500, 0, 0, random);
  const WeightsFile file = File(writer);
  const LayerSpec spec{
      .name = "l", .inputs = {{6, 4095}}, .outputs = {{4 * kQuarter, -4095, 4095}}};
  const auto in = RandomActivations(3 * 4 * 6, random);
  const auto plain = Reference(file, spec, 0, in, 3, 4);
  const IntLayer layer =
      IntLayer::Pack(*LoadLayerTensors(file, spec), PixelShuffleRows(4 * kQuarter));
  std::vector<std::int16_t> out(plain.size());
  ASSERT_TRUE(
      RunLayer(layer, KernelsFor(BestIsa()), 0, in, 3, 4, OutputLayout::kPixelShuffle2, 2, out)
          .ok());
  for (int y = 0; y < 3; ++y) {
    for (int x = 0; x < 4; ++x) {
      for (int c = 0; c < kQuarter; ++c) {
        for (int dy = 0; dy < 2; ++dy) {
          for (int dx = 0; dx < 2; ++dx) {
            EXPECT_EQ(out[size_t(((2 * y + dy) * 8 + 2 * x + dx) * kQuarter + c)],
                      plain[size_t((y * 4 + x) * 4 * kQuarter + c * 4 + 2 * dy + dx)]);
          }
        }
      }
    }
  }
}

TEST(IntConv, WrongSpansAreRefused) {
  Random random(16);
  SafetensorsWriter writer;
  AddRandomLayer(writer, "l", 4, 6, 1, false, 2500, 0, 0, random);
  const LayerSpec spec{.name = "l", .inputs = {{6, 4095}}, .outputs = {{4, -4095, 4095}}};
  const IntLayer layer = IntLayer::Pack(*LoadLayerTensors(File(writer), spec));
  std::vector<std::int16_t> in(6 * 4), out(4 * 4 - 1);
  EXPECT_EQ(
      RunLayer(layer, KernelsFor(Isa::kScalar), 0, in, 2, 2, OutputLayout::kPlain, 1, out).code(),
      StatusCode::kInvalidArgument);
}

// --- The proof at load -------------------------------------------------------------------------

struct OneChannel {
  std::vector<std::int16_t> weight = {100, -100};
  std::int32_t bias = 0;
  std::int32_t multiplier = 1 << 30;
  std::int32_t shift = 31;
  std::vector<std::int32_t> level_bias = {};
};

// Loads a layer of two outputs: a harmless channel 0 and `c` as channel 1.
Status LoadChannel(const OneChannel& c, std::vector<InputSegment> inputs = {{2, 4095}}) {
  SafetensorsWriter writer;
  std::vector<std::int16_t> weight(c.weight.size(), 1);
  weight.insert(weight.end(), c.weight.begin(), c.weight.end());
  EXPECT_TRUE(writer.Add("l.weight", {2, std::int64_t(c.weight.size()), 1, 1}, weight).ok());
  EXPECT_TRUE(writer.Add("l.bias", {2}, std::vector<std::int32_t>{0, c.bias}).ok());
  EXPECT_TRUE(writer.Add("l.multiplier", {2}, std::vector<std::int32_t>{1, c.multiplier}).ok());
  EXPECT_TRUE(writer.Add("l.shift", {2}, std::vector<std::int32_t>{1, c.shift}).ok());
  int levels = 1;
  if (!c.level_bias.empty()) {
    levels = int(c.level_bias.size());
    std::vector<std::int32_t> all;
    for (const std::int32_t b : c.level_bias) all.insert(all.end(), {0, b});
    EXPECT_TRUE(writer.Add("l.level_bias", {levels, 2}, all).ok());
  }
  return LoadLayerTensors(File(writer), {.name = "l",
                                         .levels = levels,
                                         .inputs = std::move(inputs),
                                         .outputs = {{2, 0, 4095}}})
      .status();
}

void ExpectViolation(const Status& status, const std::string& part) {
  EXPECT_EQ(status.code(), StatusCode::kModelCorrupt) << status.message();
  EXPECT_NE(status.message().find("layer \"l\", output channel 1"), std::string::npos)
      << status.message();
  EXPECT_NE(status.message().find(part), std::string::npos) << status.message();
}

TEST(IntConvProof, BoundsAreExact) {
  EXPECT_TRUE(LoadChannel({}).ok());
  // 2 * 100 * 4095 = 819000.
  EXPECT_TRUE(LoadChannel({.bias = 2147483647 - 819000}).ok());
  ExpectViolation(LoadChannel({.bias = 2147483647 - 819000 + 1}), "2147483648");
  EXPECT_TRUE(LoadChannel({.bias = -(2147483647 - 819000)}).ok());
  ExpectViolation(LoadChannel({.bias = std::numeric_limits<std::int32_t>::min()}), "more than");
  // The level bias counts with its largest magnitude.
  EXPECT_TRUE(LoadChannel({.level_bias = {0, -(2147483647 - 819000), 5}}).ok());
  ExpectViolation(LoadChannel({.level_bias = {0, -(2147483647 - 819000) - 1, 5}}), "more than");
  ExpectViolation(LoadChannel({.bias = 2, .level_bias = {2147483647 - 819001}}), "2147483648");
  // Bounds are taken per segment: 65536 * 32767 * 0 for the second input would pass.
  EXPECT_TRUE(
      LoadChannel({.weight = {100, 32767}, .bias = 2147483647 - 409500}, {{1, 4095}, {1, 0}}).ok());
  ExpectViolation(
      LoadChannel({.weight = {32767, 100}, .bias = 2147483647 - 409500}, {{1, 4095}, {1, 0}}),
      "more than");
}

TEST(IntConvProof, IllegalParametersAreNamed) {
  ExpectViolation(LoadChannel({.weight = {1, -32768}}), "-32768");
  ExpectViolation(LoadChannel({.multiplier = 0}), "multiplier 0");
  ExpectViolation(LoadChannel({.multiplier = -5}), "multiplier -5");
  ExpectViolation(LoadChannel({.shift = 0}), "shift 0");
  ExpectViolation(LoadChannel({.shift = 63}), "shift 63");
  ExpectViolation(LoadChannel({.shift = -2147483647}), "shift -2147483647");
  EXPECT_TRUE(LoadChannel({.multiplier = 2147483647, .shift = 62}).ok());
}

TEST(IntConvProof, WrongShapesTypesAndAbsenceAreNamed) {
  Random random(17);
  const LayerSpec spec{.name = "l", .levels = 4, .inputs = {{6, 4095}}, .outputs = {{4, 0, 4095}}};
  for (const char* part : {"weight", "bias", "multiplier", "shift", "level_bias"}) {
    const std::string name = std::string("l.") + part;
    SafetensorsWriter writer;
    AddRandomLayer(writer, "l", 4, 6, 1, false, 2500, 0, 4, random);
    SafetensorsWriter absent = writer;
    absent.Remove(name);
    const Status missing = LoadLayerTensors(File(absent), spec).status();
    if (std::string(part) == "level_bias") {
      EXPECT_TRUE(missing.ok());  // optional
    } else {
      EXPECT_EQ(missing.code(), StatusCode::kModelCorrupt);
      EXPECT_NE(missing.message().find("\"" + name + "\" is missing"), std::string::npos);
    }
    SafetensorsWriter reshaped = writer;
    ASSERT_TRUE(reshaped.Add(name, {3}, std::vector<std::int32_t>{1, 1, 1}).ok());
    const Status shape = LoadLayerTensors(File(reshaped), spec).status();
    EXPECT_EQ(shape.code(), StatusCode::kModelCorrupt);
    EXPECT_NE(shape.message().find("\"" + name + "\" is I32 [3], expected"), std::string::npos)
        << shape.message();
    SafetensorsWriter retyped = writer;
    ASSERT_TRUE(retyped.Add(name, {4}, std::vector<float>{1, 1, 1, 1}).ok());
    const Status dtype = LoadLayerTensors(File(retyped), spec).status();
    EXPECT_NE(dtype.message().find("\"" + name + "\" is F32"), std::string::npos);
  }
}

// --- The choice of instruction set ---------------------------------------------------------------

class HalfmoonIsa : public ::testing::Test {
 protected:
  void SetUp() override {
    if (const char* old = std::getenv("HALFMOON_ISA")) old_ = old;
  }
  void TearDown() override {
    if (old_.empty()) {
      unsetenv("HALFMOON_ISA");
    } else {
      setenv("HALFMOON_ISA", old_.c_str(), 1);
    }
  }
  std::string old_;
};

TEST_F(HalfmoonIsa, SelectsOrExplains) {
  unsetenv("HALFMOON_ISA");
  EXPECT_EQ(*IsaFromEnvironment(), BestIsa());
  setenv("HALFMOON_ISA", "", 1);
  EXPECT_EQ(*IsaFromEnvironment(), BestIsa());
  EXPECT_EQ(SupportedIsas().front(), Isa::kScalar);
  for (const Isa isa :
       {Isa::kScalar, Isa::kSse4, Isa::kAvx2, Isa::kAvx512, Isa::kAvx512Vnni, Isa::kNative}) {
    setenv("HALFMOON_ISA", std::string(IsaName(isa)).c_str(), 1);
    const auto chosen = IsaFromEnvironment();
    EXPECT_EQ(chosen.ok(), IsaSupported(isa));
    if (chosen.ok()) {
      EXPECT_EQ(*chosen, isa);
    } else {
      EXPECT_EQ(chosen.status().code(), StatusCode::kInvalidArgument);
      EXPECT_NE(chosen.status().message().find("not available"), std::string::npos);
    }
  }
  setenv("HALFMOON_ISA", "AVX2 ", 1);
  EXPECT_EQ(IsaFromEnvironment().status().code(), StatusCode::kInvalidArgument);
  EXPECT_NE(IsaFromEnvironment().status().message().find("unknown"), std::string::npos);
}

}  // namespace
}  // namespace halfmoon::runtime
