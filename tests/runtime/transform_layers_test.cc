// The integer layers of the pixel transforms: the same bits on every instruction set and with any
// number of threads, up to the bounds; what could leave 32 bits is refused.
#include "models/runtime/layers/transform_layers.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>

#include "test_model.h"

namespace halfmoon::runtime {
namespace {

using testing::Random;

constexpr std::int64_t kMost = 2147483647;

std::int16_t Sat(std::int64_t v) {
  return static_cast<std::int16_t>(std::clamp<std::int64_t>(v, -32768, 32767));
}

std::int16_t Fixed(std::int64_t v, std::int64_t factor) {
  return static_cast<std::int16_t>((v * factor + 16384) >> 15);
}

// Inputs of all sizes; every eighth is at an end of the range.
std::vector<std::int16_t> RandomInputs(std::size_t count, Random& random) {
  std::vector<std::int16_t> v(count);
  for (std::int16_t& x : v) {
    const std::int64_t kind = random.In(0, 7);
    const std::int64_t size = std::int64_t{1} << random.In(0, 15);
    x = kind == 0   ? std::int16_t{-32768}
        : kind == 1 ? std::int16_t{32767}
                    : Sat(random.In(-size, size));
  }
  return v;
}

// A layer as a weights file has it. Row 0 is at the bound to the last unit; the others use what
// `share` of 256 of it leaves.
struct Layer {
  std::vector<std::int16_t> weight;  // [out][in]
  std::vector<std::int32_t> bias;
  std::int32_t shift;

  Layer(std::size_t out, std::size_t in, int shift_, Random& random)
      : weight(out * in), bias(out), shift(shift_) {
    const std::int64_t rounding = std::int64_t{1} << (shift - 1);
    for (std::size_t o = 0; o < out; ++o) {
      const std::int64_t budget = (kMost - rounding) / 32768;
      std::int64_t left = o == 0 ? budget : random.In(0, budget);
      for (std::size_t i = 0; i < in; ++i) {
        const std::int64_t most = std::min<std::int64_t>(left, 32767);
        const std::int64_t w = i + 1 == in ? most : random.In(0, std::min(most, 4 * left / 64 + 1));
        weight[o * in + i] = static_cast<std::int16_t>(random.In(0, 1) != 0 ? w : -w);
        left -= w;
      }
      std::int64_t used = 0;
      for (std::size_t i = 0; i < in; ++i) used += std::abs(std::int64_t{weight[o * in + i]});
      const std::int64_t room = kMost - rounding - used * 32768;
      bias[o] = static_cast<std::int32_t>(o == 0 ? room : random.In(-room, room));
    }
  }

  void AddTo(training::SafetensorsWriter* writer, const std::string& name,
             const std::vector<std::int64_t>& shape) const {
    ASSERT_TRUE(writer->Add<std::int16_t>(name + ".weight", shape, weight).ok());
    ASSERT_TRUE(writer->Add<std::int32_t>(name + ".bias", {shape[0]}, bias).ok());
    ASSERT_TRUE(
        writer->Add<std::int32_t>(name + ".shift", {1}, std::vector<std::int32_t>{shift}).ok());
  }

