// Drawing from logits: the distribution is the one asked for.
#include "models/runtime/generative/draw_index.h"

#include <gtest/gtest.h>

#include <cmath>
#include <set>
#include <vector>

namespace halfmoon::runtime {
namespace {

const std::vector<float> kLogits = {0.5f, 2.0f, -1.0f, 1.0f, 2.0f, -3.0f};

std::vector<int> Count(const DrawOptions& options, int draws) {
  std::vector<int> count(kLogits.size());
  Philox random(3);
  for (int i = 0; i < draws; ++i) ++count[DrawIndex(kLogits, options, &random)];
  return count;
}

double ChiSquare(const std::vector<int>& count, double temperature,
                 const std::set<std::size_t>& kept) {
  double sum = 0, chi = 0;
  int draws = 0;
  for (const std::size_t i : kept) sum += std::exp(kLogits[i] / temperature), draws += count[i];
  for (const std::size_t i : kept) {
    const double expected = draws * std::exp(kLogits[i] / temperature) / sum;
    chi += (count[i] - expected) * (count[i] - expected) / expected;
  }
  return chi;
}

TEST(DrawIndexTest, FollowsTheDistribution) {
  // 5 degrees of freedom: 20.5 is exceeded once in a thousand.
  EXPECT_LT(ChiSquare(Count({}, 20000), 1, {0, 1, 2, 3, 4, 5}), 20.5);
  DrawOptions cool;
  cool.temperature = 0.6;
  const auto count = Count(cool, 20000);
  EXPECT_LT(ChiSquare(count, 0.6, {0, 1, 2, 3, 4, 5}), 20.5);
  EXPECT_GT(ChiSquare(count, 1, {0, 1, 2, 3, 4, 5}), 100);
}

TEST(DrawIndexTest, TopKKeepsTheLikeliest) {
  DrawOptions o;
  o.top_k = 3;
  const auto count = Count(o, 9000);
  EXPECT_EQ(count[0] + count[2] + count[5], 0);
  EXPECT_LT(ChiSquare(count, 1, {1, 3, 4}), 13.8);  // 2 degrees of freedom
  o.top_k = 1;
  EXPECT_EQ(Count(o, 50)[1], 50);  // the first of two equal ones
  o.top_k = 100;
  EXPECT_EQ(Count(o, 500), Count({}, 500));
}

TEST(DrawIndexTest, TopPKeepsTheSmallestSetThatReachesIt) {
  // Probabilities 0.378, 0.378, 0.139, 0.084, ...: two reach 0.75, three are needed for 0.76.
  DrawOptions o;
  o.top_p = 0.75;
  auto count = Count(o, 4000);
  EXPECT_EQ(count[1] + count[4], 4000);
  EXPECT_GT(count[4], 1800);
  o.top_p = 0.76;
  count = Count(o, 4000);
  EXPECT_GT(count[3], 0);
  EXPECT_EQ(count[0] + count[2] + count[5], 0);
}

TEST(DrawIndexTest, TemperatureZeroIsTheLikeliestAndTakesANumberAllTheSame) {
  DrawOptions o;
  o.temperature = 0;
  Philox a(9), b(9);
  EXPECT_EQ(DrawIndex(kLogits, o, &a), 1u);
  DrawIndex(kLogits, {}, &b);
  EXPECT_EQ(a.Next(), b.Next());
}

TEST(DrawIndexTest, WrongOptionsNameTheirRange) {
  for (const DrawOptions& o :
       {DrawOptions{-0.1, 0, 1}, DrawOptions{4.1, 0, 1}, DrawOptions{1, -1, 1},
        DrawOptions{1, 0, 0}, DrawOptions{1, 0, 1.01}, DrawOptions{NAN, 0, 1}}) {
    EXPECT_NE(o.Validate().message().find("legal are"), std::string::npos);
  }
  EXPECT_TRUE(DrawOptions{}.Validate().ok());
}

}  // namespace
}  // namespace halfmoon::runtime
