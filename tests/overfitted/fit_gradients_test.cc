// Gradients of the parts against differences of what they compute.
#include <gtest/gtest.h>

#include <cmath>
#include <random>

#include "models/overfitted/entropy_fit.h"
#include "models/overfitted/synthesis_fit.h"
#include "models/overfitted/upsampling_fit.h"

namespace halfmoon::overfitted {
namespace {

const Parallel kInTurn = [](std::size_t count, const std::function<void(std::size_t)>& work) {
  for (std::size_t i = 0; i < count; ++i) work(i);
};

Plane RandomPlane(const PlaneShape& shape, std::mt19937* random, float scale) {
  Plane p(shape);
  std::normal_distribution<float> normal(0, scale);
  for (int y = 0; y < shape.height; ++y)
    for (int x = 0; x < shape.width; ++x) p.row(y)[x] = normal(*random);
  return p;
}

Networks SomeNetworks() {
  const float mean[kColours] = {0.4F, 0.5F, 0.6F};
  Networks networks = InitialNetworks(3, mean);
  // So large that a difference does not lead over the kinks of ReLU.
  for (const TensorId t : {kEntropyWeight1, kEntropyWeight2})
    for (int i = 0; i < kTensors[t].size(); ++i) networks.of(t)[i] *= 2;
  return networks;
}

std::vector<GradientSums> Sums(const PlaneShape& shape) {
  return std::vector<GradientSums>(Chunks(shape).count);
}

Networks Total(const std::vector<GradientSums>& sums) {
  Networks total;
  for (const GradientSums& s : sums) s.AddTo(&total);
  return total;
}

// d loss / d *value by a central difference.
template <typename Loss>
double Slope(float* value, float step, Loss loss) {
  const float before = *value;
  *value = before + step;
  const double above = loss();
  *value = before - step;
  const double below = loss();
  *value = before;
  return (above - below) / (2 * static_cast<double>(step));
}

void ExpectClose(double analytic, double numeric, const std::string& what) {
  EXPECT_NEAR(analytic, numeric, 0.02 * std::abs(numeric) + 0.06) << what;
}

// Three widths: a row shorter than a vector, one that ends within a block, more than one chunk.
class FitGradientsTest : public ::testing::TestWithParam<std::pair<int, int>> {
 protected:
  PlaneShape shape() const { return {GetParam().first, GetParam().second}; }
  // Some positions: corners, edges, the middle.
  std::vector<std::pair<int, int>> Places() const {
    const int w = shape().width, h = shape().height;
    return {{0, 0}, {0, w - 1}, {h - 1, 0}, {h - 1, w - 1}, {h / 2, w / 2}, {h / 3, w - 1}};
  }
};

TEST_P(FitGradientsTest, Entropy) {
  std::mt19937 random(1);
  Networks networks = SomeNetworks();
  Plane values = RandomPlane(shape(), &random, 2), d_values(shape());
  std::vector<Plane> features, d_features;
  for (int f = 0; f < 4; ++f) {
    features.push_back(RandomPlane(shape(), &random, 1));
    d_features.emplace_back(shape());
  }
  GridView view;
  view.values = &values;
  view.d_values = &d_values;
  for (std::size_t f = 0; f < 4; ++f) {
    view.features.push_back(&features[f]);
    view.d_features.push_back(&d_features[f]);
  }
  EntropyFit entropy;
  const auto bits = [&] {
    entropy.Prepare(networks);
    return entropy.Bits(view, kInTurn);
  };
  auto sums = Sums(shape());
  const double before = bits();
  EXPECT_NEAR(entropy.BitsWithGradients(view, 1, &sums, kInTurn), before, 1e-6 * before);
  const Networks gradients = Total(sums);
  for (TensorId t : {kEntropyWeight1, kEntropyBias1, kEntropyWeight2, kEntropyBias2,
                     kEntropyWeight3, kEntropyBias3}) {
    for (int i : {0, kTensors[t].size() / 2, kTensors[t].size() - 1})
      ExpectClose(gradients.of(t)[i], Slope(networks.of(t) + i, 2e-3F, bits), kTensors[t].name);
  }
  for (const auto& [y, x] : Places()) {
    ExpectClose(d_values.row(y)[x], Slope(values.row(y) + x, 5e-3F, bits), "value");
    ExpectClose(d_features[2].row(y)[x], Slope(features[2].row(y) + x, 5e-3F, bits), "feature");
  }
}

TEST_P(FitGradientsTest, Synthesis) {
  std::mt19937 random(2);
  Networks networks = SomeNetworks();
  // Far from where the first filter's ReLU bends, so that differences mean something: two colours
  // get through everywhere, one nowhere.
  for (std::size_t i = 0; i < kColours; ++i) networks.of(kFilterBias1)[i] = i == 1 ? -1.0F : 1.0F;
  std::vector<Plane> stack, d_stack;
  for (int c = 0; c < kGrids; ++c) {
    stack.push_back(RandomPlane(shape(), &random, 1));
    d_stack.emplace_back(shape());
  }
  std::vector<const Plane*> in;
  std::vector<Plane*> d_in;
  for (std::size_t c = 0; c < kGrids; ++c) {
    in.push_back(&stack[c]);
    d_in.push_back(&d_stack[c]);
  }
  SynthesisFit synthesis(shape());
  // Some linear function of the picture is the loss.
  const auto weight = [](std::size_t c, int y, int x) {
    return std::sin(1.0 + static_cast<double>(c) * 2 + y * 0.7 + x * 0.3);
  };
  const auto loss = [&] {
    const ColourPlanes& picture = synthesis.Forward(networks, in, kInTurn);
    double sum = 0;
    for (std::size_t c = 0; c < kColours; ++c)
      for (int y = 0; y < shape().height; ++y)
        for (int x = 0; x < shape().width; ++x)
          sum += weight(c, y, x) * static_cast<double>(picture[c].row(y)[x]);
    return sum;
  };
  loss();
  for (std::size_t c = 0; c < kColours; ++c)
    for (int y = 0; y < shape().height; ++y)
      for (int x = 0; x < shape().width; ++x)
        synthesis.d_picture()[c].row(y)[x] = static_cast<float>(weight(c, y, x));
  auto sums = Sums(shape());
  synthesis.Backward(networks, in, d_in, &sums, kInTurn);
  const Networks gradients = Total(sums);
  for (TensorId t : {kSynthesisWeight1, kSynthesisBias1, kSynthesisWeight2, kSynthesisBias2,
                     kLinearWeight, kFilterWeight1, kFilterBias1, kFilterWeight2, kFilterBias2}) {
    for (int i : {0, kTensors[t].size() / 2, kTensors[t].size() - 1})
      ExpectClose(gradients.of(t)[i], Slope(networks.of(t) + i, 2e-4F, loss), kTensors[t].name);
  }
  for (const auto& [y, x] : Places())
    for (std::size_t c : {0, 6})
      ExpectClose(d_stack[c].row(y)[x], Slope(stack[c].row(y) + x, 1e-2F, loss), "stack");
}

TEST_P(FitGradientsTest, Upsampling) {
  std::mt19937 random(3);
  Networks networks = SomeNetworks();
  const PlaneShape coarse_shape((shape().width + 1) / 2, (shape().height + 1) / 2);
  std::vector<Plane> coarse, fine, d_fine, d_coarse;
  for (int c = 0; c < 2; ++c) {
    coarse.push_back(RandomPlane(coarse_shape, &random, 1));
    d_coarse.emplace_back(coarse_shape);
    fine.emplace_back(shape());
    d_fine.push_back(RandomPlane(shape(), &random, 1));
  }
  const std::vector<const Plane*> in = {&coarse[0], &coarse[1]};
  const std::vector<const Plane*> d_out = {&d_fine[0], &d_fine[1]};
  constexpr int kGrid = 2;
  const auto loss = [&] {
    Upsample(networks, kGrid, in, {&fine[0], &fine[1]}, kInTurn);
    double sum = 0;
    for (std::size_t c = 0; c < 2; ++c)
      for (int y = 0; y < shape().height; ++y)
        for (int x = 0; x < shape().width; ++x)
          sum += static_cast<double>(fine[c].row(y)[x]) * static_cast<double>(d_fine[c].row(y)[x]);
    return sum;
  };
  Networks gradients;
  UpsamplingGradient gradient;
  gradient.Run(networks, kGrid, in, d_out, {&d_coarse[0], &d_coarse[1]}, &gradients, kInTurn);
  for (int i = 0; i < kTaps; ++i) {
    const int at = kGrid * kTaps + i;
    ExpectClose(gradients.of(kUpsamplingTaps)[at],
                Slope(networks.of(kUpsamplingTaps) + at, 1e-2F, loss), "taps");
  }
  for (const auto& [y, x] : Places())
    for (std::size_t c : {0, 1})
      ExpectClose(d_coarse[c].row(y / 2)[x / 2], Slope(coarse[c].row(y / 2) + x / 2, 1e-1F, loss),
                  "coarse");
}

INSTANTIATE_TEST_SUITE_P(Shapes, FitGradientsTest,
                         ::testing::Values(std::pair{5, 3}, std::pair{70, 37}, std::pair{131, 66}));

}  // namespace
}  // namespace halfmoon::overfitted