  // By the text of README.md.
  std::int16_t Of(std::size_t o, std::size_t in,
                  const std::function<std::int16_t(std::size_t)>& input) const {
    std::int64_t sum = bias[o] + (std::int64_t{1} << (shift - 1));
    for (std::size_t i = 0; i < in; ++i) sum += std::int64_t{weight[o * in + i]} * input(i);
    EXPECT_LE(std::abs(sum), kMost);
    return Sat(sum >> shift);
  }
};

WeightsFile FileOf(const training::SafetensorsWriter& writer) {
  return *WeightsFile::FromBytes(*writer.ToBytes());
}

std::vector<std::int64_t> Shape(std::size_t out, std::size_t in) {
  return {static_cast<std::int64_t>(out), static_cast<std::int64_t>(in), 1, 1};
}

TEST(TransformKernelsTest, PanelsHaveEveryChannelOnce) {
  for (const std::size_t size : {kTransformPanel, kTransformTile}) {
    std::vector<int> seen(size);
    for (std::size_t i = 0; i < size; ++i) ++seen[PanelChannel(i, size)];
    EXPECT_EQ(std::count(seen.begin(), seen.end(), 1), static_cast<std::ptrdiff_t>(size));
  }
}

// Sizes around panels and register tiles; sums at the bound; all that can follow a sum.
TEST(TransformKernelsTest, PointwiseIsTheTextOnEveryIsa) {
  Random random(1);
  int seed = 0;
  for (const std::size_t rows : {1, 3, 4, 5, 11, 12, 13, 25}) {
    for (const auto& [in, out] : {std::pair<std::size_t, std::size_t>{1, 1},
                                  {2, 16},
                                  {7, 33},
                                  {48, 48},
                                  {64, 96},
                                  {33, 70}}) {
      const Layer layer(out, in, 1 + seed % 30, random);
      training::SafetensorsWriter writer;
      layer.AddTo(&writer, "x", Shape(out, in));
      const WeightsFile file = FileOf(writer);
      const auto packed = IntPointwise::Load(file, "x", in, out);
      ASSERT_TRUE(packed.ok()) << packed.status().message();
      const std::size_t stride = (in + 1) / 2 * 2 + 4, padded = PadTransform(out);
      const auto input = RandomInputs(rows * stride, random),
                 residual = RandomInputs(rows * padded, random);
      auto gain = RandomInputs(padded, random);
      for (std::int16_t& g : gain) g = static_cast<std::int16_t>(g & 32767);
      const bool leaky = seed % 2 == 0, gained = seed % 3 == 0, added = seed % 5 < 3;
      ++seed;
      for (const Isa isa : SupportedIsas()) {
        std::vector<std::int16_t> result(rows * padded, 77);
        packed->Run(TransformKernelsFor(isa), input.data(), stride, rows, result.data(), padded,
                    {.leaky = leaky,
                     .gain = gained ? gain.data() : nullptr,
                     .residual = added ? residual.data() : nullptr,
                     .residual_stride = padded});
        for (std::size_t r = 0; r < rows; ++r) {
          for (std::size_t o = 0; o < out; ++o) {
            std::int16_t v = layer.Of(o, in, [&](std::size_t i) { return input[r * stride + i]; });
            if (leaky) v = std::max(v, Fixed(v, 3277));
            if (gained) v = Fixed(v, gain[o]);
            if (added) v = Sat(std::int64_t{v} + residual[r * padded + o]);
            ASSERT_EQ(result[r * padded + o], v)
                << IsaName(isa) << ", " << in << " -> " << out << ", row " << r << ", output " << o;
          }
        }
      }
    }
  }
}

// The sum of the first row really is at the bound: 2^31 - 1 with inputs of -32768.
TEST(TransformKernelsTest, SumsReachTheBound) {
  Random random(2);
  const std::size_t in = 64, out = 32;
  const Layer layer(out, in, 16, random);
  training::SafetensorsWriter writer;
  layer.AddTo(&writer, "x", Shape(out, in));
  const WeightsFile file = FileOf(writer);
  const auto packed = IntPointwise::Load(file, "x", in, out);
  ASSERT_TRUE(packed.ok());
  std::vector<std::int16_t> input(in);
  std::int64_t sum = layer.bias[0] + (1 << 15);
  for (std::size_t i = 0; i < in; ++i) {
    input[i] = layer.weight[i] < 0 ? std::int16_t{-32768} : std::int16_t{32767};
    sum += std::int64_t{layer.weight[i]} * input[i];
  }
  EXPECT_GT(sum, kMost - 65536);
  for (const Isa isa : SupportedIsas()) {
    std::vector<std::int16_t> result(out);
    packed->Run(TransformKernelsFor(isa), input.data(), in, 1, result.data(), out, {});
    EXPECT_EQ(result[0], Sat(sum >> 16)) << IsaName(isa);
  }
}

TEST(TransformLayersTest, WhatCouldLeave32BitsIsRefused) {
  Random random(3);
  const Layer layer(3, 5, 7, random);
  const auto status = [](const Layer& l) {
    training::SafetensorsWriter writer;
    l.AddTo(&writer, "x", Shape(3, 5));
    return IntPointwise::Load(FileOf(writer), "x", 5, 3).status();
  };
  EXPECT_TRUE(status(layer).ok());
  Layer bias = layer;
  ++bias.bias[0];  // one more than fits
  EXPECT_EQ(status(bias).code(), StatusCode::kModelCorrupt);
  EXPECT_NE(status(bias).message().find("x.weight"), std::string::npos) << status(bias).message();
  Layer weight = layer;
  weight.weight[0] = static_cast<std::int16_t>(weight.weight[0] + (weight.weight[0] < 0 ? -1 : 1));
  EXPECT_EQ(status(weight).code(), StatusCode::kModelCorrupt);
  Layer lowest = layer;
  lowest.bias[1] = -2147483647 - 1;
  EXPECT_EQ(status(lowest).code(), StatusCode::kModelCorrupt);
  for (const int shift : {-1, 0, 31}) {
    Layer shifted = layer;
    shifted.shift = shift;
    EXPECT_EQ(status(shifted).code(), StatusCode::kModelCorrupt) << shift;
    EXPECT_NE(status(shifted).message().find("x.shift"), std::string::npos);
  }
}

TEST(TransformLayersTest, InputsAndOutputsLieWhereTheirOrderSays) {
  Random random(4);
  const std::size_t channels = 5;
  const Layer down(6, 4 * channels, 12, random), up(4 * channels, 6, 12, random);
  training::SafetensorsWriter writer;
  down.AddTo(&writer, "down", Shape(6, 4 * channels));
  up.AddTo(&writer, "up", Shape(4 * channels, 6));
  const WeightsFile file = FileOf(writer);
  const auto packed_down = IntPointwise::Load(file, "down", 4 * channels, 6, QuadPlaces(channels));
  const auto packed_up = IntPointwise::LoadParts(file, "up", 6, 4, channels, QuadPlaces(channels));
  ASSERT_TRUE(packed_down.ok() && packed_up.ok());
  IntMap in, coarse;
  in.Resize(4, 6, channels);
  in.values = RandomInputs(in.values.size(), random);
  RunDown(TransformKernelsFor(BestIsa()), *packed_down, channels, in, &coarse, 2);
  for (std::size_t y = 0; y < 2; ++y) {
    for (std::size_t x = 0; x < 3; ++x) {
      for (std::size_t o = 0; o < 6; ++o) {
        EXPECT_EQ(coarse.at(y, x)[o], down.Of(o, 4 * channels, [&](std::size_t i) {
          return in.at(2 * y + i % 4 / 2, 2 * x + i % 2)[i / 4];
        }));
      }
      for (std::size_t p = 0; p < 4; ++p) {
        std::vector<std::int16_t> fine(PadTransform(channels));
        packed_up->RunPart(TransformKernelsFor(BestIsa()), p, coarse.at(y, x), coarse.stride, 1,
                           fine.data(), fine.size(), {});
        for (std::size_t c = 0; c < channels; ++c) {
          EXPECT_EQ(fine[c],
                    up.Of(c * 4 + p, 6, [&](std::size_t i) { return coarse.at(y, x)[i]; }));
        }
      }
    }
  }
}

// A whole block, several windows of it, against the text.
TEST(TransformLayersTest, TheBlockIsTheTextOnEveryIsaAndThreadCount) {
  Random random(5);
  for (const std::size_t c : {std::size_t{3}, std::size_t{48}}) {
    const Layer in(c, c, 15, random), depthwise(c, 9, 14, random), out(c, c, 16, random),
        expand(2 * c, c, 15, random), reduce(c, 2 * c, 16, random);
    training::SafetensorsWriter writer;
    in.AddTo(&writer, "b.in", Shape(c, c));
    depthwise.AddTo(&writer, "b.depthwise", {static_cast<std::int64_t>(c), 1, 3, 3});
    out.AddTo(&writer, "b.out", Shape(c, c));
    expand.AddTo(&writer, "b.expand", Shape(2 * c, c));
    reduce.AddTo(&writer, "b.reduce", Shape(c, 2 * c));
    const WeightsFile file = FileOf(writer);
    const auto block = IntDepthBlock::Load(file, "b", c);
    ASSERT_TRUE(block.ok()) << block.status().message();

    const std::size_t height = 19, width = 67;
    IntMap x;
    x.Resize(height, width, c);
    x.values = RandomInputs(x.values.size(), random);
    const auto leaky = [](std::int16_t v) { return std::max(v, Fixed(v, 3277)); };
    std::vector<std::int16_t> h(height * width * c), expected(h.size());
    for (std::size_t p = 0; p < height * width; ++p) {
      for (std::size_t o = 0; o < c; ++o)
        h[p * c + o] = leaky(in.Of(o, c, [&](std::size_t i) { return x.at(0, p)[i]; }));
    }
    for (std::size_t y = 0; y < height; ++y) {
      for (std::size_t column = 0; column < width; ++column) {
        std::vector<std::int16_t> d(c), s(c), e(2 * c);
        for (std::size_t o = 0; o < c; ++o) {
          d[o] = depthwise.Of(o, 9, [&](std::size_t t) -> std::int16_t {
            const std::size_t v = y + t / 3, u = column + t % 3;  // plus 1
            if (v < 1 || v > height || u < 1 || u > width) return 0;
            return h[((v - 1) * width + u - 1) * c + o];
          });
        }
        for (std::size_t o = 0; o < c; ++o)
          s[o] = Sat(out.Of(o, c, [&](std::size_t i) { return d[i]; }) + x.at(y, column)[o]);
        for (std::size_t o = 0; o < 2 * c; ++o)
          e[o] = leaky(expand.Of(o, c, [&](std::size_t i) { return s[i]; }));
        for (std::size_t o = 0; o < c; ++o) {
          expected[(y * width + column) * c + o] =
              Sat(reduce.Of(o, 2 * c, [&](std::size_t i) { return e[i]; }) + s[o]);
        }
      }
    }
    for (const Isa isa : SupportedIsas()) {
      for (const int threads : {1, 3}) {
        IntMap result;
        block->Run(TransformKernelsFor(isa), x, &result, threads);
        std::vector<std::int16_t> got;
        for (std::size_t p = 0; p < height * width; ++p)
          got.insert(got.end(), result.at(0, p), result.at(0, p) + c);
        EXPECT_TRUE(got == expected) << IsaName(isa) << ", " << threads << " threads, " << c;
      }
    }
  }
}

TEST(TransformLayersTest, PowersOfTwoAreRounded) {
  for (std::int32_t x = 0; x >= -IntLevelGains::kLowest; --x) {
    const double exact = std::exp2(15 + x / 4096.0);
    ASSERT_NEAR(PowerOfTwo(x), std::min(exact, 32767.0), 0.5001) << x;
  }
  EXPECT_EQ(PowerOfTwo(0), 32767);
  EXPECT_EQ(PowerOfTwo(-4096), 16384);
  EXPECT_EQ(PowerOfTwo(-15 * 4096), 1);
}

TEST(TransformLayersTest, GainsAreInterpolatedBetweenAnchors) {
  const auto load = [](std::vector<std::int32_t> anchors) {
    training::SafetensorsWriter writer;
    EXPECT_TRUE(writer.Add<std::int32_t>("g.anchors", {3, 1}, anchors).ok());
    return IntLevelGains::Load(FileOf(writer), "g", 3, 1);
  };
  const auto gains = load({-4096, -8192, 0});
  ASSERT_TRUE(gains.ok()) << gains.status().message();
  for (const auto& [q, octaves] : {std::pair<int, double>{0, -1},
                                   {4032, -1.5},
                                   {8064, -2},
                                   {12096, -1},
                                   {16128, 0},
                                   {-5, -1},
                                   {99999, 0}}) {
    EXPECT_NEAR(gains->Gains(q)[0], std::min(std::exp2(15 + octaves), 32767.0), 0.5001) << q;
  }
  EXPECT_EQ(gains->Gains(0).size(), PadTransform(1));
  EXPECT_EQ(load({1, 0, 0}).status().code(), StatusCode::kModelCorrupt);
  EXPECT_EQ(load({0, 0, -IntLevelGains::kLowest - 1}).status().code(), StatusCode::kModelCorrupt);
}

}  // namespace
}  // namespace halfmoon::runtime
