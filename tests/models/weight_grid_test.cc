#include "models/networks/weight_grid.h"

#include <gtest/gtest.h>

#include "models/networks/autoencoder.h"
#include "tests/models/tiny_model.h"

namespace halfmoon::networks {
namespace {

bool IsOnGrid(const torch::Tensor& weights, int most) {
  const WeightGrid grid = ToGrid(weights, most);
  return torch::allclose(grid.Weights(), weights, 1e-6, 0);
}

TEST(WeightGridTest, IsTheNearestOfWholeSteps) {
  torch::manual_seed(2);
  torch::Tensor w =
      torch::randn({5, 7, 3, 3}) * torch::tensor({1e-6, 0.1, 1.0, 50.0, 0.0}).view({5, 1, 1, 1});
  const WeightGrid grid = ToGrid(w, 127);
  EXPECT_EQ(grid.values.sizes(), w.sizes());
  EXPECT_EQ(grid.steps.sizes(), torch::IntArrayRef({5}));
  EXPECT_TRUE(torch::equal(grid.values, grid.values.round()));
  const torch::Tensor most = std::get<0>(grid.values.flatten(1).abs().max(1));
  EXPECT_TRUE(torch::equal(most, torch::tensor({127.0f, 127.0f, 127.0f, 127.0f, 0.0f})));
  const torch::Tensor error = (grid.Weights() - w).flatten(1).abs();
  EXPECT_TRUE((error <= grid.steps.view({5, 1}) * 0.50001).all().item<bool>());
  EXPECT_TRUE(torch::equal(grid.Weights()[4], w[4]));  // a row of zeros
}

TEST(WeightGridTest, SaysWhichWeights) {
  const torch::Tensor matrix = torch::ones({2, 2, 1, 1}), vector = torch::ones({2});
  EXPECT_EQ(GridSteps("g_a.in.weight", matrix), kGridSteps);
  EXPECT_EQ(GridSteps("g_s.linear.weight", matrix), kLinearGridSteps);
  EXPECT_EQ(GridSteps("g_s.in.bias", vector), 0);
  EXPECT_EQ(GridSteps("h_s.h0.weight", matrix), 0);  // has integers of its own
}

TEST(WeightGridTest, LeavesTheWeightsAsTheyWere) {
  torch::manual_seed(3);
  Autoencoder model(halfmoon::testing::TinyConfig());
  const torch::Tensor in = model->named_parameters()["g_a.in.weight"].detach().clone();
  std::vector<torch::Tensor> before;
  for (const auto& p : model->parameters()) before.push_back(p.detach().clone());
  {
    const OnGrid on_grid(*model);
    for (const auto& p : model->named_parameters()) {
      const int most = GridSteps(p.key(), p.value());
      EXPECT_TRUE(most == 0 || IsOnGrid(p.value(), most)) << p.key();
    }
    EXPECT_FALSE(torch::equal(model->named_parameters()["g_a.in.weight"], in));
  }
  std::size_t i = 0;
  for (const auto& p : model->named_parameters()) {
    EXPECT_TRUE(torch::equal(p.value(), before[i++])) << p.key();
  }
}

}  // namespace
}  // namespace halfmoon::networks
