#include "models/networks/vector_quantiser.h"

#include <gtest/gtest.h>

#include "models/networks/ops.h"

namespace halfmoon::networks {
namespace {

at::Generator Seeded(std::uint64_t seed) {
  at::Generator g = at::detail::createCPUGenerator();
  g.set_current_seed(seed);
  return g;
}

class VectorQuantiserTest : public ::testing::Test {
 protected:
  void SetUp() override { torch::manual_seed(3); }

  static QuantiserConfig Config(std::int64_t stages, bool cosine = false, bool ema = false) {
    return {.channels = 6, .dim = 4, .codes = 16, .stages = stages, .cosine = cosine, .ema = ema};
  }
  static bool Moves(const torch::Tensor& loss, const torch::Tensor& parameter) {
    const auto g = torch::autograd::grad({loss}, {parameter}, {}, true, false, true);
    return g[0].defined() && g[0].abs().max().item<double>() > 0;
  }
  static torch::Tensor Codes(VectorQuantiser& q, std::size_t stage) {
    return q->stages[stage]->named_parameters()["codes"];
  }
};

TEST_F(VectorQuantiserTest, TakesTheNearestCode) {
  for (const bool cosine : {false, true}) {
    Codebook book(CodebookConfig{.codes = 16, .dim = 4, .cosine = cosine});
    const torch::Tensor rows = torch::randn({50, 4}), codes = book->named_parameters()["codes"];
    const torch::Tensor index = book->Nearest(rows);
    for (std::int64_t i = 0; i < 50; ++i) {
      torch::Tensor distance = (codes - rows[i]).square().sum(1);
      if (cosine) distance = -torch::cosine_similarity(codes, rows[i].unsqueeze(0), 1);
      EXPECT_EQ(index[i].item<std::int64_t>(), distance.argmin().item<std::int64_t>()) << cosine;
    }
    EXPECT_TRUE(torch::equal(book->Codes(index), codes.index_select(0, index)))
        << "codes keep their length";
  }
}

TEST_F(VectorQuantiserTest, EachLossMovesItsOwnPart) {
  for (const std::int64_t stages : {1, 3}) {
    VectorQuantiser q(Config(stages));
    const torch::Tensor z = torch::randn({2, 6, 3, 5}).requires_grad_();
    const auto out = q->forward(z);
    for (std::size_t s = 0; s < static_cast<std::size_t>(stages); ++s) {
      EXPECT_TRUE(Moves(out.dictionary_loss.sum(), Codes(q, s)));
      EXPECT_FALSE(Moves(out.commitment_loss.sum(), Codes(q, s)));
      EXPECT_FALSE(Moves(out.z_q.sum(), Codes(q, s)));
    }
    EXPECT_FALSE(Moves(out.dictionary_loss.sum(), z));
    EXPECT_TRUE(Moves(out.commitment_loss.sum(), z));
    EXPECT_TRUE(Moves(out.z_q.sum(), z));
  }
}

// The quantiser must not change the decoder's gradient on its way to the encoder: it is that of the
// two projections alone.
TEST_F(VectorQuantiserTest, ReconstructionGradientPassesUnchanged) {
  for (const std::int64_t stages : {1, 4}) {
    VectorQuantiser q(Config(stages));
    const torch::Tensor z = torch::randn({2, 6, 3, 5}).requires_grad_();
    const torch::Tensor direction = torch::randn({2, 6, 3, 5});
    const auto p = q->named_parameters();
    const torch::Tensor plain = Pointwise(Pointwise(z, p["project.weight"], p["project.bias"]),
                                          p["unproject.weight"], p["unproject.bias"]);
    const auto expected = torch::autograd::grad({(plain * direction).sum()}, {z});
    const auto got = torch::autograd::grad({(q->forward(z).z_q * direction).sum()}, {z});
    EXPECT_TRUE(torch::allclose(expected[0], got[0], 1e-5, 1e-6));
  }
}

TEST_F(VectorQuantiserTest, DecodeGivesWhatForwardGave) {
  VectorQuantiser q(Config(3));
  torch::NoGradGuard no_grad;
  const torch::Tensor z = torch::randn({3, 6, 4, 2});
  const auto all = q->forward(z);
  EXPECT_TRUE(torch::allclose(q->Decode(all.indices), all.z_q, 1e-5, 1e-6));
  const auto some = q->forward(z, torch::tensor({1, 2, 3}, torch::kLong));
  EXPECT_TRUE(torch::equal(some.indices, all.indices))
      << "indices do not depend on the stages used";
  for (std::int64_t i = 0; i < 3; ++i) {
    const torch::Tensor first = all.indices.slice(0, i, i + 1).slice(1, 0, i + 1);
    EXPECT_TRUE(torch::allclose(q->Decode(first), some.z_q.slice(0, i, i + 1), 1e-5, 1e-6)) << i;
  }
}

TEST_F(VectorQuantiserTest, LaterStagesReduceTheError) {
  VectorQuantiser q(Config(4));
  torch::NoGradGuard no_grad;
  const torch::Tensor z = torch::randn({4, 6, 16, 16});
  for (std::size_t s = 0; s < 4; ++s) {
    q->stages[s]->InitialiseByKMeans(q->forward(z).rows[s], 8, Seeded(s));
  }
  const auto rows = q->forward(z).rows;
  for (std::size_t s = 1; s < 4; ++s) {
    EXPECT_LT(rows[s].square().mean().item<double>(),
              0.9 * rows[s - 1].square().mean().item<double>())
        << s;
  }
}

TEST_F(VectorQuantiserTest, KMeansFindsClusters) {
  const torch::Tensor centres = torch::randn({16, 4}) * 10;
  const torch::Tensor rows = centres.repeat({40, 1}) + torch::randn({640, 4}) * 0.01;
  Codebook book(CodebookConfig{.codes = 16, .dim = 4});
  book->InitialiseByKMeans(rows, 20, Seeded(1));
  torch::NoGradGuard no_grad;
  const torch::Tensor error = (book->Codes(book->Nearest(rows)) - rows).square().sum(1);
  // Random starts may put two codes into one cluster; most rows lie at their centre all the same.
  EXPECT_GT((error < 0.1).to(torch::kFloat32).mean().item<double>(), 0.7);
}

TEST_F(VectorQuantiserTest, MovingAveragesFollowTheMembers) {
  Codebook book(CodebookConfig{.codes = 2, .dim = 2, .ema = true});
  EXPECT_TRUE(book->parameters().empty()) << "gradients must not reach an averaged codebook";
  const torch::Tensor rows = torch::tensor({{5.f, 0.f}, {7.f, 0.f}, {0.f, -3.f}});
  const torch::Tensor index = torch::tensor({0, 0, 1}, torch::kLong);
  for (int i = 0; i < 200; ++i) book->UpdateAverages(book->CountMembers(rows, index), 0.9);
  const torch::Tensor codes = book->Codes(torch::tensor({0, 1}, torch::kLong));
  EXPECT_TRUE(torch::allclose(codes, torch::tensor({{6.f, 0.f}, {0.f, -3.f}}), 1e-3, 1e-3))
      << codes;
}

TEST_F(VectorQuantiserTest, DeadCodesRestart) {
  for (const bool ema : {false, true}) {
    Codebook book(CodebookConfig{.codes = 8, .dim = 2, .ema = ema});
    const torch::Tensor rows = torch::randn({30, 2}) + 100;
    const torch::Tensor count = torch::tensor({0.f, 5.f, 0.f, 1.f, 9.f, 9.f, 9.f, 9.f});
    const torch::Tensor before = book->Codes(torch::arange(8)).detach().clone();
    EXPECT_EQ(book->RestartDeadCodes(count, rows, 0, Seeded(2)), 2);
    const torch::Tensor after = book->Codes(torch::arange(8)).detach();
    for (std::int64_t k = 0; k < 8; ++k) {
      const bool dead = k == 0 || k == 2;
      EXPECT_EQ(torch::equal(after[k], before[k]), !dead) << k;
      if (dead) {
        EXPECT_TRUE((rows == after[k]).all(1).any().item<bool>()) << "code " << k << " is no row";
      }
    }
  }
}

TEST_F(VectorQuantiserTest, UsageAndPerplexity) {
  const torch::Tensor even = torch::full({8}, 3.0), one = torch::tensor({7.f, 0.f, 0.f, 0.f});
  EXPECT_DOUBLE_EQ(CodebookUsage(even), 1);
  EXPECT_NEAR(CodebookPerplexity(even), 8, 1e-9);
  EXPECT_DOUBLE_EQ(CodebookUsage(one), 0.25);
  EXPECT_NEAR(CodebookPerplexity(one), 1, 1e-9);
}

TEST_F(VectorQuantiserTest, NamesBadFields) {
  QuantiserConfig c = Config(1);
  EXPECT_TRUE(c.Validate().ok());
  c.stages = 33;
  EXPECT_NE(c.Validate().message().find("'stages' must be 1 to 32"), std::string::npos);
}

}  // namespace
}  // namespace halfmoon::networks
