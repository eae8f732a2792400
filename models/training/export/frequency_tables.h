// The frequency tables that are frozen into a weights file. No LibTorch.
#pragma once

#include <array>
#include <cstdint>
#include <vector>

#include "bitstream/dependent_quantiser.h"
#include "models/config/integer_path.h"
#include "models/training/export/safetensors_writer.h"

namespace halfmoon::training {

// The AE codec's: dependent from a deviation of 0.55 steps on, in half steps of 5/8. Found by
// trying (docs/history/training-log.md, 30).
inline constexpr DependentTables kAeTables = {.scales = kScaleTables, .first = 16, .half_step = 10};

// Zero-mean normals integrated over the bins of symbols, in the layout of bitstream::CdfTables:
// table t covers offset[t] .. offset[t] + size[t] - 2, its last entry is the escape. Each table
// sums to 2^16 and every entry is at least 1. Made once, at export; a decoder never computes them
// (exp and erf differ between libraries).
struct FrequencyTables {
  std::vector<std::int32_t> sizes, offsets, frequencies;
};
// All of kAeTables: deviations are TableScale.
FrequencyTables MakeGaussianTables();
// For unit bins and standard deviations of the caller's choice, in bins; each in (0, 64].
FrequencyTables MakeGaussianTables(const std::vector<double>& scales);

// How often each magnitude of a symbol was coded with each table.
class SymbolCounts {
 public:
  static constexpr int kTables = kAeTables.count();
  static constexpr int kMagnitudes = 1024;  // larger symbols are rare and not counted

  // REQUIRES: 0 <= table < kTables.
  void Add(int table, std::int32_t symbol) {
    const std::uint32_t a =
        symbol < 0 ? 0u - static_cast<std::uint32_t>(symbol) : static_cast<std::uint32_t>(symbol);
    if (a < kMagnitudes) ++counts_[static_cast<std::size_t>(table)][a];
  }
  void Merge(const SymbolCounts& other);
  // Of |symbol| = 0, 1, ...
  const std::array<std::uint64_t, kMagnitudes>& of(int table) const {
    return counts_[static_cast<std::size_t>(table)];
  }
  std::uint64_t total() const;

 private:
  std::vector<std::array<std::uint64_t, kMagnitudes>> counts_ =
      std::vector<std::array<std::uint64_t, kMagnitudes>>(kTables);
};

// MakeGaussianTables() corrected by what was counted: symmetric, each table as if kPriorSymbols
// more symbols of its normal distribution had been seen, and reaching as far as pays.
inline constexpr double kPriorSymbols = 256;
FrequencyTables FitTables(const SymbolCounts& counts);

// As "tables.*" of a weights file; replaces those it has. Errors: those of the writer.
Status AddTables(const FrequencyTables& tables, SafetensorsWriter* writer);
// The same for all of kAeTables, and what a decoder must know of them.
Status AddAeTables(const FrequencyTables& tables, SafetensorsWriter* writer);

}  // namespace halfmoon::training
