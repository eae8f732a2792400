#include "models/runtime/ae/ae_prior.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <functional>
#include <map>
#include <string>

#include "test_model.h"

namespace halfmoon::runtime {
namespace {

using testing::FullConfig;
using testing::Random;
using testing::RandomPrior;
using testing::RandomScales;
using testing::RandomSymbols;
using testing::SmallConfig;
using training::SafetensorsWriter;

WeightsFile File(const SafetensorsWriter& writer) {
  auto file = WeightsFile::FromBytes(*writer.ToBytes());
  EXPECT_TRUE(file.ok()) << file.status().message();
  return std::move(*file);
}

Result<AePrior> LoadPrior(const WeightsFile& file, std::optional<Isa> isa = std::nullopt) {
  HALFMOON_ASSIGN_OR_RETURN(const AeConfig config, FromMetadata<AeConfig>(file.metadata()));
  return AePrior::Load(file, config, isa);
}

AePrior Prior(const WeightsFile& file, std::optional<Isa> isa = std::nullopt) {
  auto prior = LoadPrior(file, isa);
  EXPECT_TRUE(prior.ok()) << prior.status().message();
  return std::move(*prior);
}

// What one pass predicted, and the state at the end.
struct Walk {
  std::vector<std::vector<std::uint8_t>> tables;
  std::vector<std::vector<std::int16_t>> means;
  std::vector<std::vector<std::int32_t>> symbols;
  std::vector<std::int32_t> latent;

  bool operator==(const Walk&) const = default;
};

// Walks a tile; `symbols` gives pass k's symbols from its means.
Walk WalkTile(AePriorTile& tile, const std::vector<std::int32_t>& z,
              const std::function<std::vector<std::int32_t>(int, const std::vector<std::int16_t>&)>&
                  symbols) {
  Walk walk;
  EXPECT_TRUE(tile.SetHyperLatent(z).ok());
  for (int k = 0; k < kAePasses; ++k) {
    std::vector<std::uint8_t> tables(tile.SymbolsPerPass());
    std::vector<std::int16_t> means(tile.SymbolsPerPass());
    const Status predicted = tile.PredictPass(k, tables, means);
    EXPECT_TRUE(predicted.ok()) << predicted.message();
    auto r = symbols(k, means);
    std::vector<std::int32_t> values;
    for (const std::int32_t symbol : r) values.push_back(kAeStep * symbol);
    const Status committed = tile.CommitPass(k, values);
    EXPECT_TRUE(committed.ok()) << committed.message();
    walk.tables.push_back(std::move(tables));
    walk.means.push_back(std::move(means));
    walk.symbols.push_back(std::move(r));
  }
  walk.latent.assign(tile.latent().begin(), tile.latent().end());
  return walk;
}

Walk WalkWith(const AePrior& prior, int level, int h64, int w64, int threads,
              const std::vector<std::int32_t>& z,
              const std::vector<std::vector<std::int32_t>>& symbols) {
  auto tile = AePriorTile::Create(prior, level, h64, w64, threads);
  EXPECT_TRUE(tile.ok()) << tile.status().message();
  return WalkTile(*tile, z, [&](int k, const auto&) { return symbols[size_t(k)]; });
}

// --- The normative text of README.md once more, written naively ----------------------------------

struct Grid {
  int h, w, c;
  std::vector<std::int64_t> v;
  Grid(int h_, int w_, int c_) : h(h_), w(w_), c(c_), v(size_t(h_ * w_ * c_), 0) {}
  std::int64_t& at(int y, int x, int i) { return v[size_t((y * w + x) * c + i)]; }
  std::int64_t get(int y, int x, int i) const {
    return y < 0 || y >= h || x < 0 || x >= w ? 0 : v[size_t((y * w + x) * c + i)];
  }
};

class NaivePrior {
 public:
  NaivePrior(const WeightsFile& file, int level) : file_(file), level_(level) {}

