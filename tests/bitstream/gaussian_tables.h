// Test data: probability tables of discretised zero-mean normal distributions, and symbols drawn
// from them. Floating point is allowed here; it never is in bitstream/.
#pragma once

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <cstdlib>
#include <vector>

#include "bitstream/cdf_tables.h"

namespace halfmoon::testing {

struct RawTables {
  std::vector<std::int32_t> sizes, offsets, frequencies;
  Result<CdfTables> Create() const { return CdfTables::Create(sizes, offsets, frequencies); }
};

// Small, seeded, the same everywhere (std distributions are not).
class Random {
 public:
  explicit Random(std::uint64_t seed) : state_(seed) {}
  std::uint64_t Next() {  // splitmix64
    std::uint64_t z = (state_ += 0x9E3779B97F4A7C15u);
    z = (z ^ (z >> 30)) * 0xBF58476D1CE4E5B9u;
    z = (z ^ (z >> 27)) * 0x94D049BB133111EBu;
    return z ^ (z >> 31);
  }
  std::uint32_t Below(std::uint32_t bound) {
    return static_cast<std::uint32_t>(((Next() >> 32) * bound) >> 32);
  }
  double Unit() { return static_cast<double>(Next() >> 11) * 0x1p-53; }

 private:
  std::uint64_t state_;
};

// Appends one table: symbols -k..k of a standard normal variable, |symbol| = a where it lies below
// edge(a) and not below edge(a - 1); escape frequency 1.
template <typename Edge>
void AddNormalBins(const Edge& edge, std::int32_t k, RawTables& tables) {
  const auto tail = [&](double x) { return 0.5 * std::erfc(x / std::sqrt(2.0)); };
  std::vector<std::int32_t> f;
  std::int32_t sum = 1;
  for (std::int32_t s = -k; s <= k; ++s) {
    const int a = std::abs(s);
    const double p = a == 0 ? 1 - 2 * tail(edge(0)) : tail(edge(a - 1)) - tail(edge(a));
    f.push_back(std::max(1, static_cast<std::int32_t>(std::lround(65536.0 * p))));
    sum += f.back();
  }
  f[static_cast<std::size_t>(k)] += 65536 - sum;  // the centre takes the rounding
  f.push_back(1);
  tables.sizes.push_back(static_cast<std::int32_t>(f.size()));
  tables.offsets.push_back(-k);
  tables.frequencies.insert(tables.frequencies.end(), f.begin(), f.end());
}

// Unit bins, k = ceil(4.5 sigma) + 1.
inline void AddGaussian(double sigma, RawTables& tables) {
  AddNormalBins([&](int a) { return (a + 0.5) / sigma; },
                static_cast<std::int32_t>(std::ceil(4.5 * sigma)) + 1, tables);
}

inline double TypicalSigma(int index, int count) {
  return 0.11 * std::pow(64.0 / 0.11, static_cast<double>(index) / std::max(1, count - 1));
}

// The typical set: log-spaced scales 0.11..64.
inline RawTables GaussianTables(int count = 64) {
  RawTables tables;
  for (int t = 0; t < count; ++t) AddGaussian(TypicalSigma(t, count), tables);
  return tables;
}

// Draws a symbol from the table itself (never the escape).
inline std::int32_t DrawSymbol(const CdfTables::View& table, Random& random) {
  for (;;) {
    std::uint32_t slot = random.Below(65536);
    for (std::size_t i = 0; i + 1 < table.frequencies.size(); ++i) {
      if (slot < table.frequencies[i]) return table.offset + static_cast<std::int32_t>(i);
      slot -= table.frequencies[i];
    }
  }
}

struct Sequence {
  std::vector<std::uint8_t> indexes;
  std::vector<std::int32_t> symbols;
  double bits = 0;  // cross-entropy under the tables
};

// `count` symbols, tables drawn evenly from [first_table, end_table).
inline Sequence DrawSequence(const CdfTables& tables, std::size_t count, std::uint32_t first_table,
                             std::uint32_t end_table, std::uint64_t seed) {
  Random random(seed);
  Sequence sequence;
  for (std::size_t i = 0; i < count; ++i) {
    const std::uint32_t t = first_table + random.Below(end_table - first_table);
    const CdfTables::View view = tables.table(t);
    const std::int32_t symbol = DrawSymbol(view, random);
    sequence.indexes.push_back(static_cast<std::uint8_t>(t));
    sequence.symbols.push_back(symbol);
    sequence.bits +=
        16.0 - std::log2(view.frequencies[static_cast<std::size_t>(symbol - view.offset)]);
  }
  return sequence;
}

}  // namespace halfmoon::testing
