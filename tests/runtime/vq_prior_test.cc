#include "models/runtime/vqvae/vq_prior.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <numeric>
#include <string>

#include "bitstream/frequency_coder.h"
#include "test_model.h"

namespace halfmoon::runtime {
namespace {

using testing::AddRandomLayer;
using testing::Random;
using training::SafetensorsWriter;

constexpr int kCodes = 19, kStages = 3, kContext = 5, kHidden = 11, kOut = 7;

constexpr IndexPriorConfig kConfig = {kCodes, kStages, kContext, kHidden, kOut};

SafetensorsWriter RandomVqPrior(std::uint64_t seed) {
  Random random(seed);
  SafetensorsWriter w;
  for (const char* k : {"0", "1"}) {
    AddRandomLayer(w, std::string("prior.a") + k, kHidden, kContext, 3, false, 1500, 500, kStages,
                   random);
    AddRandomLayer(w, std::string("prior.b") + k, kOut, kHidden, 1, false, 1500, 500, kStages,
                   random);
  }
  for (int s = 0; s < kStages; ++s) {
    AddRandomLayer(w, "prior.c" + std::to_string(s), kCodes, kOut, 1, false, 1200, 0, 1, random);
  }
  std::vector<std::int8_t> embedding;
  for (int i = 0; i < kStages * kCodes * kContext; ++i) {
    embedding.push_back(static_cast<std::int8_t>(random.In(-127, 127)));
  }
  EXPECT_TRUE(w.Add("prior.embedding", {kStages, kCodes, kContext}, embedding).ok());
  return w;
}

WeightsFile File(const SafetensorsWriter& writer) {
  auto file = WeightsFile::FromBytes(*writer.ToBytes());
  EXPECT_TRUE(file.ok()) << file.status().message();
  return std::move(*file);
}

struct Walk {
  std::vector<std::uint16_t> frequencies;
  std::vector<std::uint8_t> indices;
  bool operator==(const Walk&) const = default;
};

Walk WalkTile(const WeightsFile& file, Isa isa, int h, int w, int threads, std::uint64_t seed) {
  auto prior = VqPrior::Load(file, kConfig, isa);
  EXPECT_TRUE(prior.ok()) << prior.status().message();
  auto tile = VqPriorTile::Create(*prior, h, w, threads);
  EXPECT_TRUE(tile.ok());
  Random random(seed);
  Walk walk;
  for (int s = 0; s < kStages; ++s) {
    for (int k = 0; k < kVqPasses; ++k) {
      std::vector<std::uint16_t> f(tile->IndexCount(k) * kCodes);
      EXPECT_TRUE(tile->Predict(s, k, f).ok());
      std::vector<std::uint8_t> indices(tile->IndexCount(k));
      for (auto& i : indices) i = static_cast<std::uint8_t>(random.In(0, kCodes - 1));
      EXPECT_TRUE(tile->Commit(s, k, indices).ok());
      walk.frequencies.insert(walk.frequencies.end(), f.begin(), f.end());
      walk.indices.insert(walk.indices.end(), indices.begin(), indices.end());
    }
  }
  return walk;
}

// --- A naive reference, from the text of README.md ----------------------------------------------

std::int64_t Layer(const WeightsFile& file, const std::string& name, int level, int o, int kernel,
                   const std::vector<std::vector<std::vector<std::int64_t>>>& in, int y, int x,
                   std::int64_t lo, std::int64_t hi) {
  const auto weight = file.Get(name + ".weight")->Values<std::int16_t>();
  const int channels = static_cast<int>(in[0][0].size());
  std::int64_t sum = file.Get(name + ".bias")->Values<std::int32_t>()[static_cast<std::size_t>(o)];
  if (file.Has(name + ".level_bias")) {
    const auto view = file.Get(name + ".level_bias");
    const auto out = static_cast<std::size_t>(view->shape[1]);
    sum += view->Values<std::int32_t>()[static_cast<std::size_t>(level) * out +
                                        static_cast<std::size_t>(o)];
  }
  for (int c = 0; c < channels; ++c) {
    for (int ky = 0; ky < kernel; ++ky) {
      for (int kx = 0; kx < kernel; ++kx) {
        const int row = y + ky - kernel / 2, column = x + kx - kernel / 2;
        if (row < 0 || column < 0 || row >= static_cast<int>(in.size()) ||
            column >= static_cast<int>(in[0].size())) {
          continue;
        }
        sum += weight[static_cast<std::size_t>(((o * channels + c) * kernel + ky) * kernel + kx)] *
               in[static_cast<std::size_t>(row)][static_cast<std::size_t>(column)]
                 [static_cast<std::size_t>(c)];
      }
    }
  }
  const std::int64_t m =
      file.Get(name + ".multiplier")->Values<std::int32_t>()[static_cast<std::size_t>(o)];
  const int shift = file.Get(name + ".shift")->Values<std::int32_t>()[static_cast<std::size_t>(o)];
  return std::clamp((sum * m + (std::int64_t{1} << (shift - 1))) >> shift, lo, hi);
}

std::vector<std::uint16_t> Frequencies(const std::vector<std::int64_t>& logits) {
  const std::int64_t top = *std::max_element(logits.begin(), logits.end());
  std::vector<std::uint64_t> w;
  std::uint64_t sum = 0;
  for (const std::int64_t l : logits) {
    const std::int64_t d = top - l;
    const auto power = static_cast<std::uint64_t>(
        std::llround(65536 * std::exp2(-static_cast<double>(d % 256) / 256)));
    w.push_back(power >> (d / 256));
    sum += w.back();
  }
  const std::uint64_t share = ((65536 - logits.size()) << 32) / sum;
  std::vector<std::uint16_t> f;
  std::int64_t left = 65536;
  for (const std::uint64_t v : w) {
    f.push_back(static_cast<std::uint16_t>(1 + ((v * share) >> 32)));
    left -= f.back();
  }
  f[static_cast<std::size_t>(std::max_element(logits.begin(), logits.end()) - logits.begin())] +=
      static_cast<std::uint16_t>(left);
  return f;
}

TEST(VqPrior, EqualsTheReferenceOnEveryInstructionSetAndThreadCount) {
  const WeightsFile file = File(RandomVqPrior(7));
  constexpr int kH = 5, kW = 7;
  const Walk walk = WalkTile(file, Isa::kScalar, kH, kW, 1, 9);
  for (const Isa isa : SupportedIsas()) {
    for (const int threads : {1, 3}) {
      EXPECT_EQ(WalkTile(file, isa, kH, kW, threads, 9), walk) << IsaName(isa) << " " << threads;
    }
  }

  const auto embedding = file.Get("prior.embedding")->Values<std::int8_t>();
  using Map = std::vector<std::vector<std::vector<std::int64_t>>>;
  Map u(kH, std::vector<std::vector<std::int64_t>>(kW, std::vector<std::int64_t>(kContext, 0)));
  std::size_t at = 0, index_at = 0;
  for (int s = 0; s < kStages; ++s) {
    for (int k = 0; k < kVqPasses; ++k) {
      const std::string n = std::to_string(k);
      Map next = u;
      for (int y = 0; y < kH; ++y) {
        for (int x = 0; x < kW; ++x) {
          if ((y + x) % 2 != k) continue;
          Map hidden(1, std::vector<std::vector<std::int64_t>>(1)), out = hidden;
          for (int o = 0; o < kHidden; ++o) {
            hidden[0][0].push_back(Layer(file, "prior.a" + n, s, o, 3, u, y, x, 0, 4095));
          }
          for (int o = 0; o < kOut; ++o) {
            out[0][0].push_back(Layer(file, "prior.b" + n, s, o, 1, hidden, 0, 0, 0, 4095));
          }
          std::vector<std::int64_t> logits;
          for (int o = 0; o < kCodes; ++o) {
            logits.push_back(
                Layer(file, "prior.c" + std::to_string(s), 0, o, 1, out, 0, 0, -4095, 4095));
          }
          const auto expected = Frequencies(logits);
          for (int c = 0; c < kCodes; ++c, ++at) {
            ASSERT_EQ(walk.frequencies[at], expected[static_cast<std::size_t>(c)])
                << s << k << y << x << c;
          }
          const int index = walk.indices[index_at++];
          for (int c = 0; c < kContext; ++c) {
            auto& v = next[static_cast<std::size_t>(y)][static_cast<std::size_t>(x)]
                          [static_cast<std::size_t>(c)];
            v += embedding[static_cast<std::size_t>((s * kCodes + index) * kContext + c)];
            v = std::clamp<std::int64_t>(v, -4095, 4095);
          }
        }
      }
      u = next;
    }
  }
}

TEST(VqPrior, FrequenciesAreAlwaysLegal) {
  Random random(3);
  for (int round = 0; round < 3000; ++round) {
    const auto n = static_cast<std::size_t>(random.In(2, 256));
    std::vector<std::int16_t> logits(n);
    const std::int64_t span = random.In(0, 4095);
    for (auto& l : logits) l = static_cast<std::int16_t>(random.In(-span, span));
    if (round % 7 == 0) logits[0] = 4095;
    if (round % 5 == 0) std::fill(logits.begin() + 1, logits.end(), std::int16_t{-4095});
    std::vector<std::uint16_t> f(n);
    FrequenciesFromLogits(logits, f);
    ASSERT_EQ(std::accumulate(f.begin(), f.end(), 0), 65536);
    ASSERT_GE(*std::min_element(f.begin(), f.end()), 1);
    for (std::size_t i = 0; i < n; ++i) {
      for (std::size_t j = 0; j < std::min<std::size_t>(n, 4); ++j) {
        if (logits[i] > logits[j]) {
          ASSERT_GE(f[i], f[j]);
        }
      }
    }
  }
}

TEST(VqPrior, RefusesWrongOrderSizeAndIndices) {
  const WeightsFile file = File(RandomVqPrior(1));
  const VqPrior prior = *VqPrior::Load(file, kConfig);
  VqPriorTile tile = std::move(*VqPriorTile::Create(prior, 4, 3, 1));
  std::vector<std::uint16_t> f(tile.IndexCount(0) * kCodes);
  std::vector<std::uint8_t> indices(tile.IndexCount(0), 0);
  EXPECT_FALSE(tile.Commit(0, 0, indices).ok());  // not predicted
  EXPECT_FALSE(tile.Predict(0, 1, f).ok());
  EXPECT_FALSE(tile.Predict(1, 0, f).ok());
  EXPECT_FALSE(tile.Predict(0, 0, std::span(f).first(3)).ok());
  ASSERT_TRUE(tile.Predict(0, 0, f).ok());
  indices[1] = kCodes;
  EXPECT_FALSE(tile.Commit(0, 0, indices).ok());
  indices[1] = kCodes - 1;
  EXPECT_TRUE(tile.Commit(0, 0, indices).ok());
  EXPECT_FALSE(VqPriorTile::Create(prior, 0, 3, 1).ok());
  EXPECT_FALSE(VqPriorTile::Create(prior, 4, kMaxVqTileSide + 1, 1).ok());
}

TEST(VqPrior, RefusesDamagedWeights) {
  SafetensorsWriter w = RandomVqPrior(2);
  w.Remove("prior.c1.shift");
  EXPECT_EQ(VqPrior::Load(File(w), kConfig).status().code(), StatusCode::kModelCorrupt);
  w = RandomVqPrior(2);
  const std::vector<std::int16_t> huge(static_cast<std::size_t>(kHidden * kContext * 9), 32767);
  ASSERT_TRUE(w.Add("prior.a0.weight", {kHidden, kContext, 3, 3}, huge).ok());
  EXPECT_EQ(VqPrior::Load(File(w), kConfig).status().code(), StatusCode::kModelCorrupt);
  w = RandomVqPrior(2);
  IndexPriorConfig other = kConfig;
  other.codes = 20;
  EXPECT_EQ(VqPrior::Load(File(w), other).status().code(), StatusCode::kModelCorrupt);
}

// Eight-bit weights are the same layer as sixteen-bit ones.
TEST(VqPrior, WeightsMayHaveEightBits) {
  SafetensorsWriter w = RandomVqPrior(4);
  const WeightsFile wide = File(w);
  for (int s = 0; s < kStages; ++s) {
    const std::string name = "prior.c" + std::to_string(s) + ".weight";
    const auto values = wide.Get(name)->Values<std::int16_t>();
    std::vector<std::int8_t> bytes;
    for (const std::int16_t v : values) {
      ASSERT_LE(std::abs(v), 127);
      bytes.push_back(static_cast<std::int8_t>(v));
    }
    ASSERT_TRUE(w.Add(name, {kCodes, kOut, 1, 1}, bytes).ok());
  }
  EXPECT_EQ(WalkTile(File(w), Isa::kScalar, 4, 4, 1, 1), WalkTile(wide, Isa::kScalar, 4, 4, 1, 1));
}

}  // namespace
}  // namespace halfmoon::runtime
