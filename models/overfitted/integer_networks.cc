#include "models/overfitted/integer_networks.h"

#include <algorithm>
#include <cmath>
#include <cstdlib>
#include <limits>
#include <string>

namespace halfmoon::overfitted {
namespace {

std::string Named(TensorId t) {
  return std::string("the picture's networks: ") + kTensors[t].name + ": ";
}

}  // namespace

std::array<LayerBits, 9> LayersOf(int hidden) {
  return {{{kEntropyWeight1, kEntropyBias1, kLatentBits, kLatentBits},
           {kEntropyWeight2, kEntropyBias2, kLatentBits, kLatentBits},
           {kEntropyWeight3, kEntropyBias3, kLatentBits, kMeanBits},
           {kSynthesisWeight1, kSynthesisBias1, kLatentBits, hidden},
           {kSynthesisWeight2, kSynthesisBias2, hidden, kColourBits},
           {kLinearWeight, kLinearWeight, kLatentBits, kColourBits},
           {kFilterWeight1, kFilterBias1, kColourBits, kColourBits},
           {kFilterWeight2, kFilterBias2, kColourBits, kColourBits},
           {kUpsamplingTaps, kUpsamplingTaps, kLatentBits, kLatentBits}}};
}

void IntegerNetworks::Round(const Networks& networks, TensorId t, int shift) {
  const float unit = std::ldexp(1.0F, shift);
  const float* from = networks.of(t);
  for (std::int16_t& v : of(t)) {
    const float whole = std::nearbyint(*from++ * unit);
    v = static_cast<std::int16_t>(
        std::clamp(whole, static_cast<float>(-kMaxParameter), static_cast<float>(kMaxParameter)));
  }
  shifts_[t] = shift;
}

void IntegerNetworks::AddTo(Networks* networks) const {
  for (std::size_t t = 0; t < kTensorCount; ++t) {
    const auto id = static_cast<TensorId>(t);
    const float step = std::ldexp(1.0F, -shifts_[t]);
    float* to = networks->of(id);
    for (std::int16_t v : of(id)) *to++ += static_cast<float>(v) * step;
  }
}

Status IntegerNetworks::Check() const {
  for (const LayerBits& layer : LayersOf(hidden_bits_)) {
    const TensorShape& shape = kTensors[layer.weight];
    // Fraction bits of the sums.
    const int sum = shift(layer.weight) + layer.input;
    const bool has_bias = layer.bias != layer.weight;
    if (sum < layer.output) {
      return {StatusCode::kCorrupt, Named(layer.weight) + "shift " +
                                        std::to_string(shift(layer.weight)) +
                                        " leaves fewer fraction bits than the layer hands on"};
    }
    if (has_bias && sum < shift(layer.bias)) {
      return {StatusCode::kCorrupt, Named(layer.bias) + "shift " +
                                        std::to_string(shift(layer.bias)) +
                                        " is finer than the layer's sums"};
    }
    const std::int64_t rounding = std::int64_t{1} << (sum - layer.output) >> 1;
    const auto columns = static_cast<std::size_t>(shape.columns);
    for (std::size_t row = 0; row < static_cast<std::size_t>(shape.rows); ++row) {
      std::int64_t most = rounding;
      for (std::size_t i = 0; i < columns; ++i)
        most += std::int64_t{32768} * std::abs(of(layer.weight)[row * columns + i]);
      if (has_bias)
        most += std::int64_t{std::abs(of(layer.bias)[row])} << (sum - shift(layer.bias));
      if (most > std::numeric_limits<std::int32_t>::max()) {
        return {StatusCode::kCorrupt, Named(layer.weight) + "row " + std::to_string(row) +
                                          " may leave 32 bits; the file is damaged"};
      }
    }
  }
  return Status::Ok();
}

}  // namespace halfmoon::overfitted
