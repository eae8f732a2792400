#include "models/training/export/code_mixture.h"

#include <gtest/gtest.h>

#include <cmath>
#include <numbers>

#include "models/training/loop/run_random.h"

namespace halfmoon::training {
namespace {

at::Generator Seeded(std::uint64_t seed) {
  at::Generator generator = MakeGenerator(torch::kCPU);
  generator.set_current_seed(seed);
  return generator;
}

// Two long clouds, crossed, of which one has three times as many rows.
torch::Tensor CrossedClouds(std::int64_t n, at::Generator& generator) {
  const torch::Tensor z = torch::empty({n, 2}, torch::kFloat64).normal_(0, 1, generator);
  const torch::Tensor flat = z * torch::tensor({4.0, 0.5}, torch::kFloat64) - 6;
  const torch::Tensor tall = z * torch::tensor({0.5, 4.0}, torch::kFloat64) + 6;
  const torch::Tensor first = (torch::arange(n) % 4 != 0).unsqueeze(1);
  return torch::where(first, flat, tall);
}

TEST(CodeMixture, FindsTheCloudsThatRowsWereDrawnFrom) {
  at::Generator generator = Seeded(1);
  const torch::Tensor rows = CrossedClouds(4000, generator);
  const CodeMixture m = FitMixture(rows, 2, generator);
  ASSERT_EQ(m.means.size(0), 2);
  const std::int64_t flat = m.weights[0].item<double>() > 0.5 ? 0 : 1;
  EXPECT_NEAR(m.weights[flat].item<double>(), 0.75, 0.02);
  EXPECT_NEAR(m.weights.sum().item<double>(), 1, 1e-9);
  EXPECT_LT((m.means[flat] + 6).abs().max().item<double>(), 0.3);
  EXPECT_LT((m.means[1 - flat] - 6).abs().max().item<double>(), 0.5);
  const torch::Tensor covariance = m.factors[flat].matmul(m.factors[flat].t());
  EXPECT_NEAR(covariance[0][0].item<double>(), 16, 2);
  EXPECT_LT(covariance[1][1].item<double>(), 1.5);
  // Rows of its own kind are likelier than under one normal distribution over all of them.
  const torch::Tensor more = CrossedClouds(1000, generator);
  const CodeMixture one = FitMixture(rows, 1, generator);
  EXPECT_GT((LogDensity(m, more) - LogDensity(one, more)).mean().item<double>(), 1);
}

TEST(CodeMixture, OneComponentIsTheNormalDistributionOfTheRows) {
  at::Generator generator = Seeded(2);
  const torch::Tensor rows = torch::empty({3000, 3}, torch::kFloat64).normal_(2, 1.5, generator);
  const CodeMixture m = FitMixture(rows, 1, generator);
  EXPECT_TRUE(torch::allclose(m.means[0], rows.mean(0)));
  const double at_mean = LogDensity(m, m.means)[0].item<double>();
  const double variance = 1.5 * 1.5 * 1.01;  // with the floor
  EXPECT_NEAR(at_mean, -1.5 * std::log(2 * std::numbers::pi * variance), 0.1);
}

TEST(CodeMixture, NoComponentCollapsesOntoItsRows) {
  at::Generator generator = Seeded(3);
  const torch::Tensor rows = torch::empty({40, 4}, torch::kFloat64).normal_(0, 1, generator);
  const CodeMixture m = FitMixture(rows, 40, generator);
  EXPECT_TRUE(torch::isfinite(m.factors).all().item<bool>());
  EXPECT_GT(m.factors.diagonal(0, 1, 2).min().item<double>(), 0.05);
  const torch::Tensor same = torch::ones({10, 2}, torch::kFloat64);
  EXPECT_TRUE(torch::isfinite(FitMixture(same, 1, generator).factors).all().item<bool>());
}

TEST(CodeMixture, HeldOutRowsChooseHowManyComponents) {
  at::Generator generator = Seeded(4);
  // Of 16 clusters, four by four.
  const torch::Tensor n = torch::arange(16);
  const torch::Tensor centres =
      torch::stack({n.remainder(4), n.floor_divide(4)}, 1).to(torch::kFloat64) * 8;
  const auto draw = [&](std::int64_t count) {
    const torch::Tensor which = torch::randint(16, {count}, generator, torch::kLong);
    return centres.index_select(0, which) +
           torch::empty({count, 2}, torch::kFloat64).normal_(0, 1, generator);
  };
  const torch::Tensor rows = draw(1200), others = draw(400);
  EXPECT_GE(ChooseMixture(rows, others, 64, generator).means.size(0), 16);
  EXPECT_EQ(ChooseMixture(rows, others, 8, generator).means.size(0), 4);
  // Rows of one cluster, few of them: one.
  const torch::Tensor few = torch::empty({30, 3}, torch::kFloat64).normal_(0, 1, generator);
  EXPECT_EQ(ChooseMixture(few, torch::empty({200, 3}, torch::kFloat64).normal_(0, 1, generator),
                          256, generator)
                .means.size(0),
            1);
}

}  // namespace
}  // namespace halfmoon::training