  Grid Layer(const std::string& name, const Grid& in, bool depthwise, std::int64_t lo,
             std::int64_t hi) const {
    const auto tensor = *file_.Get("prior." + name + ".weight");
    const auto weight = tensor.Values<std::int16_t>();
    const auto bias = file_.Get("prior." + name + ".bias")->Values<std::int32_t>();
    const auto multiplier = file_.Get("prior." + name + ".multiplier")->Values<std::int32_t>();
    const auto shift = file_.Get("prior." + name + ".shift")->Values<std::int32_t>();
    std::vector<std::int32_t> level_bias;
    if (file_.Has("prior." + name + ".level_bias")) {
      level_bias = file_.Get("prior." + name + ".level_bias")->Values<std::int32_t>();
    }
    const int co = int(tensor.shape[0]);
    const int ci = int(tensor.shape[1]);
    const int k = int(tensor.shape[2]);
    EXPECT_EQ(depthwise ? co : ci, in.c);
    Grid out(in.h, in.w, co);
    for (int y = 0; y < in.h; ++y) {
      for (int x = 0; x < in.w; ++x) {
        for (int o = 0; o < co; ++o) {
          std::int64_t sum = bias[size_t(o)];
          if (!level_bias.empty()) sum += level_bias[size_t(level_ * co + o)];
          for (int i = 0; i < ci; ++i) {
            for (int ky = 0; ky < k; ++ky) {
              for (int kx = 0; kx < k; ++kx) {
                sum += weight[size_t(((o * ci + i) * k + ky) * k + kx)] *
                       in.get(y + ky - k / 2, x + kx - k / 2, depthwise ? o : i);
              }
            }
          }
          const int s = shift[size_t(o)];
          const std::int64_t value =
              (sum * multiplier[size_t(o)] + (std::int64_t{1} << (s - 1))) >> s;
          out.at(y, x, o) = std::clamp(value, lo, hi);
        }
      }
    }
    return out;
  }

  static Grid Shuffle(const Grid& in) {
    Grid out(2 * in.h, 2 * in.w, in.c / 4);
    for (int y = 0; y < in.h; ++y) {
      for (int x = 0; x < in.w; ++x) {
        for (int c = 0; c < in.c; ++c) {
          out.at(2 * y + c % 4 / 2, 2 * x + c % 2, c / 4) = in.get(y, x, c);
        }
      }
    }
    return out;
  }

  Walk Run(const AeConfig& n, int h64, int w64, const std::vector<std::int32_t>& z_symbols,
           const std::vector<std::vector<std::int32_t>>& symbols) const {
    const auto z_mean = file_.Get("prior.z_mean")->Values<std::int16_t>();
    Grid z(h64, w64, int(n.hyper_channels));
    for (size_t i = 0; i < z.v.size(); ++i) {
      const auto c = i % size_t(n.hyper_channels);
      z.v[i] = std::clamp<std::int64_t>(
          16 * std::int64_t{z_symbols[i]} + z_mean[size_t(level_ * n.hyper_channels) + c], -4095,
          4095);
    }
    Grid f = Layer("h0", z, false, 0, 4095);
    f = Shuffle(Layer("h1", f, false, 0, 4095));
    f = Layer("h2", f, false, 0, 4095);
    f = Shuffle(Layer("h3", f, false, 0, 4095));
    EXPECT_EQ(f.h, 4 * h64);
    EXPECT_EQ(f.c, int(n.prior_features));

    const int m = int(n.latent_channels);
    const int order[4] = {0, 3, 1, 2};
    Grid y(f.h, f.w, m), x(f.h, f.w, m);
    Walk walk;
    for (int k = 0; k < 4; ++k) {
      const std::string number = std::to_string(k);
      Grid all(f.h, f.w, k == 0 ? int(n.prior_features) : int(n.prior_features) + 2 * m);
      Grid d(f.h, f.w, m);
      if (k > 0) d = Layer("d" + number, x, true, -4095, 4095);
      for (int r = 0; r < f.h; ++r) {
        for (int c = 0; c < f.w; ++c) {
          for (int i = 0; i < int(n.prior_features); ++i) all.at(r, c, i) = f.get(r, c, i);
          if (k == 0) continue;
          for (int i = 0; i < m; ++i) {
            all.at(r, c, int(n.prior_features) + i) = x.get(r, c, i);
            all.at(r, c, int(n.prior_features) + m + i) = d.get(r, c, i);
          }
        }
      }
      const Grid hidden =
          Layer("b" + number, Layer("a" + number, all, false, 0, 4095), false, 0, 4095);
      const Grid out = Layer("c" + number, hidden, false, -1000000, 1000000);
      walk.tables.emplace_back();
      walk.means.emplace_back();
      walk.symbols.push_back(symbols[size_t(k)]);
      size_t next = 0;
      for (int r = 0; r < f.h; ++r) {
        for (int c = 0; c < f.w; ++c) {
          const int group = (2 * (r % 2) + c % 2) ^ order[k];
          for (int i = group * (m / 4); i < (group + 1) * (m / 4); ++i) {
            const auto t = std::clamp<std::int64_t>(out.get(r, c, i), 0, RandomScales(n) - 1);
            const auto mean = std::clamp<std::int64_t>(out.get(r, c, m + i), -4095, 4095);
            walk.tables.back().push_back(std::uint8_t(t));
            walk.means.back().push_back(std::int16_t(mean));
            y.at(r, c, i) = 16 * std::int64_t{symbols[size_t(k)][next++]} + mean;
          }
        }
      }
      for (size_t i = 0; i < x.v.size(); ++i)
        x.v[i] = std::clamp<std::int64_t>(y.v[i], -4095, 4095);
    }
    walk.latent.assign(y.v.begin(), y.v.end());
    return walk;
  }

