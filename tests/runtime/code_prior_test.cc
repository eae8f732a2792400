#include "models/runtime/generative/code_prior.h"

#include <gtest/gtest.h>

#include <cmath>
#include <limits>

#include "models/training/export/safetensors_writer.h"

namespace halfmoon::runtime {
namespace {

// Components of two numbers: a quarter at (-5, 0), a round one; the rest at (5, 1), along a
// diagonal.
training::SafetensorsWriter Writer() {
  training::SafetensorsWriter w;
  EXPECT_TRUE(w.Add<float>("mixture.weights", {2}, std::vector<float>{0.25f, 0.75f}).ok());
  EXPECT_TRUE(w.Add<float>("mixture.means", {2, 2}, std::vector<float>{-5, 0, 5, 1}).ok());
  EXPECT_TRUE(
      w.Add<float>("mixture.factors", {2, 2, 2}, std::vector<float>{1, 0, 0, 1, 2, 0, 2, 0.1f})
          .ok());
  return w;
}

Result<CodePrior> Load(const training::SafetensorsWriter& w, const std::string& name,
                       std::size_t size = 2) {
  return CodePrior::Load(*WeightsFile::FromBytes(*w.ToBytes()), size, name);
}

TEST(CodePrior, TheNormalIsStandardAndCodesDependOnSeedAndIndexAlone) {
  const CodePrior prior = CodePrior::Normal(3);
  double sum = 0, squares = 0;
  for (std::uint64_t i = 0; i < 4000; ++i) {
    for (const float v : prior.Draw(1, i, 1)) sum += v, squares += v * v;
  }
  EXPECT_NEAR(sum / 12000, 0, 0.03);
  EXPECT_NEAR(squares / 12000, 1, 0.04);
  EXPECT_EQ(prior.Draw(1, 7, 1), prior.Draw(1, 7, 1));
  EXPECT_NE(prior.Draw(1, 7, 1), prior.Draw(1, 8, 1));
  EXPECT_NE(prior.Draw(1, 7, 1), prior.Draw(2, 7, 1));
  EXPECT_EQ(prior.Draw(1, 7, 0), std::vector<float>(3, 0.0f));
}

TEST(CodePrior, TheMixtureHasItsSharesMeansAndCovariances) {
  const auto prior = Load(Writer(), "");
  ASSERT_TRUE(prior.ok()) << prior.status().message();
  EXPECT_TRUE(prior->is_mixture());
  int left = 0;
  double x = 0, y = 0, xx = 0, xy = 0, yy = 0;
  constexpr int kDraws = 8000;
  for (std::uint64_t i = 0; i < kDraws; ++i) {
    const std::vector<float> code = prior->Draw(3, i, 0.5);
    if (code[0] < -1) {
      ++left;
      continue;
    }
    const double a = code[0] - 5, b = code[1] - 1;
    x += a, y += b, xx += a * a, xy += a * b, yy += b * b;
  }
  const double right = kDraws - left;
  EXPECT_NEAR(left / static_cast<double>(kDraws), 0.25, 0.02);
  EXPECT_NEAR(x / right, 0, 0.05);
  EXPECT_NEAR(y / right, 0, 0.05);
  // factor factor^T = [4 4; 4 4.01], times 0.5^2.
  EXPECT_NEAR(xx / right, 1, 0.07);
  EXPECT_NEAR(xy / right, 1, 0.07);
  EXPECT_NEAR(yy / right, 1.0025, 0.07);
  // At temperature 0: the means.
  for (std::uint64_t i = 0; i < 20; ++i) {
    const std::vector<float> code = prior->Draw(3, i, 0);
    EXPECT_TRUE(code == (std::vector<float>{-5, 0}) || code == (std::vector<float>{5, 1}));
  }
}

TEST(CodePrior, NamesChoose) {
  EXPECT_FALSE(Load(Writer(), "normal")->is_mixture());
  EXPECT_TRUE(Load(Writer(), "mixture")->is_mixture());
  EXPECT_FALSE(Load({}, "")->is_mixture());
  const auto none = Load({}, "mixture");
  EXPECT_EQ(none.status().code(), StatusCode::kInvalidArgument);
  EXPECT_NE(none.status().message().find("no mixture"), std::string::npos);
  const auto other = Load(Writer(), "prompts");
  EXPECT_EQ(other.status().code(), StatusCode::kInvalidArgument);
  EXPECT_NE(other.status().message().find("'normal', 'mixture'"), std::string::npos);
}

TEST(CodePrior, BadTensorsAreNamed) {
  const auto message = [](const training::SafetensorsWriter& w) {
    const auto prior = Load(w, "");
    EXPECT_EQ(prior.status().code(), StatusCode::kModelCorrupt);
    return prior.status().message();
  };
  auto w = Writer();
  ASSERT_TRUE(w.Add<float>("mixture.weights", {2}, std::vector<float>{0.5f, 0.75f}).ok());
  EXPECT_NE(message(w).find("mixture.weights"), std::string::npos);
  ASSERT_TRUE(w.Add<float>("mixture.weights", {2}, std::vector<float>{-0.5f, 1.5f}).ok());
  EXPECT_NE(message(w).find("mixture.weights"), std::string::npos);
  w = Writer();
  ASSERT_TRUE(w.Add<float>("mixture.means", {2, 2},
                           std::vector<float>{0, 0, std::numeric_limits<float>::quiet_NaN(), 0})
                  .ok());
  EXPECT_NE(message(w).find("mixture.means"), std::string::npos);
  w = Writer();
  w.Remove("mixture.factors");
  EXPECT_NE(message(w).find("mixture.factors"), std::string::npos);
  EXPECT_EQ(Load(Writer(), "", 3).status().code(), StatusCode::kModelCorrupt);
}

}  // namespace
}  // namespace halfmoon::runtime
