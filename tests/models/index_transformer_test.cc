// The prior over indices: causal, the same with and without its cache, and able to learn.
#include "models/networks/index_transformer.h"

#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

namespace halfmoon::networks {
namespace {

IndexTransformerConfig SmallTransformer() {
  IndexTransformerConfig c;
  c.codes = 7;
  c.indices = 9;
  c.words = 5;
  c.condition = 3;
  c.width = 24;
  c.heads = 3;
  c.layers = 2;
  return c;
}

class IndexTransformerTest : public ::testing::Test {
 protected:
  void SetUp() override {
    torch::manual_seed(5);
    model_ = IndexTransformer(SmallTransformer());
    // Initial weights are small; larger ones show more.
    torch::NoGradGuard no_grad;
    for (torch::Tensor& p : model_->parameters()) p.add_(torch::randn_like(p) * 0.2);
    model_->eval();
    condition_ = torch::randint(0, 5, {4, 3}, torch::kLong);
    indices_ = torch::randint(0, 7, {4, 9}, torch::kLong);
  }

  IndexTransformer model_{nullptr};
  torch::Tensor condition_, indices_;
};

TEST_F(IndexTransformerTest, AnIndexIsPredictedFromThoseBeforeIt) {
  torch::NoGradGuard no_grad;
  const torch::Tensor before = model_->forward(condition_, indices_);
  ASSERT_EQ(before.sizes().vec(), (std::vector<std::int64_t>{4, 9, 7}));
  for (std::int64_t n = 0; n < 9; ++n) {
    torch::Tensor changed = indices_.clone();
    changed.select(1, n).add_(1).remainder_(7);
    const torch::Tensor moved = (model_->forward(condition_, changed) - before).abs().amax({0, 2});
    for (std::int64_t i = 0; i < 9; ++i) {
      if (i <= n) {
        EXPECT_LT(moved[i].item<float>(), 1e-5f) << "index " << n << " is seen at " << i;
      } else {
        EXPECT_GT(moved[i].item<float>(), 1e-4f) << "index " << n << " is not seen at " << i;
      }
    }
  }
}

TEST_F(IndexTransformerTest, EveryWordOfTheConditionCounts) {
  torch::NoGradGuard no_grad;
  const torch::Tensor before = model_->forward(condition_, indices_);
  for (std::int64_t l = 0; l < 3; ++l) {
    torch::Tensor changed = condition_.clone();
    changed.select(1, l).add_(1).remainder_(5);
    EXPECT_GT((model_->forward(changed, indices_) - before).abs().amax({0, 2}).min().item<float>(),
              1e-4f);
  }
}

TEST_F(IndexTransformerTest, OneByOneWithACacheIsTheSame) {
  torch::NoGradGuard no_grad;
  const torch::Tensor whole = model_->forward(condition_, indices_);
  KeyValueCache cache;
  torch::Tensor logits = model_->Begin(condition_, &cache);
  for (std::int64_t n = 0; n < 9; ++n) {
    EXPECT_LT((logits - whole.select(1, n)).abs().max().item<float>(), 1e-4f) << n;
    if (n < 8) logits = model_->Next(indices_.select(1, n), &cache);
  }
  EXPECT_EQ(cache.positions, 3 + 8);
}

// Pictures whose indices are all the number of their word: the condition is what tells them apart.
TEST_F(IndexTransformerTest, LearnsFromItsCondition) {
  model_ = IndexTransformer(SmallTransformer());
  model_->train();
  torch::optim::Adam adam(model_->parameters(), 3e-3);
  const torch::Tensor words = torch::arange(5).view({5, 1}).expand({5, 3}).contiguous();
  const torch::Tensor targets = torch::arange(5).view({5, 1}).expand({5, 9}).contiguous();
  auto bits = [&] {
    return torch::nn::functional::cross_entropy(model_->forward(words, targets).flatten(0, 1),
                                                targets.flatten()) /
           std::log(2.0);
  };
  for (int step = 0; step < 60; ++step) {
    adam.zero_grad();
    bits().backward();
    adam.step();
  }
  model_->eval();
  torch::NoGradGuard no_grad;
  EXPECT_LT(bits().item<double>(), 0.3);  // of log2(7) = 2.8
}

TEST(IndexTransformerConfigTest, FieldsAndTheirRanges) {
  const auto c = FromMetadata<IndexTransformerConfig>(ToMetadata(SmallTransformer()));
  ASSERT_TRUE(c.ok()) << c.status().message();
  EXPECT_EQ(ToMetadata(*c), ToMetadata(SmallTransformer()));
  for (const auto& [name, value] : std::map<std::string, nlohmann::json>{{"codes", 1},
                                                                         {"width", 25},
                                                                         {"heads", 0},
                                                                         {"dropout", 1},
                                                                         {"layers", "x"},
                                                                         {"colour", 3}}) {
    nlohmann::json fields = ToJson(SmallTransformer());
    fields[name] = value;
    const auto bad = FromJson<IndexTransformerConfig>(fields);
    ASSERT_FALSE(bad.ok()) << name;
    EXPECT_NE(bad.status().message().find(name), std::string::npos) << bad.status().message();
  }
}

}  // namespace
}  // namespace halfmoon::networks
