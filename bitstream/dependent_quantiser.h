// Dependent quantisation: two quantisers, and a state machine driven by the symbols before that
// says which of them a symbol belongs to. Integers only.
//
// Read me first: this is trellis-coded quantisation (Marcellin and Fischer 1990; with entropy
// coding Fischer and Wang 1992), as video codecs have it since VVC (Schwarz et al. 2019). Both
// quantisers are twice as coarse as the values they reach together, in half steps:
//
//   quantiser 0:  ... -4     -2      0      2      4 ...
//   quantiser 1:  ...    -3     -1   0   1      3    ...
//
// so a symbol costs what a coarse quantiser costs, and an encoder that chooses a path through the
// states (trellis.h) gets nearly as close as a fine one. States and transitions are Ungerboeck's
// (1982) 64-state code for one dimension, h0 = 103, h1 = 24 octal, as a shift register.
//
// Symbols of small scale are nearly always 0; there a path has nothing to choose, and they are
// quantised each for itself and change no state.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <span>

namespace halfmoon {

// The state machine. Its first state is 0.
class DependentQuantiser {
 public:
  static constexpr int kStates = 64;

  static constexpr std::uint32_t Next(std::uint32_t state, std::int32_t symbol) {
    return (state >> 1) ^ ((state & 1) * 33) ^ ((static_cast<std::uint32_t>(symbol) & 1) * 10);
  }
  // 0 or 1.
  static constexpr std::uint32_t Quantiser(std::uint32_t state) { return state & 1; }

  static constexpr std::int32_t HalfSteps(std::uint32_t quantiser, std::int32_t symbol) {
    const std::int32_t sign = (symbol > 0) - (symbol < 0);
    return 2 * symbol - static_cast<std::int32_t>(quantiser) * sign;
  }

  // Symbol i of a pass is coded in chain i % kChains; each chain has a state of its own, so that
  // decoders can work on several at once.
  static constexpr std::size_t kChains = 4;
};

// How a model's tables serve symbols that the prior gives a scale index 0..scales - 1:
//
//   tables 0 .. scales - 1                    symbols that are quantised each for itself
//   then one for each of first .. scales - 1  dependent symbols of quantiser 0
//   then as many                              dependent symbols of quantiser 1
struct DependentTables {
  int scales = 0;
  int first = 0;      // scale indexes below are never dependent; 0 <= first < scales
  int half_step = 0;  // in units of which a step of the plain quantiser has kStep; 1..kStep

  static constexpr std::int32_t kStep = 16;
  static constexpr int Count(int scales, int first) { return scales + 2 * (scales - first); }
  constexpr int count() const { return Count(scales, first); }

  bool IsDependent(std::uint8_t scale) const { return scale >= first; }
  // REQUIRES: IsDependent(scale), scale < scales.
  std::uint8_t Table(std::uint8_t scale, std::uint32_t quantiser) const {
    return static_cast<std::uint8_t>(scale + scales - first +
                                     static_cast<int>(quantiser) * (scales - first));
  }
  // REQUIRES: |symbol| <= kMaxSymbolMagnitude.
  std::int32_t Value(std::uint32_t quantiser, std::int32_t symbol) const {
    return half_step * DependentQuantiser::HalfSteps(quantiser, symbol);
  }
};

// The table of each symbol of a pass, from its scale index and the symbols before it, taken one
// after the other.
class DependentPath {
 public:
  DependentPath(const DependentTables& tables, std::span<const std::uint8_t> scales)
      : tables_(&tables), scales_(scales) {}

  std::uint8_t Table(std::size_t i) const {
    const std::uint8_t scale = scales_[i];
    if (!tables_->IsDependent(scale)) return scale;
    return tables_->Table(scale, DependentQuantiser::Quantiser(state(i)));
  }
  std::int32_t Value(std::size_t i, std::int32_t symbol) const {
    if (!tables_->IsDependent(scales_[i])) return DependentTables::kStep * symbol;
    return tables_->Value(DependentQuantiser::Quantiser(state(i)), symbol);
  }
  void Took(std::size_t i, std::int32_t symbol) {
    std::uint32_t& state = states_[i % DependentQuantiser::kChains];
    if (tables_->IsDependent(scales_[i])) state = DependentQuantiser::Next(state, symbol);
  }

 private:
  std::uint32_t state(std::size_t i) const { return states_[i % DependentQuantiser::kChains]; }

  const DependentTables* tables_;
  std::span<const std::uint8_t> scales_;
  std::array<std::uint32_t, DependentQuantiser::kChains> states_{};
};

// What the symbols of a pass stand for, and, where `table_index` is not empty, their tables.
// REQUIRES: spans of one length.
inline void FollowPath(const DependentTables& tables, std::span<const std::uint8_t> scales,
                       std::span<const std::int32_t> symbols, std::span<std::int32_t> values,
                       std::span<std::uint8_t> table_index = {}) {
  DependentPath path(tables, scales);
  for (std::size_t i = 0; i < symbols.size(); ++i) {
    values[i] = path.Value(i, symbols[i]);
    if (!table_index.empty()) table_index[i] = path.Table(i);
    path.Took(i, symbols[i]);
  }
}

}  // namespace halfmoon
