// Frequency tables fitted to counts, and to what a model makes of pictures.
#include "models/training/export/table_fit.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <cstdio>
#include <map>
#include <random>

#include "bitstream/cdf_tables.h"
#include "models/training/export/exporter.h"
#include "tests/models/tiny_model.h"

namespace halfmoon::training {
namespace {

CdfTables Make(const FrequencyTables& t) {
  auto made = CdfTables::Create(t.sizes, t.offsets, t.frequencies);
  EXPECT_TRUE(made.ok()) << made.status().message();
  return std::move(*made);
}

double Bits(const CdfTables& tables, int table, const std::vector<std::int32_t>& symbols) {
  double bits = 0;
  for (const std::int32_t s : symbols) {
    bits += tables.CostQ16(static_cast<std::size_t>(table), s) / 65536.0;
  }
  return bits;
}

// Differences of two exponential variables, rounded: more zeros and longer tails than a normal one.
std::vector<std::int32_t> LongTailed(std::uint64_t seed, double scale, int count) {
  std::mt19937_64 random(seed);
  std::vector<std::int32_t> symbols;
  const auto draw = [&] {
    return -std::log((static_cast<double>(random() >> 11) + 0.5) / 9007199254740992.0);
  };
  for (int i = 0; i < count; ++i) {
    symbols.push_back(static_cast<std::int32_t>(std::lround(scale * (draw() - draw()))));
  }
  return symbols;
}

TEST(FitTablesTest, CostWhatTheCountsCost) {
  constexpr int kTable = 30;
  SymbolCounts counts;
  for (const std::int32_t s : LongTailed(1, 2.0, 200'000)) counts.Add(kTable, s);
  EXPECT_EQ(counts.total(), 200'000u);
  const CdfTables fitted = Make(FitTables(counts));
  // Others of the same kind, against their own entropy.
  const std::vector<std::int32_t> fresh = LongTailed(2, 2.0, 200'000);
  std::map<std::int32_t, double> share;
  for (const std::int32_t s : fresh) share[s] += 1.0 / 200'000;
  double entropy = 0;
  for (const auto& [symbol, p] : share) entropy -= 200'000 * p * std::log2(p);
  EXPECT_LT(Bits(fitted, kTable, fresh), entropy * 1.002);
  EXPECT_GT(Bits(Make(MakeGaussianTables()), kTable, fresh), entropy * 1.02);
  // Symmetric, though the counts are not exactly.
  for (int s = 1; s < 12; ++s)
    EXPECT_EQ(fitted.CostQ16(kTable, s), fitted.CostQ16(kTable, -s)) << s;
}

TEST(FitTablesTest, WithoutCountsTheyAreNormal) {
  const CdfTables fitted = Make(FitTables(SymbolCounts())), normal = Make(MakeGaussianTables());
  ASSERT_EQ(fitted.count(), normal.count());
  for (std::size_t t = 0; t < fitted.count(); ++t) {
    EXPECT_NEAR(fitted.CostQ16(t, 0), normal.CostQ16(t, 0), 200 + 0.001 * normal.CostQ16(t, 0))
        << t;
    EXPECT_NEAR(fitted.CostQ16(t, 1), normal.CostQ16(t, 1), 0.02 * normal.CostQ16(t, 1)) << t;
  }
}

TEST(FitTablesTest, OneFarSymbolMakesNoLongTable) {
  SymbolCounts counts;
  for (int i = 0; i < 100'000; ++i) counts.Add(10, i % 3 - 1);
  counts.Add(10, 900);
  counts.Add(10, -1'000'000);  // beyond what is counted
  EXPECT_EQ(counts.total(), 100'001u);
  const CdfTables tables = Make(FitTables(counts));
  EXPECT_LT(tables.table(10).last_symbol(), 50);
  EXPECT_LT(tables.CostQ16(10, 900), 50u << 16);  // an escape
}

// Noise whose validation pictures are like its training pictures.
std::vector<Pack> NoisePacks() {
  PackWriter writer;
  std::mt19937 random(3);
  for (int i = 0; i < 4; ++i) {
    std::vector<std::uint8_t> rgb(std::size_t{130} * 70 * 3);
    for (auto& sample : rgb) sample = static_cast<std::uint8_t>(random() % 256);
    EXPECT_TRUE(writer.Add(130, 70, rgb, i == 3).ok());
  }
  const ::testing::TestInfo* info = ::testing::UnitTest::GetInstance()->current_test_info();
  const std::string path = ::testing::TempDir() + "/table_fit_" + info->name() + ".hmnpack";
  const std::vector<std::uint8_t> bytes = writer.Finish();
  FILE* file = std::fopen(path.c_str(), "wb");
  EXPECT_EQ(std::fwrite(bytes.data(), 1, bytes.size(), file), bytes.size());
  std::fclose(file);
  auto packs = Pack::ReadAll({path});
  EXPECT_TRUE(packs.ok());
  std::remove(path.c_str());
  return std::move(*packs);
}

std::vector<std::uint8_t> RandomWeights() {
  torch::manual_seed(11);
  networks::Autoencoder model(testing::TinyConfig());
  model->eval();
  return *ExportWeights(model, {{"name", "before"}, {"licence", "none"}});
}

TEST(TableFit, ChangesTheTablesAloneAndSavesBits) {
  const std::vector<std::uint8_t> before = RandomWeights();
  const std::vector<Pack> packs = NoisePacks();
  const auto after = FitTablesOf(before, packs, 1, {{"name", "after"}});
  ASSERT_TRUE(after.ok()) << after.status().message();
  const auto a = runtime::WeightsFile::FromBytes(before),
             b = runtime::WeightsFile::FromBytes(*after);
  ASSERT_TRUE(a.ok() && b.ok());
  EXPECT_NE(a->identity(), b->identity());
  EXPECT_EQ(a->names(), b->names());
  for (const std::string& name : a->names()) {
    if (name.starts_with("tables.")) continue;
    EXPECT_TRUE(std::ranges::equal(a->Get(name)->bytes, b->Get(name)->bytes)) << name;
  }
  EXPECT_EQ(*b->Metadata("name"), "after");
  EXPECT_EQ(*b->Metadata("licence"), "none");
  EXPECT_EQ(*b->Metadata("tables"), "fitted");
  EXPECT_FALSE(a->Metadata("tables").ok());

  // Before, the tables are those that the gain is counted from.
  EXPECT_NEAR(*TableGain(before, packs, 1), 0, 1e-9);
  EXPECT_GT(*TableGain(*after, packs, 1), 0.1);
}

TEST(TableFit, IsTheSameWithAnyNumberOfThreadsAndWhenDoneTwice) {
  const std::vector<std::uint8_t> before = RandomWeights();
  const std::vector<Pack> packs = NoisePacks();
  const auto one = FitTablesOf(before, packs, 1, {});
  ASSERT_TRUE(one.ok());
  EXPECT_EQ(*one, *FitTablesOf(before, packs, 2, {}));
  EXPECT_EQ(*one, *FitTablesOf(*one, packs, 1, {}));
}

TEST(TableFit, NamesWhatIsMissing) {
  const auto none = FitTablesOf(RandomWeights(), {}, 1, {});
  ASSERT_FALSE(none.ok());
  EXPECT_EQ(none.status().code(), StatusCode::kInvalidArgument);
  EXPECT_NE(none.status().message().find("training picture"), std::string::npos);
}

}  // namespace
}  // namespace halfmoon::training
