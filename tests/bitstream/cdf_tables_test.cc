#include "bitstream/cdf_tables.h"

#include <gtest/gtest.h>

#include <cmath>

#include "tests/bitstream/gaussian_tables.h"

namespace halfmoon::testing {
namespace {

using Ints = std::vector<std::int32_t>;

StatusCode CodeOf(const Ints& sizes, const Ints& offsets, const Ints& frequencies) {
  const Result<CdfTables> tables = CdfTables::Create(sizes, offsets, frequencies);
  if (tables.ok()) return StatusCode::kOk;
  EXPECT_FALSE(tables.status().message().empty());
  return tables.status().code();
}

TEST(CdfTables, ViewShowsWhatWasPutIn) {
  const CdfTables tables =
      CdfTables::Create(Ints{3, 2}, Ints{-1, 7}, Ints{30000, 35000, 536, 65535, 1}).value();
  ASSERT_EQ(tables.count(), 2u);
  EXPECT_EQ(tables.table(0).offset, -1);
  EXPECT_EQ(tables.table(0).last_symbol(), 0);
  EXPECT_EQ(tables.table(0).escape_frequency(), 536u);
  EXPECT_EQ(tables.table(1).offset, 7);
  EXPECT_EQ(tables.table(1).last_symbol(), 7);
  EXPECT_EQ(tables.table(1).frequencies[0], 65535);
}

TEST(CdfTables, IllegalTablesAreRefused) {
  constexpr StatusCode kBad = StatusCode::kModelCorrupt;
  EXPECT_EQ(CodeOf({2}, {0}, {65535, 1}), StatusCode::kOk);
  EXPECT_EQ(CodeOf({}, {}, {}), kBad);
  EXPECT_EQ(CodeOf({2}, {0, 0}, {65535, 1}), kBad);
  EXPECT_EQ(CodeOf({1}, {0}, {65536}), kBad);  // an escape alone
  EXPECT_EQ(CodeOf({0}, {0}, {}), kBad);
  EXPECT_EQ(CodeOf({-2}, {0}, {65535, 1}), kBad);
  EXPECT_EQ(CodeOf({65537}, {0}, Ints(65537, 1)), kBad);
  EXPECT_EQ(CodeOf({3}, {0}, {65535, 1}), kBad);     // frequencies missing
  EXPECT_EQ(CodeOf({2}, {0}, {65535, 1, 1}), kBad);  // one too many
  EXPECT_EQ(CodeOf({2}, {0}, {65536, 0}), kBad);
  EXPECT_EQ(CodeOf({3}, {0}, {65537, -2, 1}), kBad);
  EXPECT_EQ(CodeOf({2}, {0}, {65535, 2}), kBad);  // sum above
  EXPECT_EQ(CodeOf({2}, {0}, {65534, 1}), kBad);  // sum below
  EXPECT_EQ(CodeOf({4}, {0}, {65535, 65535, 2, 1}), kBad);
  EXPECT_EQ(CodeOf({2}, {0}, {2147483647, 1}), kBad);
  EXPECT_EQ(CodeOf({2}, {-(1 << 20) - 1}, {65535, 1}), kBad);
  EXPECT_EQ(CodeOf({2}, {(1 << 20) + 1}, {65535, 1}), kBad);
  EXPECT_EQ(CodeOf({2}, {1 << 20}, {65535, 1}), StatusCode::kOk);
  EXPECT_EQ(CodeOf({3}, {1 << 20}, {65534, 1, 1}), kBad);
  EXPECT_EQ(CodeOf({2}, {2147483647}, {65535, 1}), kBad);
  EXPECT_EQ(CodeOf({2}, {-2147483647 - 1}, {65535, 1}), kBad);
  EXPECT_EQ(CodeOf(Ints(257, 2), Ints(257, 0), Ints(514, 32768)), kBad);
  EXPECT_EQ(CodeOf(Ints(256, 2), Ints(256, 0), Ints(512, 32768)), StatusCode::kOk);
  EXPECT_EQ(CodeOf(Ints(17, 65536), Ints(17, 0), Ints(17 * 65536, 1)), StatusCode::kLimitExceeded);
}

TEST(CdfTables, MessagesNameTableAndEntry) {
  const Result<CdfTables> bad =
      CdfTables::Create(Ints{2, 3}, Ints{0, 0}, Ints{65535, 1, 65535, 0, 1});
  ASSERT_FALSE(bad.ok());
  EXPECT_NE(bad.status().message().find("table 1"), std::string::npos) << bad.status().message();
  EXPECT_NE(bad.status().message().find("frequency 1 is 0"), std::string::npos)
      << bad.status().message();
}

TEST(CdfTables, LargestTableIsAccepted) {
  Ints frequencies(65536, 1);
  EXPECT_EQ(CodeOf({65536}, {-32768}, frequencies), StatusCode::kOk);
}

TEST(CdfTables, CostIsTheLogarithm) {
  const CdfTables tables = GaussianTables().Create().value();
  double worst = 0;
  for (std::size_t t = 0; t < tables.count(); ++t) {
    const CdfTables::View view = tables.table(t);
    for (std::size_t i = 0; i + 1 < view.frequencies.size(); ++i) {
      const double bits = tables.CostQ16(t, view.offset + static_cast<std::int32_t>(i)) / 65536.0;
      worst = std::max(worst, std::abs(bits - (16 - std::log2(view.frequencies[i]))));
    }
  }
  EXPECT_LE(worst, 1.0 / 65536);
  std::printf("[          ] worst error of CostQ16: %.3g bit\n", worst);
}

TEST(CdfTables, CostOfEveryFrequencyIsTheLogarithm) {
  for (std::int32_t f = 1; f <= 65535; ++f) {
    const CdfTables tables = CdfTables::Create(Ints{2}, Ints{0}, Ints{f, 65536 - f}).value();
    ASSERT_NEAR(tables.CostQ16(0, 0), (16 - std::log2(f)) * 65536, 0.51) << f;
  }
}

TEST(CdfTables, CostOfEscapesCountsTheirBits) {
  // Covers -1..1; escape frequency 2^10, so 6 bits.
  const CdfTables tables =
      CdfTables::Create(Ints{4}, Ints{-1}, Ints{16384, 32768, 15360, 1024}).value();
  const auto bits = [&](std::int32_t symbol) { return tables.CostQ16(0, symbol) / 65536; };
  EXPECT_EQ(bits(0), 1u);
  EXPECT_EQ(bits(2), 6u + 1);   // u = 0
  EXPECT_EQ(bits(-2), 6u + 3);  // u = 1
  EXPECT_EQ(bits(3), 6u + 3);   // u = 2
  EXPECT_EQ(bits(-3), 6u + 5);  // u = 3
  EXPECT_EQ(bits(1 << 20), 6u + 2 * 20 + 1);
  EXPECT_EQ(tables.CostQ16(0, (1 << 20) + 1), CdfTables::kCannotCode);
  EXPECT_EQ(tables.CostQ16(0, -(1 << 20) - 1), CdfTables::kCannotCode);
  EXPECT_EQ(tables.CostQ16(0, 2147483647), CdfTables::kCannotCode);
  EXPECT_EQ(tables.CostQ16(0, -2147483647 - 1), CdfTables::kCannotCode);
  EXPECT_EQ(tables.CostQ16(1, 0), CdfTables::kCannotCode);
}

TEST(CdfTables, EscapesAreInverted) {
  for (const std::int32_t offset : {-(1 << 20), -3, 0, 5, (1 << 20) - 1}) {
    const CdfTables tables =
        CdfTables::Create(Ints{3}, Ints{offset}, Ints{30000, 35000, 536}).value();
    const CdfTables::Info& info = tables.infos()[0];
    for (const std::int32_t symbol :
         {-(1 << 20), -(1 << 20) + 1, -70000, -4, -3, -1, 0, 1, 2, 7, 65536, 1 << 20}) {
      if (CdfTables::Relative(info, symbol) < info.escape) continue;
      const EscapeCode code = CdfTables::MakeEscape(info, symbol);
      EXPECT_LE(code.prefix, kMaxEscapePrefix);
      EXPECT_EQ(CdfTables::EscapedSymbol(info, code.value_plus_one - 1), symbol);
    }
  }
}

TEST(CdfTables, SerializationIsCanonical) {
  const CdfTables tables = CdfTables::Create(Ints{2}, Ints{-3}, Ints{65535, 1}).value();
  const std::vector<std::uint8_t> expected = {1,    0,    0,    0,    2,    0,    0, 0,
                                              0xFD, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 1, 0};
  EXPECT_EQ(tables.Serialize(), expected);
}

}  // namespace
}  // namespace halfmoon::testing