 private:
  const WeightsFile& file_;
  int level_;
};

// --- Tests ---------------------------------------------------------------------------------------

TEST(AePrior, EqualsTheNaivePriorOnEveryIsaAndThreadCount) {
  const AeConfig dims = SmallConfig();
  const WeightsFile file = File(RandomPrior(dims, 21));
  Random random(22);
  const std::vector<std::array<int, 3>> cases = {{1, 1, 0}, {2, 3, 63}, {3, 1, 17}};
  for (const auto& [h64, w64, level] : cases) {
    const auto z = RandomSymbols(size_t(h64 * w64 * dims.hyper_channels), 100, random);
    std::vector<std::vector<std::int32_t>> symbols;
    for (int k = 0; k < kAePasses; ++k) {
      symbols.push_back(
          RandomSymbols(AePriorTile::SymbolsPerPass(dims.latent_channels, h64, w64), 300, random));
    }
    symbols[0][0] = kMaxSymbolMagnitude;  // saturates in the context, not in Y
    symbols[3].back() = -kMaxSymbolMagnitude;
    const Walk expected = NaivePrior(file, level).Run(dims, h64, w64, z, symbols);
    for (const Isa isa : SupportedIsas()) {
      const AePrior prior = Prior(file, isa);
      EXPECT_EQ(prior.isa(), isa);
      for (const int threads : {1, 2, 5}) {
        EXPECT_TRUE(WalkWith(prior, level, h64, w64, threads, z, symbols) == expected)
            << IsaName(isa) << " threads " << threads << " " << h64 << "x" << w64;
      }
    }
    // The test is worth something only when outputs differ and are not all clamped.
    for (const auto& tables : expected.tables) {
      const std::map<std::uint8_t, int> seen = [&] {
        std::map<std::uint8_t, int> counts;
        for (const auto t : tables) ++counts[t];
        return counts;
      }();
      EXPECT_GT(seen.size(), 10u);
    }
  }
}

TEST(AePrior, FullSizeAgreesBetweenIsasAndThreads) {
  const AeConfig dims = FullConfig();
  const WeightsFile file = File(RandomPrior(dims, 23));
  Random random(24);
  const auto z = RandomSymbols(size_t(dims.hyper_channels), 100, random);
  std::vector<std::vector<std::int32_t>> symbols;
  for (int k = 0; k < kAePasses; ++k) {
    symbols.push_back(
        RandomSymbols(AePriorTile::SymbolsPerPass(dims.latent_channels, 1, 1), 60, random));
  }
  const Walk expected = WalkWith(Prior(file, Isa::kScalar), 40, 1, 1, 1, z, symbols);
  for (const Isa isa : SupportedIsas()) {
    EXPECT_TRUE(WalkWith(Prior(file, isa), 40, 1, 1, 2, z, symbols) == expected) << IsaName(isa);
  }
}

// An encoder has y and derives r from the means; a decoder has only r. Both see the same tables.
TEST(AePrior, EncoderAndDecoderWalksAgree) {
  const AeConfig dims = SmallConfig();
  const WeightsFile file = File(RandomPrior(dims, 25));
  const AePrior prior = Prior(file);
  Random random(26);
  const int h64 = 2, w64 = 2, level = 30;
  const auto z = RandomSymbols(size_t(h64 * w64 * dims.hyper_channels), 50, random);
  // y in 1/16, in the layout of latent().
  std::vector<std::int32_t> y(size_t(16 * h64 * w64 * dims.latent_channels));
  for (auto& v : y) v = std::int32_t(random.In(-6000, 6000));

  auto encoder = AePriorTile::Create(prior, level, h64, w64, 1);
  ASSERT_TRUE(encoder.ok());
  const auto quarter = size_t(dims.latent_channels / 4);
  const Walk encoded = WalkTile(*encoder, z, [&](int k, const std::vector<std::int16_t>& means) {
    const auto offsets = encoder->PassOffsets(k);
    EXPECT_EQ(offsets.size() * quarter, encoder->SymbolsPerPass());
    std::vector<std::int32_t> r;
    for (size_t i = 0; i < means.size(); ++i) {
      const std::int32_t difference = y[offsets[i / quarter] + i % quarter] - means[i];
      r.push_back((difference + 8) >> 4);
    }
    return r;
  });
  for (size_t i = 0; i < y.size(); ++i) EXPECT_LE(std::abs(encoded.latent[i] - y[i]), 8) << i;
  EXPECT_TRUE(WalkWith(prior, level, h64, w64, 2, z, encoded.symbols) == encoded);
}

TEST(AePrior, EveryLatentIsCodedOnce) {
  const WeightsFile file = File(RandomPrior(SmallConfig(), 27));
  auto tile = AePriorTile::Create(Prior(file), 0, 2, 1, 1);
  ASSERT_TRUE(tile.ok());
  std::vector<int> seen(tile->latent().size(), 0);
  const size_t quarter = SmallConfig().latent_channels / 4;
  for (int k = 0; k < kAePasses; ++k) {
    for (const size_t offset : tile->PassOffsets(k)) {
      for (size_t i = 0; i < quarter; ++i) ++seen[offset + i];
    }
  }
  EXPECT_EQ(seen, std::vector<int>(seen.size(), 1));
}

// Changing a symbol in one place must reach later passes' predictions only nearby, and a tile
// starts from zeros whatever was coded in it before.
TEST(AePrior, ContextIsLocalAndRestartsClean) {
  const AeConfig dims = SmallConfig();
  const WeightsFile file = File(RandomPrior(dims, 28));
  const AePrior prior = Prior(file);
  Random random(29);
  const int h64 = 2, w64 = 2;
  const auto z = RandomSymbols(size_t(h64 * w64 * dims.hyper_channels), 50, random);
  std::vector<std::vector<std::int32_t>> symbols;
  for (int k = 0; k < kAePasses; ++k) {
    symbols.push_back(
        RandomSymbols(AePriorTile::SymbolsPerPass(dims.latent_channels, h64, w64), 60, random));
  }
  auto tile = AePriorTile::Create(prior, 5, h64, w64, 1);
  ASSERT_TRUE(tile.ok());
  const auto given = [&](int k, const auto&) { return symbols[size_t(k)]; };
  const Walk first = WalkTile(*tile, z, given);
  const Walk again = WalkTile(*tile, z, given);
  EXPECT_TRUE(first == again);

  auto changed = symbols;
  const size_t quarter = size_t(dims.latent_channels / 4);
  for (size_t i = 0; i < quarter; ++i) changed[0][i] += 40;  // position (0, 0)
  const Walk other = WalkWith(prior, 5, h64, w64, 1, z, changed);
  EXPECT_EQ(other.tables[0], first.tables[0]);
  EXPECT_EQ(other.means[0], first.means[0]);
  EXPECT_NE(other.means[1], first.means[1]);
  for (int row = 0; row < tile->h16(); ++row) {
    for (int column = 0; column < tile->w16(); ++column) {
      if (row <= 1 && column <= 1) continue;
      for (size_t i = 0; i < quarter; ++i) {
        const size_t at = size_t(row * tile->w16() + column) * quarter + i;
        EXPECT_EQ(other.means[1][at], first.means[1][at]) << row << "," << column;
      }
    }
  }

  // ResetPasses keeps the hyper latent.
  ASSERT_TRUE(tile->ResetPasses().ok());
  for (const std::int32_t v : tile->latent()) ASSERT_EQ(v, 0);
  std::vector<std::uint8_t> tables(tile->SymbolsPerPass());
  std::vector<std::int16_t> means(tile->SymbolsPerPass());
  ASSERT_TRUE(tile->PredictPass(0, tables, means).ok());
  EXPECT_EQ(means, first.means[0]);
}

TEST(AePrior, LevelMatters) {
  const AeConfig dims = SmallConfig();
  const WeightsFile file = File(RandomPrior(dims, 30));
  const AePrior prior = Prior(file);
  const std::vector<std::int32_t> z(size_t(dims.hyper_channels), 0);
  const std::vector<std::vector<std::int32_t>> symbols(
      4, std::vector<std::int32_t>(AePriorTile::SymbolsPerPass(dims.latent_channels, 1, 1), 0));
  EXPECT_FALSE(WalkWith(prior, 0, 1, 1, 1, z, symbols) == WalkWith(prior, 63, 1, 1, 1, z, symbols));
}

TEST(AePrior, AnyHyperSymbolIsLegal) {
  const WeightsFile file = File(RandomPrior(SmallConfig(), 31));
  auto tile = AePriorTile::Create(Prior(file), 0, 1, 1, 1);
  ASSERT_TRUE(tile.ok());
  std::vector<std::int32_t> z(tile->HyperSymbols(), std::numeric_limits<std::int32_t>::min());
  EXPECT_TRUE(tile->SetHyperLatent(z).ok());
  std::fill(z.begin(), z.end(), std::numeric_limits<std::int32_t>::max());
  EXPECT_TRUE(tile->SetHyperLatent(z).ok());
  EXPECT_EQ(tile->features().size(), size_t(16 * SmallConfig().prior_features));
}

TEST(AePrior, ReportsItsSizes) {
  const AeConfig dims = SmallConfig();
  const WeightsFile file = File(RandomPrior(dims, 32));
  const AePrior prior = Prior(file);
  EXPECT_EQ(ToMetadata(prior.config()), ToMetadata(dims));
  EXPECT_EQ(prior.scales(), RandomScales(dims));
  EXPECT_EQ(prior.tables().count(), size_t(RandomScales(dims)));
  std::int64_t elements = 0;
  for (const auto& name : file.names()) {
    if (name.starts_with("prior.")) elements += std::int64_t(file.Get(name)->element_count());
  }
  EXPECT_EQ(prior.parameter_count(), elements);
  const auto means = file.Get("prior.z_mean")->Values<std::int16_t>();
  const auto tables = file.Get("prior.z_table")->Values<std::uint8_t>();
  EXPECT_EQ(prior.z_mean(63).size(), size_t(dims.hyper_channels));
  EXPECT_EQ(prior.z_mean(63).back(), means.back());
  EXPECT_EQ(prior.z_table(0).front(), tables.front());
}

// Weights whose tables serve both quantisers.
SafetensorsWriter DependentPrior(const AeConfig& dims, std::int32_t first, std::int32_t half_step,
                                 int count) {
  SafetensorsWriter writer = RandomPrior(dims, 38);
  Random random(39);
  AddRandomTables(writer, count, random);
  EXPECT_TRUE(
      writer.Add("tables.dependent", {2}, std::vector<std::int32_t>{first, half_step}).ok());
  return writer;
}

TEST(AePrior, ScaleIndexesAreFewerThanTablesWithDependentOnes) {
  const AeConfig dims = SmallConfig();
  const int count = DependentTables::Count(RandomScales(dims), 7);
  const WeightsFile file = File(DependentPrior(dims, 7, 10, count));
  const AePrior prior = Prior(file);
  EXPECT_EQ(prior.scales(), RandomScales(dims));
  EXPECT_EQ(prior.tables().count(), size_t(count));
  ASSERT_NE(prior.dependent_tables(), nullptr);
  EXPECT_EQ(prior.dependent_tables()->scales, RandomScales(dims));
  EXPECT_EQ(prior.dependent_tables()->first, 7);
  EXPECT_EQ(prior.dependent_tables()->half_step, 10);
  EXPECT_EQ(prior.dependent_tables()->kStep, 16);
  EXPECT_EQ(prior.dependent_tables()->count(), count);
  const WeightsFile plain = File(RandomPrior(dims, 38));
  EXPECT_EQ(Prior(plain).dependent_tables(), nullptr);
  // Nothing else is different: the same scale indexes, clamped to the same range.
  Random random(40);
  const auto z = RandomSymbols(size_t(dims.hyper_channels), 100, random);
  const std::vector<std::vector<std::int32_t>> symbols(
      kAePasses,
      RandomSymbols(AePriorTile::SymbolsPerPass(dims.latent_channels, 1, 1), 300, random));
  EXPECT_TRUE(WalkWith(prior, 5, 1, 1, 1, z, symbols) ==
              WalkWith(Prior(plain), 5, 1, 1, 1, z, symbols));
}

TEST(AePrior, MisuseIsAStatus) {
  const WeightsFile file = File(RandomPrior(SmallConfig(), 33));
  const AePrior prior = Prior(file);
  for (const auto& [level, h, w, threads] : std::vector<std::array<int, 4>>{
           {-1, 1, 1, 1}, {64, 1, 1, 1}, {0, 0, 1, 1}, {0, 1, 513, 1}, {0, 1, 1, 0}}) {
    EXPECT_EQ(AePriorTile::Create(prior, level, h, w, threads).status().code(),
              StatusCode::kInvalidArgument);
  }
  auto tile = AePriorTile::Create(prior, 0, 1, 1, 1);
  ASSERT_TRUE(tile.ok());
  const size_t n = tile->SymbolsPerPass();
  std::vector<std::uint8_t> tables(n);
  std::vector<std::int16_t> means(n);
  std::vector<std::int32_t> values(n, 0);
  const auto refused = [](const Status& s) { return s.code() == StatusCode::kInvalidArgument; };
  EXPECT_TRUE(refused(tile->ResetPasses()));
  EXPECT_TRUE(refused(tile->PredictPass(0, tables, means)));
  EXPECT_TRUE(refused(tile->SetHyperLatent(std::vector<std::int32_t>(3))));
  ASSERT_TRUE(tile->SetHyperLatent(std::vector<std::int32_t>(tile->HyperSymbols(), 0)).ok());
  EXPECT_TRUE(refused(tile->CommitPass(0, values)));
  EXPECT_TRUE(refused(tile->PredictPass(1, tables, means)));
  EXPECT_TRUE(refused(tile->PredictPass(-1, tables, means)));
  EXPECT_TRUE(refused(tile->PredictPass(0, std::span(tables).first(n - 1), means)));
  ASSERT_TRUE(tile->PredictPass(0, tables, means).ok());
  EXPECT_TRUE(refused(tile->CommitPass(1, values)));
  EXPECT_TRUE(refused(tile->CommitPass(0, std::span(values).first(n - 1))));

  for (const std::int32_t bad :
       {kMaxAeValue + 1, -kMaxAeValue - 1, std::numeric_limits<std::int32_t>::min()}) {
    values[n - 1] = bad;
    values[0] = 5;
    EXPECT_EQ(tile->CommitPass(0, values).code(), StatusCode::kCorrupt);
    for (const std::int32_t v : tile->latent()) ASSERT_EQ(v, 0);  // nothing changed
  }
  values[n - 1] = kMaxAeValue;
  ASSERT_TRUE(tile->CommitPass(0, values).ok());
  EXPECT_TRUE(refused(tile->CommitPass(0, values)));
  for (int k = 1; k < kAePasses; ++k) {
    ASSERT_TRUE(tile->PredictPass(k, tables, means).ok());
    ASSERT_TRUE(tile->CommitPass(k, values).ok());
  }
  EXPECT_TRUE(refused(tile->PredictPass(4, tables, means)));
}

// --- Damaged models ------------------------------------------------------------------------------

void ExpectLoadFails(const SafetensorsWriter& writer, const std::string& part) {
  const auto prior = LoadPrior(File(writer));
  ASSERT_FALSE(prior.ok()) << part;
  EXPECT_EQ(prior.status().code(), StatusCode::kModelCorrupt) << prior.status().message();
  EXPECT_NE(prior.status().message().find(part), std::string::npos) << prior.status().message();
}

TEST(AePriorLoad, BadDependentTablesAreNamed) {
  const AeConfig dims = SmallConfig();
  const int count = DependentTables::Count(RandomScales(dims), 7);
  for (const std::int32_t first : {-1, 6, 8, count, 1 << 30})
    ExpectLoadFails(DependentPrior(dims, first, 10, count), "\"tables.dependent\"");
  for (const std::int32_t half_step : {-1, 0, 17})
    ExpectLoadFails(DependentPrior(dims, 7, half_step, count), "half step");
  // A scale index that only has a table of another kind.
  SafetensorsWriter beyond = DependentPrior(dims, 7, 10, count);
  std::vector<std::uint8_t> table(size_t(AeConfig::kLevels * dims.hyper_channels), 0);
  table[1] = std::uint8_t(RandomScales(dims));
  ASSERT_TRUE(beyond.Add("prior.z_table", {AeConfig::kLevels, dims.hyper_channels}, table).ok());
  ExpectLoadFails(beyond, "at level 0, channel 1");
}

TEST(AePriorLoad, EveryMissingTensorIsNamed) {
  const SafetensorsWriter writer = RandomPrior(SmallConfig(), 34);
  const WeightsFile file = File(writer);
  for (const std::string& name : file.names()) {
    if (name.ends_with(".level_bias")) continue;
    SafetensorsWriter broken = writer;
    broken.Remove(name);
    ExpectLoadFails(broken, "\"" + name + "\"");
  }
}

TEST(AePriorLoad, EveryMistypedTensorIsNamed) {
  const SafetensorsWriter writer = RandomPrior(SmallConfig(), 35);
  const WeightsFile file = File(writer);
  for (const std::string& name : file.names()) {
    SafetensorsWriter broken = writer;
    ASSERT_TRUE(broken.Add(name, {2, 1}, std::vector<float>{1, 2}).ok());
    ExpectLoadFails(broken, "\"" + name + "\"");
  }
}

TEST(AePriorLoad, BadMetadataAndValuesAreNamed) {
  const AeConfig dims = SmallConfig();
  const SafetensorsWriter writer = RandomPrior(dims, 36);
  for (const char* key : {"latent_channels", "hyper_channels", "levels"}) {
    for (const char* value : {"0", "-4", "a", "100000"}) {
      SafetensorsWriter broken = writer;
      broken.SetMetadata(key, value);
      ExpectLoadFails(broken, key);
    }
  }
  SafetensorsWriter odd = writer;
  odd.SetMetadata("latent_channels", "22");
  ExpectLoadFails(odd, "multiple of 4");
  SafetensorsWriter other = writer;
  other.SetMetadata("latent_channels", "24");
  ExpectLoadFails(other, "expected");

  const std::int64_t n = AeConfig::kLevels * dims.hyper_channels;
  std::vector<std::uint8_t> table(size_t(n), 0);
  table[size_t(dims.hyper_channels) + 2] = std::uint8_t(RandomScales(dims));
  SafetensorsWriter bad_table = writer;
  ASSERT_TRUE(bad_table.Add("prior.z_table", {AeConfig::kLevels, dims.hyper_channels}, table).ok());
  ExpectLoadFails(bad_table, "at level 1, channel 2");
  for (const int value : {4096, -4096, -32768}) {
    std::vector<std::int16_t> mean(size_t(n), 0);
    mean[3] = std::int16_t(value);
    SafetensorsWriter bad_mean = writer;
    ASSERT_TRUE(bad_mean.Add("prior.z_mean", {AeConfig::kLevels, dims.hyper_channels}, mean).ok());
    ExpectLoadFails(bad_mean, "at level 0, channel 3");
  }

  SafetensorsWriter no_tables = writer;
  ASSERT_TRUE(no_tables.Add("tables.sizes", {0}, std::vector<std::int32_t>{}).ok());
  ExpectLoadFails(no_tables, "1..256");
  SafetensorsWriter many = writer;
  ASSERT_TRUE(many.Add("tables.sizes", {257}, std::vector<std::int32_t>(257, 2)).ok());
  ExpectLoadFails(many, "1..256");
  SafetensorsWriter bad_sum = writer;
  ASSERT_TRUE(bad_sum.Add("tables.frequencies", {3}, std::vector<std::int32_t>{1, 2, 3}).ok());
  ExpectLoadFails(bad_sum, "tables.");
}

TEST(AePriorLoad, AnOverflowingLayerIsNamed) {
  const AeConfig dims = SmallConfig();
  for (const std::string layer : {"h0", "d2", "a1", "b3", "c0"}) {
    SafetensorsWriter broken = RandomPrior(dims, 37);
    const WeightsFile file = File(broken);
    const std::string name = "prior." + layer + ".bias";
    auto bias = file.Get(name)->Values<std::int32_t>();
    bias[3] = 2147483647;
    ASSERT_TRUE(broken.Add(name, {std::int64_t(bias.size())}, bias).ok());
    ExpectLoadFails(broken, "layer \"prior." + layer + "\", output channel 3");
  }
}

TEST(AePriorLoad, AnUnavailableIsaIsRefused) {
  const WeightsFile file = File(RandomPrior(SmallConfig(), 38));
  for (const Isa isa : {Isa::kSse4, Isa::kAvx2, Isa::kAvx512, Isa::kAvx512Vnni, Isa::kNative}) {
    EXPECT_EQ(LoadPrior(file, isa).ok(), IsaSupported(isa)) << IsaName(isa);
  }
}

// Byte flips anywhere: an error or a working prior, never a crash or a sanitizer report.
TEST(AePriorLoad, SurvivesDamageAnywhere) {
  const AeConfig dims = SmallConfig();
  const auto whole = *RandomPrior(dims, 39).ToBytes();
  Random random(40);
  for (int round = 0; round < 400; ++round) {
    auto bytes = whole;
    const int flips = int(random.In(1, 3));
    for (int i = 0; i < flips; ++i) {
      bytes[size_t(random.In(0, std::int64_t(bytes.size()) - 1))] ^=
          std::uint8_t(random.In(1, 255));
    }
    const auto file = WeightsFile::FromBytes(std::move(bytes));
    if (!file.ok()) continue;
    const auto prior = LoadPrior(*file);
    if (!prior.ok()) {
      EXPECT_EQ(prior.status().code(), StatusCode::kModelCorrupt);
      continue;
    }
    if (round % 8 != 0) continue;
    auto tile = AePriorTile::Create(*prior, 1, 1, 1, 1);
    ASSERT_TRUE(tile.ok());
    const auto z = RandomSymbols(tile->HyperSymbols(), 1000, random);
    const auto r = RandomSymbols(tile->SymbolsPerPass(), 1000, random);
    const Walk walk = WalkTile(*tile, z, [&](int, const auto&) { return r; });
    for (const auto& tables : walk.tables) {
      for (const auto t : tables) ASSERT_LT(t, prior->scales());
    }
  }
}

}  // namespace
}  // namespace halfmoon::runtime
