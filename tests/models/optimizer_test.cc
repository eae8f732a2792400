#include "models/training/loop/optimizer.h"

#include <gtest/gtest.h>
#include <torch/torch.h>

#include <cmath>
#include <limits>

namespace halfmoon::training {
namespace {

TEST(OrthogonaliseTest, BringsSingularValuesNearOne) {
  torch::manual_seed(1);
  for (const auto& [rows, columns] : {std::pair{32, 80}, {80, 32}, {40, 40}}) {
    const torch::Tensor s =
        torch::linalg_svdvals(Orthogonalise(torch::randn({rows, columns}) * 37));
    EXPECT_GT(s.min().item<double>(), rows == columns ? 0.05 : 0.5) << rows << "x" << columns;
    EXPECT_LT(s.max().item<double>(), 1.3) << rows << "x" << columns;
  }
}

// min |W x - t|^2 over a matrix and a bias: both kinds of slot must get there.
TEST(OptimizerTest, SolvesLeastSquares) {
  for (const bool muon : {true, false}) {
    torch::manual_seed(2);
    const torch::Tensor truth = torch::randn({24, 16}), x = torch::randn({64, 16});
    torch::Tensor w = torch::zeros({24, 16}).view({24, 16, 1, 1}).requires_grad_();
    torch::Tensor b = torch::zeros({24}).requires_grad_();
    OptimizerOptions options;
    options.muon = muon;
    Optimizer optimizer({{"w", w}, {"b", b}}, options);
    WorkerPool pool(1);
    auto loss = [&] {
      return (x.matmul(w.view({24, 16}).t()) + b - (x.matmul(truth.t()) + 3)).square().mean();
    };
    const double before = loss().item<double>();
    for (int i = 0; i < 600; ++i) {
      auto g = torch::autograd::grad({loss()}, {w, b});
      optimizer.Step(g, 0.02 * (1 - i / 600.0), pool);
    }
    EXPECT_LT(loss().item<double>(), 0.02 * before) << (muon ? "muon" : "adam");
  }
}

TEST(OptimizerTest, SkipsNonFiniteGradients) {
  torch::Tensor w = torch::ones({4}).requires_grad_();
  Optimizer optimizer({{"w", w}}, {});
  WorkerPool pool(1);
  std::vector<torch::Tensor> g = {torch::full({4}, std::numeric_limits<float>::quiet_NaN())};
  EXPECT_FALSE(std::isfinite(optimizer.Step(g, 0.1, pool)));
  EXPECT_TRUE(torch::equal(w.detach(), torch::ones({4})));
}

TEST(OptimizerTest, AveragesWeights) {
  torch::Tensor w = torch::zeros({1}).requires_grad_();
  Optimizer optimizer({{"w", w}}, {});
  WorkerPool pool(1);
  for (int i = 0; i < 50; ++i) {
    std::vector<torch::Tensor> g = {torch::ones({1})};
    optimizer.Step(g, 0.1, pool);
  }
  const double last = w.item<double>();
  optimizer.SwapAveraged();
  EXPECT_GT(w.item<double>(), last);  // lags behind on the way down
  EXPECT_LT(w.item<double>(), 0);
  optimizer.SwapAveraged();
  EXPECT_EQ(w.item<double>(), last);
}

TEST(OptimizerTest, WorkersDoNotChangeTheResult) {
  std::vector<torch::Tensor> results;
  for (const int workers : {1, 2, 3}) {
    torch::manual_seed(4);
    std::vector<std::pair<std::string, torch::Tensor>> parameters;
    for (int i = 0; i < 5; ++i) {
      const std::string n = std::to_string(i);
      parameters.push_back({"p" + n, torch::randn({20 + i, 18}).view({20 + i, 18, 1, 1})});
    }
    Optimizer optimizer(parameters, {});
    WorkerPool pool(workers);
    for (int step = 0; step < 3; ++step) {
      std::vector<torch::Tensor> g;
      for (const auto& p : parameters) g.push_back(torch::ones_like(p.second) * (step + 1));
      optimizer.Step(g, 0.01, pool);
    }
    results.push_back(torch::cat({parameters[0].second.flatten(), parameters[4].second.flatten()}));
  }
  EXPECT_TRUE(torch::equal(results[0], results[1]));
  EXPECT_TRUE(torch::equal(results[0], results[2]));
}

TEST(WorkerPoolTest, PassesExceptionsOn) {
  WorkerPool pool(2);
  EXPECT_THROW(pool.Run([](int w) {
    if (w == 1) throw std::runtime_error("worker");
  }),
               std::runtime_error);
  int sum = 0;
  std::mutex mutex;
  pool.Run([&](int w) {
    std::lock_guard lock(mutex);
    sum += w + 1;
  });
  EXPECT_EQ(sum, 3);
}

}  // namespace
}  // namespace halfmoon::training
