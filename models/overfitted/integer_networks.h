// The networks of one picture as its file holds them: whole numbers and the place of their binary
// point. They are untrusted: Check proves that no sum of a decoder leaves 32 bits. std only.
#pragma once

#include <array>
#include <cstdint>
#include <span>
#include <vector>

#include "halfmoon/status.h"
#include "models/overfitted/networks.h"

namespace halfmoon::overfitted {

// Fraction bits of what layers hand on, as 16-bit integers that saturate.
inline constexpr int kLatentBits = 6;   // latents, stack, hidden layers of the entropy model
inline constexpr int kColourBits = 13;  // colours: 0 is black, 2^13 white
inline constexpr int kMeanBits = 7;     // means of latents: laplace::kUnit
// Latents lie within +-511, so that they fit.
inline constexpr std::int32_t kMaxLatent = 511;
// A parameter is a whole number of 2^-shift, 0 <= shift < kShifts.
inline constexpr int kShifts = 16;
inline constexpr std::int32_t kMaxParameter = 32767;

class IntegerNetworks {
 public:
  IntegerNetworks() : values_(static_cast<std::size_t>(kParameters)) {}

  std::span<std::int16_t> of(TensorId t) {
    return std::span(values_).subspan(kTensorOffsets[t], Size(t));
  }
  std::span<const std::int16_t> of(TensorId t) const {
    return std::span(values_).subspan(kTensorOffsets[t], Size(t));
  }
  int shift(TensorId t) const { return shifts_[t]; }
  void set_shift(TensorId t, int shift) { shifts_[t] = shift; }
  // Fraction bits of the synthesis' hidden layer, 0 .. 15.
  int hidden_bits() const { return hidden_bits_; }
  void set_hidden_bits(int bits) { hidden_bits_ = bits; }

  // What floats become: the nearest whole number of 2^-shift, within +-kMaxParameter.
  void Round(const Networks& networks, TensorId t, int shift);
  // The numbers that they stand for.
  void AddTo(Networks* networks) const;

  // Whether a decoder may run them. Errors: kCorrupt naming the tensor.
  Status Check() const;

  bool operator==(const IntegerNetworks&) const = default;

 private:
  static std::size_t Size(TensorId t) { return static_cast<std::size_t>(kTensors[t].size()); }

  std::vector<std::int16_t> values_;
  std::array<int, kTensorCount> shifts_{};
  int hidden_bits_ = 0;
};

// A layer's fixed point, in fraction bits.
struct LayerBits {
  TensorId weight, bias;  // bias = weight: there is none
  int input, output;
};
// Every layer; `hidden`: fraction bits of the synthesis' hidden layer.
std::array<LayerBits, 9> LayersOf(int hidden);

}  // namespace halfmoon::overfitted
