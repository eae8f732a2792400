#include "models/overfitted/network_quantiser.h"

#include <algorithm>
#include <cmath>

#include "models/overfitted/network_coder.h"

namespace halfmoon::overfitted {
namespace {

// Fraction bits of the hidden layer before it is known what suits it (fitting.cc).
constexpr int kHiddenBits = 9;
// Where the search begins: a step that costs nothing. Biases need no more.
constexpr int kFinestWeight = 12, kFinestBias = 10;

// Sums of a row's weights that leave room for the bias within 32 bits.
constexpr float kMostRowSum = 60000;

bool IsBias(TensorId t) { return kTensors[t].columns == 1; }

// The coarsest step that the layer can be run with. REQUIRES, for a weight: the bias has its step.
int LeastShift(const IntegerNetworks& whole, TensorId t) {
  for (const LayerBits& layer : LayersOf(whole.hidden_bits())) {
    if (layer.weight != t) continue;
    const int finest_bias = layer.bias == t ? 0 : whole.shift(layer.bias);
    return std::max({0, layer.output - layer.input, finest_bias - layer.input});
  }
  return 0;
}

int FinestShift(const Networks& networks, TensorId t) {
  const auto rows = static_cast<std::size_t>(kTensors[t].rows);
  const auto columns = static_cast<std::size_t>(kTensors[t].columns);
  float most = 0;
  for (std::size_t r = 0; r < rows; ++r) {
    float sum = 0;
    for (std::size_t c = 0; c < columns; ++c) sum += std::abs(networks.of(t)[r * columns + c]);
    most = std::max(most, sum);
  }
  const float limit = IsBias(t) ? static_cast<float>(kMaxParameter) : kMostRowSum;
  int shift = IsBias(t) ? kFinestBias : kFinestWeight;
  while (shift > 0 && std::ldexp(most, shift) > limit) --shift;
  return shift;
}

// Biases first, for weights go by theirs.
std::array<TensorId, kTensorCount> Order() {
  std::array<TensorId, kTensorCount> order{};
  for (std::size_t t = 0; t < kTensorCount; ++t) order[t] = static_cast<TensorId>(t);
  std::stable_partition(order.begin(), order.end(), IsBias);
  return order;
}

}  // namespace

IntegerNetworks RoundLike(const IntegerNetworks& like, const Networks& networks) {
  IntegerNetworks whole;
  whole.set_hidden_bits(like.hidden_bits());
  for (std::size_t t = 0; t < kTensorCount; ++t) {
    const auto id = static_cast<TensorId>(t);
    whole.Round(networks, id, like.shift(id));
  }
  return whole;
}

IntegerNetworks ChooseSteps(const Networks& networks, double price,
                            const std::function<double(const Networks&)>& loss) {
  IntegerNetworks best;
  best.set_hidden_bits(kHiddenBits);
  for (std::size_t t = 0; t < kTensorCount; ++t) {
    const auto id = static_cast<TensorId>(t);
    best.Round(networks, id, FinestShift(networks, id));
  }
  const auto loss_of = [&](const IntegerNetworks& whole) {
    Networks floats;
    whole.AddTo(&floats);
    return loss(floats);
  };
  double least = loss_of(best);
  for (const TensorId id : Order()) {
    double cost = CostOf(best.of(id)).bits * price;
    // Two steps may pay where one does not.
    int misses = 0;
    IntegerNetworks trial = best;
    const int least_shift = LeastShift(best, id);
    for (int shift = best.shift(id) - 1; shift >= least_shift && misses < 2; --shift) {
      trial.Round(networks, id, shift);
      const double trial_loss = loss_of(trial);
      const double trial_cost = CostOf(trial.of(id)).bits * price;
      if (trial_loss + trial_cost < least + cost) {
        best = trial;
        least = trial_loss;
        cost = trial_cost;
        misses = 0;
      } else {
        ++misses;
      }
    }
  }
  return best;
}

}  // namespace halfmoon::overfitted
