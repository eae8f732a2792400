// The networks of one picture as floats: values, gradients, and sums of gradients. std only.
#pragma once

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <span>
#include <vector>

#include "models/overfitted/architecture.h"
#include "models/overfitted/fit_kernels.h"
#include "models/overfitted/plane.h"

namespace halfmoon::overfitted {

// Where each tensor begins in an array of all of them.
inline constexpr std::array<std::size_t, kTensorCount + 1> kTensorOffsets = [] {
  std::array<std::size_t, kTensorCount + 1> offsets{};
  for (std::size_t t = 0; t < kTensorCount; ++t)
    offsets[t + 1] = offsets[t] + static_cast<std::size_t>(kTensors[t].size());
  return offsets;
}();

// One float for each parameter.
class Networks {
 public:
  Networks() : values_(static_cast<std::size_t>(kParameters)) {}
  float* of(TensorId t) { return values_.data() + kTensorOffsets[t]; }
  const float* of(TensorId t) const { return values_.data() + kTensorOffsets[t]; }
  std::span<float> all() { return values_; }
  std::span<const float> all() const { return values_; }

 private:
  std::vector<float> values_;
};

// Random values that training begins with; the picture begins with the colour `mean`, 0..1.
Networks InitialNetworks(std::uint32_t seed, std::span<const float, kColours> mean);

// A weight matrix [rows, columns] as [columns, rows]: what brings a gradient back to its inputs.
std::vector<float> Transposed(const Networks& networks, TensorId t);

// Sums of gradients as the kernels make them: a vector for each parameter. One for each chunk of
// positions, so that the sum does not depend on which thread did which.
class GradientSums {
 public:
  GradientSums() : sums_(static_cast<std::size_t>(kParameters) * kGradientLanes) {}
  float* of(TensorId t) { return sums_.data() + kTensorOffsets[t] * kGradientLanes; }
  void Clear() { sums_.Clear(); }
  // Adds the sum over lanes to `gradients`.
  void AddTo(Networks* gradients) const;

 private:
  Buffer sums_;
};

// Does work(0) .. work(count - 1), each once, in any order and any number of threads.
using Parallel =
    std::function<void(std::size_t count, const std::function<void(std::size_t)>& work)>;

// How the positions of a plane are cut: whole blocks, at most kMost chunks, which follow from the
// plane's shape alone. A chunk is longer than a neighbour is away.
struct Chunks {
  static constexpr std::size_t kMost = 32;
  std::size_t count = 0, size = 0;
  explicit Chunks(const PlaneShape& shape);
  std::size_t begin(std::size_t i) const { return i * size; }
  std::size_t end(std::size_t i, const PlaneShape& shape) const {
    return std::min(shape.count, (i + 1) * size);
  }
};

// Positions of the block that begins at p, rounded up to what kernels take.
inline std::size_t BlockCount(std::size_t p, std::size_t end) {
  return std::min(kBlock, (end - p + kBlockStep - 1) / kBlockStep * kBlockStep);
}

}  // namespace halfmoon::overfitted
