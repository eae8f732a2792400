#include "models/overfitted/integer_decoder.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <random>

#include "models/overfitted/fitting.h"
#include "tests/overfitted/random_networks.h"

namespace halfmoon::overfitted {
namespace {

using namespace halfmoon::testing;  // NOLINT: helpers of this folder

bool Same(const IntegerPlane& a, const IntegerPlane& b) {
  if (a.width() != b.width() || a.height() != b.height()) return false;
  for (int y = 0; y < a.height(); ++y)
    if (!std::equal(a.row(y), a.row(y) + a.width(), b.row(y))) return false;
  return true;
}

std::vector<runtime::Isa> FastIsas() {
  std::vector<runtime::Isa> isas = runtime::SupportedIsas();
  isas.erase(isas.begin());  // scalar
  return isas;
}

// Layers at the edge of what Check allows: the largest sums there can be, of both signs.
TEST(IntegerKernelsTest, AreTheReferenceOnEveryInstructionSet) {
  std::mt19937 random(1);
  const auto number = [&](int limit) {
    return static_cast<std::int16_t>(std::uniform_int_distribution<int>(-limit, limit)(random));
  };
  const IntegerKernels& reference = IntegerKernelsFor(runtime::Isa::kScalar);
  for (const std::size_t pairs : {1u, 2u, 4u, 14u, 24u}) {
    for (const bool extreme : {false, true}) {
      PackedLayer layer;
      layer.outputs = 5;
      layer.pairs = pairs;
      layer.shift = extreme ? 0 : 7;
      layer.relu = pairs % 4 == 2;
      const int weight = static_cast<int>(65535 / (2 * pairs));
      for (std::size_t i = 0; i < layer.outputs * pairs; ++i) {
        const auto a = static_cast<std::uint16_t>(extreme ? std::min(weight, 32767) : number(999));
        const auto b = static_cast<std::uint16_t>(extreme ? -std::min(weight, 32767) : number(999));
        layer.weights.push_back(static_cast<std::int32_t>(std::uint32_t{b} << 16 | a));
      }
      layer.bias = {0, 64, -64, 12345, -54321};
      constexpr std::size_t kCount = 77;
      std::vector<std::vector<std::int16_t>> in, residual, expected, got;
      for (std::size_t k = 0; k < 2 * pairs; ++k) {
        in.emplace_back(kCount + kRowSlack);
        for (std::int16_t& v : in.back())
          v = extreme ? (k % 2 == 0 ? std::int16_t{32767} : std::int16_t{-32767}) : number(32767);
      }
      for (std::size_t o = 0; o < layer.outputs; ++o) {
        residual.emplace_back(kCount + kRowSlack);
        for (std::int16_t& v : residual.back()) v = number(32767);
        expected.emplace_back(kCount + kRowSlack);
        got.emplace_back(kCount + kRowSlack);
      }
      const auto rows = [](auto& planes) {
        std::vector<std::int16_t*> out;
        for (auto& p : planes) out.push_back(p.data());
        return out;
      };
      const auto in_rows = rows(in), residual_rows = rows(residual);
      const std::vector<const std::int16_t*> ins(in_rows.begin(), in_rows.end());
      const std::vector<const std::int16_t*> residuals(residual_rows.begin(), residual_rows.end());
      for (const bool with_residual : {false, true}) {
        reference.layer(layer, ins.data(), with_residual ? residuals.data() : nullptr,
                        rows(expected).data(), kCount);
        for (const runtime::Isa isa : FastIsas()) {
          IntegerKernelsFor(isa).layer(layer, ins.data(),
                                       with_residual ? residuals.data() : nullptr, rows(got).data(),
                                       kCount);
          for (std::size_t o = 0; o < layer.outputs; ++o) {
            EXPECT_TRUE(std::equal(got[o].begin(), got[o].begin() + kCount, expected[o].begin()))
                << runtime::IsaName(isa) << ", " << pairs << " pairs, output " << o;
          }
        }
      }
    }
  }
}

TEST(IntegerDecoderTest, StreamsAndColoursAreTheSameOnEveryInstructionSet) {
  const IntegerNetworks networks = RandomNetworks(7);
  const LatentGrids grids = RandomGrids(192, 128, 3);
  const auto reference = IntegerDecoder::Create(networks, runtime::Isa::kScalar);
  ASSERT_TRUE(reference.ok()) << reference.status().message();
  const auto stream = reference->Encode(grids, nullptr);
  ASSERT_TRUE(stream.ok());
  const auto colours = reference->Synthesise(grids, Threads(1));
  for (const runtime::Isa isa : FastIsas()) {
    const auto decoder = IntegerDecoder::Create(networks, isa);
    EXPECT_EQ(*decoder->Encode(grids, nullptr), *stream) << runtime::IsaName(isa);
    const auto same = decoder->Synthesise(grids, Threads(3));
    for (std::size_t c = 0; c < kColours; ++c) EXPECT_TRUE(Same(same[c], colours[c]));
  }
}

TEST(IntegerDecoderTest, LatentsComeBack) {
  for (const auto& [width, height] :
       {std::pair{64, 64}, {128, 64}, {64, 192}, {320, 256}, {1, 1}, {65, 3}}) {
    const auto decoder = IntegerDecoder::Create(RandomNetworks(9), runtime::BestIsa());
    ASSERT_TRUE(decoder.ok());
    LatentGrids grids = RandomGrids(width, height, 5);
    // The largest there are.
    grids.planes[0].row(0)[0] = kMaxLatent * (1 << kLatentBits);
    grids.planes[6].row(0)[0] = -kMaxLatent * (1 << kLatentBits);
    double bits = 0;
    const auto stream = decoder->Encode(grids, &bits);
    ASSERT_TRUE(stream.ok());
    EXPECT_NEAR(bits, 8 * static_cast<double>(stream->size()), 0.001 * bits + 80);
    const auto back = decoder->Decode(*stream, width, height);
    ASSERT_TRUE(back.ok()) << back.status().message();
    for (std::size_t g = 0; g < kGrids; ++g)
      EXPECT_TRUE(Same(back->planes[g], grids.planes[g])) << width << "x" << height << " " << g;
  }
}

// Away from cut edges a part has the colours of the whole.
TEST(IntegerDecoderTest, PartsHaveTheColoursOfTheWhole) {
  constexpr int kWidth = 704, kHeight = 640, kX = 64, kY = 64;  // the part goes to the lower right
  const auto decoder = IntegerDecoder::Create(RandomNetworks(11), runtime::BestIsa());
  const LatentGrids grids = RandomGrids(kWidth, kHeight, 6);
  LatentGrids part(kWidth - kX, kHeight - kY);
  for (int g = 0; g < kGrids; ++g) {
    auto& to = part.planes[static_cast<std::size_t>(g)];
    for (int y = 0; y < to.height(); ++y)
      to.SetRow(y, grids.planes[static_cast<std::size_t>(g)].row(y + (kY >> g)) + (kX >> g));
  }
  const auto whole = decoder->Synthesise(grids, Threads(2));
  const auto cut = decoder->Synthesise(part, Threads(1));
  int differ_outside = 0;
  for (std::size_t c = 0; c < kColours; ++c) {
    for (int y = 0; y < part.height; ++y) {
      for (int x = 0; x < part.width; ++x) {
        const bool same = cut[c].row(y)[x] == whole[c].row(y + kY)[x + kX];
        if (x >= kSynthesisReach && y >= kSynthesisReach) {
          ASSERT_TRUE(same) << x << "," << y;
        } else {
          differ_outside += same ? 0 : 1;
        }
      }
    }
  }
  EXPECT_GT(differ_outside, 0);  // the edge does matter nearer by
}

// What is fitted in floats and what is decoded in integers are the same networks.
TEST(IntegerDecoderTest, AgreesWithTheFloatsOfFitting) {
  constexpr int kWidth = 96, kHeight = 80;
  const IntegerNetworks whole = RandomNetworks(3);
  Networks networks;
  whole.AddTo(&networks);
  const LatentGrids grids = RandomGrids(kWidth, kHeight, 4);
  std::vector<Plane> latents;
  std::vector<std::vector<Plane>> features(kGrids);
  for (int g = 0; g < kGrids; ++g) {
    latents.emplace_back(PlaneShape(GridSide(kWidth, g), GridSide(kHeight, g)));
    const IntegerPlane& from = grids.planes[static_cast<std::size_t>(g)];
    for (int y = 0; y < from.height(); ++y)
      for (int x = 0; x < from.width(); ++x)
        latents.back().row(y)[x] = static_cast<float>(from.row(y)[x] >> kLatentBits);
  }
  for (std::size_t g = kGrids - 1; g-- > 0;) {
    std::vector<const Plane*> coarse = {&latents[g + 1]};
    for (const Plane& p : features[g + 1]) coarse.push_back(&p);
    for (std::size_t i = 0; i < coarse.size(); ++i) features[g].emplace_back(latents[g].shape());
    std::vector<Plane*> fine;
    for (Plane& p : features[g]) fine.push_back(&p);
    Upsample(networks, static_cast<int>(g), coarse, fine, Threads(1));
  }
  std::vector<const Plane*> stack = {&latents[0]};
  for (const Plane& p : features[0]) stack.push_back(&p);
  SynthesisFit synthesis(latents[0].shape());
  const ColourPlanes& floats = synthesis.Forward(networks, stack, Threads(1));
  const auto decoder = IntegerDecoder::Create(whole, runtime::BestIsa());
  const auto integers = decoder->Synthesise(grids, Threads(1));
  double sum = 0;
  for (std::size_t c = 0; c < kColours; ++c) {
    for (int y = 0; y < kHeight; ++y) {
      for (int x = 0; x < kWidth; ++x) {
        const double difference = static_cast<double>(floats[c].row(y)[x]) -
                                  static_cast<double>(integers[c].row(y)[x]) / (1 << kColourBits);
        EXPECT_LT(std::abs(difference), 0.05) << c << " " << x << "," << y;
        sum += std::abs(difference);
      }
    }
  }
  EXPECT_LT(sum / (kColours * kWidth * kHeight), 0.005);

  // The same for what the latents cost.
  EntropyFit entropy;
  entropy.Prepare(networks);
  double bits = 0, coded = 0;
  for (std::size_t g = 0; g < kGrids; ++g) {
    GridView view;
    view.values = &latents[g];
    for (const Plane& p : features[g]) view.features.push_back(&p);
    bits += entropy.Bits(view, Threads(1));
  }
  ASSERT_TRUE(decoder->Encode(grids, &coded).ok());
  EXPECT_NEAR(coded, bits, 0.01 * bits);
}

TEST(IntegerDecoderTest, DamagedStreamsAreErrors) {
  const auto decoder = IntegerDecoder::Create(RandomNetworks(13), runtime::BestIsa());
  const auto stream = decoder->Encode(RandomGrids(64, 64, 8), nullptr);
  for (std::size_t size = 0; size < stream->size(); ++size) {
    const auto cut = decoder->Decode(std::span(*stream).first(size), 64, 64);
    ASSERT_FALSE(cut.ok()) << size;
    EXPECT_TRUE(cut.status().code() == StatusCode::kTruncated ||
                cut.status().code() == StatusCode::kCorrupt);
  }
  std::mt19937 random(2);
  int refused = 0;
  for (int i = 0; i < 500; ++i) {
    std::vector<std::uint8_t> edited = *stream;
    for (int k = 0; k < 3; ++k)
      edited[random() % edited.size()] = static_cast<std::uint8_t>(random());
    refused += decoder->Decode(edited, 64, 64).ok() ? 0 : 1;
  }
  EXPECT_GT(refused, 450);  // the end of the stream is a check of its own
}

}  // namespace
}  // namespace halfmoon::overfitted
