#include "models/overfitted/networks.h"

#include <cmath>
#include <random>

namespace halfmoon::overfitted {
namespace {

// Keys' cubic interpolation (1981), a = -1/2.
float Cubic(float distance) {
  const float d = std::abs(distance);
  if (d < 1) return (1.5F * d - 2.5F) * d * d + 1;
  return d < 2 ? ((-0.5F * d + 2.5F) * d - 4) * d + 2 : 0;
}

// Opponent colours: luma, red against blue, green against both.
constexpr float kAxes[3][kColours] = {{1, 1, 1}, {1, 0, -1}, {-0.5F, 1, -0.5F}};
constexpr std::size_t kAxisOf[kGrids] = {0, 0, 0, 1, 2, 0, 1};
constexpr float kAxisGain = 0.05F;

}  // namespace

Networks InitialNetworks(std::uint32_t seed, std::span<const float, kColours> mean) {
  Networks n;
  std::mt19937 random(seed);
  // `gain` times what keeps the variance of the layer's inputs.
  const auto draw = [&](TensorId t, float gain) {
    std::normal_distribution<float> normal(
        0.0F, gain / std::sqrt(static_cast<float>(kTensors[t].columns)));
    float* values = n.of(t);
    for (int i = 0; i < kTensors[t].size(); ++i) values[i] = normal(random);
  };
  draw(kEntropyWeight1, 0.25F);
  draw(kEntropyWeight2, 0.25F);
  draw(kEntropyWeight3, 0.1F);
  draw(kSynthesisWeight1, 0.35F);
  draw(kSynthesisWeight2, 0.1F);
  draw(kLinearWeight, 0.1F);
  // Each grid begins with a colour axis of its own, luma where detail is fine.
  for (std::size_t c = 0; c < kColours; ++c)
    for (std::size_t g = 0; g < kGrids; ++g)
      n.of(kLinearWeight)[c * kGrids + g] += kAxisGain * kAxes[kAxisOf[g]][c];
  draw(kFilterWeight1, 0.1F);
  draw(kFilterWeight2, 0.1F);
  for (std::size_t c = 0; c < kColours; ++c) n.of(kSynthesisBias2)[c] = mean[c];
  for (std::size_t g = 0; g + 1 < kGrids; ++g) {
    // An even output lies a quarter of a step ahead of position m.
    float* taps = n.of(kUpsamplingTaps) + g * kTaps;
    taps[0] = Cubic(1.75F);
    taps[1] = Cubic(1.25F);
    taps[2] = Cubic(0.75F);
    taps[3] = Cubic(0.25F);
  }
  return n;
}

std::vector<float> Transposed(const Networks& n, TensorId t) {
  const auto rows = static_cast<std::size_t>(kTensors[t].rows);
  const auto columns = static_cast<std::size_t>(kTensors[t].columns);
  std::vector<float> out(rows * columns);
  for (std::size_t r = 0; r < rows; ++r)
    for (std::size_t c = 0; c < columns; ++c) out[c * rows + r] = n.of(t)[r * columns + c];
  return out;
}

void GradientSums::AddTo(Networks* gradients) const {
  std::span<float> to = gradients->all();
  for (std::size_t i = 0; i < to.size(); ++i) {
    const float* lanes = sums_.data() + i * kGradientLanes;
    float sum = 0;
    for (std::size_t k = 0; k < kGradientLanes; ++k) sum += lanes[k];
    to[i] += sum;
  }
}

Chunks::Chunks(const PlaneShape& shape) {
  constexpr std::size_t kLeast = 32 * kBlock;
  const std::size_t reach = (kReach + 1) * shape.stride + kBlock;
  size = std::max({kLeast, reach, (shape.count + kMost - 1) / kMost});
  size = (size + kBlock - 1) / kBlock * kBlock;
  count = (shape.count + size - 1) / size;
}

}  // namespace halfmoon::overfitted
