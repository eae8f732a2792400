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

  static QuantiserConfig Config(bool cosine = false, bool ema = false) {
    return {.channels = 6, .codebook = {.codes = 16, .dim = 4, .cosine = cosine, .ema = ema}};
  }
  static bool Moves(const torch::Tensor& loss, const torch::Tensor& parameter) {
    const auto g = torch::autograd::grad({loss}, {parameter}, {}, true, false, true);
    return g[0].defined() && g[0].abs().max().item<double>() > 0;
  }
  static torch::Tensor Codes(VectorQuantiser& q) {
    return q->codebook->named_parameters()["codes"];
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
    EXPECT_TRUE(torch::equal(book->Codes(index), codes.index_select(0, index)));
  }
}

TEST_F(VectorQuantiserTest, EachLossMovesItsOwnPart) {
  for (const bool cosine : {false, true}) {
    VectorQuantiser q(Config(cosine));
    const torch::Tensor z = torch::randn({2, 6, 3, 5}).requires_grad_();
    const auto out = q->forward(z);
    EXPECT_TRUE(Moves(out.dictionary_loss.sum(), Codes(q)));
    EXPECT_FALSE(Moves(out.commitment_loss.sum(), Codes(q)));
    EXPECT_FALSE(Moves(out.z_q.sum(), Codes(q)));
    EXPECT_FALSE(Moves(out.dictionary_loss.sum(), z));
    EXPECT_TRUE(Moves(out.commitment_loss.sum(), z));
    EXPECT_TRUE(Moves(out.z_q.sum(), z));
  }
}

// The quantiser must not change the decoder's gradient on its way to the encoder: it is that of the
// two projections alone.
TEST_F(VectorQuantiserTest, ReconstructionGradientPassesUnchanged) {
  VectorQuantiser q(Config());
  const torch::Tensor z = torch::randn({2, 6, 3, 5}).requires_grad_();
  const torch::Tensor direction = torch::randn({2, 6, 3, 5});
  const auto p = q->named_parameters();
  const torch::Tensor plain = Pointwise(Pointwise(z, p["project.weight"], p["project.bias"]),
                                        p["unproject.weight"], p["unproject.bias"]);
  const auto expected = torch::autograd::grad({(plain * direction).sum()}, {z});
  const auto got = torch::autograd::grad({(q->forward(z).z_q * direction).sum()}, {z});
  EXPECT_TRUE(torch::allclose(expected[0], got[0], 1e-5, 1e-6));
}

TEST_F(VectorQuantiserTest, DecodeGivesWhatForwardGave) {
  for (const bool cosine : {false, true}) {
    VectorQuantiser q(Config(cosine));
    torch::NoGradGuard no_grad;
    const auto all = q->forward(torch::randn({3, 6, 4, 2}));
    EXPECT_EQ(all.indices.sizes(), (std::vector<std::int64_t>{3, 4, 2}));
    EXPECT_TRUE(torch::allclose(q->Decode(all.indices), all.z_q, 1e-5, 1e-6));
  }
}

// With look-up by angle, codes have length 1 whatever moved them; assignment and update lower one
// objective, the squared distance of rows and codes of length 1.
TEST_F(VectorQuantiserTest, CosineCodesStayOnTheSphereAndEachUpdateLowersTheError) {
  Codebook book(CodebookConfig{.codes = 16, .dim = 4, .cosine = true, .ema = true});
  const torch::Tensor all = torch::arange(16, torch::kLong);
  auto lengths_are_one = [&] {
    return torch::allclose(book->Codes(all).norm(2, 1), torch::ones({16}), 1e-5, 1e-5);
  };
  EXPECT_TRUE(lengths_are_one());
  // Directions in clusters, of very different lengths: those must not count.
  const torch::Tensor rows = (torch::randn({8, 4}).repeat({80, 1}) + torch::randn({640, 4}) * 0.3) *
                             torch::rand({640, 1}) * 20;
  auto error = [&] {
    const torch::Tensor codes = book->Codes(book->Nearest(rows));
    return (UnitRows(rows) - codes).square().sum().item<double>();
  };
  double last = error();
  for (int i = 0; i < 10; ++i) {
    book->UpdateAverages(book->CountMembers(rows, book->Nearest(rows)), /*decay=*/0);
    EXPECT_TRUE(lengths_are_one());
    const double now = error();
    EXPECT_LE(now, last * (1 + 1e-6)) << "update " << i;
    last = now;
  }
  book->InitialiseByKMeans(rows, 5, Seeded(1));
  EXPECT_TRUE(lengths_are_one());
  book->RestartDeadCodes(torch::zeros({16}), rows, 0, Seeded(2));
  EXPECT_TRUE(lengths_are_one());
  book->SetCodes(torch::randn({16, 4}) * 3);  // as in weights files from before
  EXPECT_FALSE(lengths_are_one());
  book->KeepLength();
  EXPECT_TRUE(lengths_are_one());
  EXPECT_THROW(book->Nearest(rows, torch::zeros({16})), c10::Error);
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

}  // namespace
}  // namespace halfmoon::networks
