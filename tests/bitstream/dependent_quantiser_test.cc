// Dependent quantisation: its states, the encoder's path through them, and the coder on that path.
#include "bitstream/dependent_quantiser.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <set>

#include "bitstream/latent_coder.h"
#include "bitstream/trellis.h"
#include "tests/bitstream/gaussian_tables.h"
#include "tests/bitstream/reference_decoder.h"

namespace halfmoon::testing {
namespace {

using Bytes = std::vector<std::uint8_t>;

constexpr DependentTables kTables = {.scales = 12, .first = 4, .half_step = 10};

double Sigma(int scale) { return TypicalSigma(scale, 16); }  // 0.11 .. 13

// Normal distributions over the bins that each table's symbols stand for.
const CdfTables& Normals() {
  static const CdfTables tables = [] {
    RawTables raw;
    for (int t = 0; t < kTables.scales; ++t) AddGaussian(Sigma(t), raw);
    for (std::uint32_t q = 0; q < 2; ++q) {
      for (int scale = kTables.first; scale < kTables.scales; ++scale) {
        const double sigma = Sigma(scale);
        AddNormalBins(
            [&](int a) {
              return (kTables.Value(q, a) + kTables.Value(q, a + 1)) / (2.0 * kTables.kStep) /
                     sigma;
            },
            static_cast<int>(std::ceil(4 * sigma)) + 1, raw);
      }
    }
    return raw.Create().value();
  }();
  return tables;
}

double Normal(Random& random) {
  return std::sqrt(-2 * std::log(random.Unit() + 1e-300)) * std::cos(2 * M_PI * random.Unit());
}

struct Pass {
  Bytes scales;
  std::vector<std::int32_t> residuals;
};

Pass DrawPass(std::size_t count, std::uint32_t from, std::uint32_t to, std::uint64_t seed) {
  Random random(seed);
  Pass pass;
  for (std::size_t i = 0; i < count; ++i) {
    pass.scales.push_back(static_cast<std::uint8_t>(from + random.Below(to - from)));
    pass.residuals.push_back(static_cast<std::int32_t>(
        std::lround(Normal(random) * Sigma(pass.scales.back()) * kResidualUnit)));
  }
  return pass;
}

std::vector<std::int32_t> Choose(const Pass& pass, const DependentTables& tables = kTables,
                                 const CdfTables& cdf = Normals()) {
  std::vector<std::int32_t> symbols(pass.scales.size());
  ChooseDependentSymbols(cdf, tables, pass.scales, pass.residuals, kErrorWeight, symbols);
  return symbols;
}

struct Cost {
  double bits = 0, squares = 0;  // squares of steps
  double sum() const { return bits + static_cast<double>(kErrorWeight) * squares; }
};

Cost CostOf(const Pass& pass, const std::vector<std::int32_t>& symbols,
            const DependentTables& tables = kTables, const CdfTables& cdf = Normals()) {
  Cost cost;
  DependentPath path(tables, pass.scales);
  for (std::size_t i = 0; i < symbols.size(); ++i) {
    cost.bits += cdf.CostQ16(path.Table(i), symbols[i]) / 65536.0;
    const double error = static_cast<double>(path.Value(i, symbols[i])) / tables.kStep -
                         static_cast<double>(pass.residuals[i]) / kResidualUnit;
    cost.squares += error * error;
    path.Took(i, symbols[i]);
  }
  return cost;
}

TEST(DependentQuantiser, EveryStateIsReachedFromTwo) {
  std::array<std::set<std::uint32_t>, DependentQuantiser::kStates> from;
  for (std::uint32_t s = 0; s < DependentQuantiser::kStates; ++s) {
    for (const std::int32_t symbol : {-3, -2, -1, 0, 1, 2, 1 << 20, -(1 << 20)}) {
      const std::uint32_t next = DependentQuantiser::Next(s, symbol);
      ASSERT_LT(next, std::uint32_t{DependentQuantiser::kStates});
      EXPECT_EQ(next, DependentQuantiser::Next(s, symbol & 1));
      from[next].insert(s);
    }
    EXPECT_NE(DependentQuantiser::Next(s, 0), DependentQuantiser::Next(s, 1));
  }
  for (const auto& states : from) {
    ASSERT_EQ(states.size(), 2u);
    EXPECT_EQ(DependentQuantiser::Quantiser(*states.begin()),
              DependentQuantiser::Quantiser(*states.rbegin()));
  }
  EXPECT_EQ(DependentQuantiser::Next(0, 0), 0u);
}

TEST(DependentQuantiser, ValuesAndTables) {
  const std::vector<std::int32_t> even = {-4, -2, 0, 2, 4}, odd = {-3, -1, 0, 1, 3};
  for (int k = -2; k <= 2; ++k) {
    EXPECT_EQ(DependentQuantiser::HalfSteps(0, k), even[static_cast<std::size_t>(k + 2)]);
    EXPECT_EQ(DependentQuantiser::HalfSteps(1, k), odd[static_cast<std::size_t>(k + 2)]);
  }
  EXPECT_EQ(kTables.Value(1, -3), -50);
  EXPECT_EQ(kTables.count(), 28);
  EXPECT_EQ(kTables.Table(4, 0), 12);
  EXPECT_EQ(kTables.Table(11, 0), 19);
  EXPECT_EQ(kTables.Table(4, 1), 20);
  EXPECT_EQ(kTables.Table(11, 1), 27);
}

// At high rate the error of this code lies 1.27 dB below that of rounding to the same number of
// values (Fischer and Wang 1992; the bound for any code is 1.53 dB).
TEST(Trellis, GranularGainIsTheCodes) {
  constexpr DependentTables flat = {.scales = 1, .first = 0, .half_step = 16};
  RawTables raw;
  for (int t = 0; t < 3; ++t) {
    raw.sizes.push_back(257);
    raw.offsets.push_back(-128);
    raw.frequencies.insert(raw.frequencies.end(), 256, 255);
    raw.frequencies.push_back(256);
  }
  const CdfTables cdf = raw.Create().value();
  Random random(1);
  Pass pass;
  pass.scales.assign(40000, 0);
  for (std::size_t i = 0; i < pass.scales.size(); ++i)
    pass.residuals.push_back(static_cast<std::int32_t>(random.Below(40000)) - 20000);
  const Cost cost = CostOf(pass, Choose(pass, flat, cdf), flat, cdf);
  const double rounding = 4.0 / 12;  // values two steps apart
  const double gain = 10 * std::log10(rounding * 40000 / cost.squares);
  EXPECT_GT(gain, 1.23);
  EXPECT_LT(gain, 1.33);
}

// Against all sequences of small symbols.
TEST(Trellis, FindsTheCheapestPath) {
  constexpr int kLength = 6, kReach = 3, kChoices = 2 * kReach + 1;
  for (std::uint64_t seed = 0; seed < 12; ++seed) {
    // One chain; the other three have nothing to choose.
    Pass pass = DrawPass(4 * kLength, 5, 9, seed);
    for (std::size_t i = 0; i < pass.scales.size(); ++i) {
      if (i % 4 != seed % 4) pass.scales[i] = 0, pass.residuals[i] = 0;
      pass.residuals[i] = std::clamp(pass.residuals[i], -700, 700);
    }
    std::vector<std::int32_t> symbols(pass.scales.size(), 0);
    double best = 1e9;
    const int combinations = static_cast<int>(std::pow(kChoices, kLength));
    for (int c = 0; c < combinations; ++c) {
      int rest = c;
      for (std::size_t i = seed % 4; i < symbols.size(); i += 4, rest /= kChoices)
        symbols[i] = rest % kChoices - kReach;
      best = std::min(best, CostOf(pass, symbols).sum());
    }
    EXPECT_NEAR(CostOf(pass, Choose(pass)).sum(), best, 1e-3) << seed;
  }
}

// Against rounding; at high rate half a bit is worth a halving of the squared error. No quantiser
// could save more than 0.254 bits (1.53 dB).
TEST(Trellis, NeedsFewerBitsThanRoundingForTheSameError) {
  const Pass pass = DrawPass(60000, 8, 12, 5);
  Cost rounding;
  for (std::size_t i = 0; i < pass.scales.size(); ++i) {
    const double r = static_cast<double>(pass.residuals[i]) / kResidualUnit;
    const double symbol = std::round(r);
    rounding.bits += Normals().CostQ16(pass.scales[i], static_cast<int>(symbol)) / 65536.0;
    rounding.squares += (symbol - r) * (symbol - r);
  }
  const Cost path = CostOf(pass, Choose(pass));
  const double saved =
      (rounding.bits - path.bits) / 60000 - 0.5 * std::log2(path.squares / rounding.squares);
  EXPECT_GT(saved, 0.18);
  EXPECT_LT(saved, 0.23);
}

TEST(Trellis, SmallScalesAreRoundedAndChangeNothing) {
  const Pass dependent = DrawPass(4000, 4, 12, 6);
  const std::vector<std::int32_t> alone = Choose(dependent);
  Pass mixed;  // four small ones between any four
  for (std::size_t i = 0; i < dependent.scales.size(); i += 4) {
    for (std::size_t j = i; j < i + 4; ++j) {
      mixed.scales.push_back(dependent.scales[j]);
      mixed.residuals.push_back(dependent.residuals[j]);
    }
    for (const std::int32_t r : {127, 128, -128, -129}) {
      mixed.scales.push_back(static_cast<std::uint8_t>(i % 4));
      mixed.residuals.push_back(r);
    }
  }
  const std::vector<std::int32_t> symbols = Choose(mixed);
  for (std::size_t i = 0; i < symbols.size(); i += 8) {
    for (std::size_t j = 0; j < 4; ++j) ASSERT_EQ(symbols[i + j], alone[i / 2 + j]);
    EXPECT_EQ(std::vector(symbols.begin() + static_cast<std::ptrdiff_t>(i + 4),
                          symbols.begin() + static_cast<std::ptrdiff_t>(i + 8)),
              (std::vector<std::int32_t>{0, 1, -1, -1}));
  }
}

// Chains are decided in blocks; nothing is to be seen of where they end.
TEST(Trellis, LongPassesAreAsGoodAsShortOnes) {
  const Pass pass = DrawPass(300'000, 6, 10, 7);
  const double whole = CostOf(pass, Choose(pass)).sum();
  double parts = 0;
  for (std::size_t at = 0; at < pass.scales.size(); at += 10'000) {
    Pass part;
    part.scales.assign(pass.scales.begin() + static_cast<std::ptrdiff_t>(at),
                       pass.scales.begin() + static_cast<std::ptrdiff_t>(at + 10'000));
    part.residuals.assign(pass.residuals.begin() + static_cast<std::ptrdiff_t>(at),
                          pass.residuals.begin() + static_cast<std::ptrdiff_t>(at + 10'000));
    parts += CostOf(part, Choose(part)).sum();
  }
  EXPECT_NEAR(whole, parts, parts * 0.001);
}

TEST(Trellis, ExtremeResidualsAreCoded) {
  Pass pass = DrawPass(64, 4, 12, 8);
  constexpr std::int32_t kLargest = (1 << 19) * kResidualUnit;
  pass.residuals[3] = kLargest, pass.residuals[20] = -kLargest;
  const std::vector<std::int32_t> symbols = Choose(pass);
  DependentPath path(kTables, pass.scales);
  for (std::size_t i = 0; i < symbols.size(); ++i) {
    EXPECT_LE(std::abs(path.Value(i, symbols[i]) / 16.0 - pass.residuals[i] / 256.0), 1.3) << i;
    path.Took(i, symbols[i]);
  }
  EXPECT_TRUE(Choose({}).empty());
}

// --- The coder along a path ----------------------------------------------------------------------

// Any symbols; a small part by chance escapes.
Bytes Encode(const Bytes& scales, const std::vector<std::int32_t>& symbols) {
  Bytes tables;
  DependentPath path(kTables, scales);
  for (std::size_t i = 0; i < symbols.size(); ++i) {
    tables.push_back(path.Table(i));
    path.Took(i, symbols[i]);
  }
  LatentEncoder encoder(Normals());
  encoder.Append(tables, symbols);
  return encoder.Finish().value();
}

TEST(DependentCoder, RoundTripsAndAgreesWithTheReferenceDecoder) {
  Random random(9);
  for (const std::size_t count : {0u, 1u, 3u, 5u, 1000u, (1u << 19) + 3, (1u << 21) + 2}) {
    Bytes scales;
    std::vector<std::int32_t> symbols;
    for (std::size_t i = 0; i < count; ++i) {
      scales.push_back(static_cast<std::uint8_t>(random.Below(12)));
      const auto reach = random.Below(100) == 0 ? 1u << 20 : 4u;
      symbols.push_back(static_cast<std::int32_t>(random.Below(2 * reach + 1)) -
                        static_cast<std::int32_t>(reach));
    }
    const Bytes stream = Encode(scales, symbols);
    auto decoder = LatentDecoder::Create(Normals(), stream, count);
    ASSERT_TRUE(decoder.ok());
    std::vector<std::int32_t> decoded(count);
    const Status status = decoder->DecodeDependent(kTables, scales, decoded);
    ASSERT_TRUE(status.ok()) << status.message();
    EXPECT_TRUE(decoder->Finish().ok());
    EXPECT_EQ(decoded, symbols) << count;
    EXPECT_EQ(ReferenceDecoder::DecodeDependent(Normals(), 12, 4, stream, scales), symbols);
  }
}

TEST(DependentCoder, MisuseIsAStatus) {
  const Bytes scales = {5, 6, 7, 8};
  const std::vector<std::int32_t> symbols = {1, 0, -1, 2};
  const Bytes stream = Encode(scales, symbols);
  std::vector<std::int32_t> decoded(4);
  const auto fails = [&](const DependentTables& tables, const Bytes& indexes, std::size_t n,
                         const std::string& part) {
    auto decoder = LatentDecoder::Create(Normals(), stream, 4).value();
    decoded.resize(n);
    const Status status = decoder.DecodeDependent(tables, indexes, decoded);
    EXPECT_EQ(status.code(), StatusCode::kInvalidArgument);
    EXPECT_NE(status.message().find(part), std::string::npos) << status.message();
    EXPECT_FALSE(decoder.Finish().ok());
  };
  DependentTables other = kTables;
  other.first = 5;
  fails(other, scales, 4, "need 26 tables, there are 28");
  fails(kTables, {5, 12, 7, 8}, 4, "symbol 1 is 12");  // though there is such a table
  fails(kTables, scales, 3, "4 table indexes for 3 symbols");
  fails(kTables, {5, 6, 7, 8, 9}, 5, "ask for no more");
}

}  // namespace
}  // namespace halfmoon::testing
