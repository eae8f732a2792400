#include <gtest/gtest.h>
#include <torch/torch.h>

#include <cmath>

#include "bitstream/cdf_tables.h"
#include "bitstream/trellis.h"
#include "models/config/ae_config.h"
#include "models/networks/autoencoder.h"
#include "models/networks/dependent_rounding.h"
#include "models/networks/ops.h"
#include "models/networks/symbol_slots.h"
#include "models/training/export/frequency_tables.h"
#include "tests/models/tiny_model.h"

namespace halfmoon::networks {
namespace {

using halfmoon::testing::TinyConfig;

TEST(AeConfigTest, MetadataRoundTrip) {
  AeConfig c = TinyConfig();
  c.lambda_min = 0.00123;
  const auto back = FromMetadata<AeConfig>(ToMetadata(c));
  ASSERT_TRUE(back.ok()) << back.status().message();
  EXPECT_EQ(ToMetadata(*back), ToMetadata(c));
}

TEST(AeConfigTest, RefusesBadMetadata) {
  auto m = ToMetadata(TinyConfig());
  m["latent_channels"] = "33";
  EXPECT_EQ(FromMetadata<AeConfig>(m).status().code(), StatusCode::kModelCorrupt);
  m = ToMetadata(TinyConfig());
  m.erase("levels");
  EXPECT_NE(FromMetadata<AeConfig>(m).status().message().find("'levels'"), std::string::npos);
  m = ToMetadata(TinyConfig());
  m["block_channels"] = "1e9";
  EXPECT_FALSE(FromMetadata<AeConfig>(m).ok());
  m = ToMetadata(TinyConfig());
  m.erase("lapped");  // older files lack these
  m.erase("ms_ssim_share");
  m.erase("refine_blocks");
  m.erase("refine_channels");
  m.erase("weight_bits");
  ASSERT_TRUE(FromMetadata<AeConfig>(m).ok());
  EXPECT_EQ(FromMetadata<AeConfig>(m)->lapped, false);
  EXPECT_EQ(FromMetadata<AeConfig>(m)->refine_blocks, 0);
  EXPECT_EQ(FromMetadata<AeConfig>(m)->ms_ssim_share, 0);
  EXPECT_EQ(FromMetadata<AeConfig>(m)->weight_bits, 16);
  m["weight_bits"] = "9";
  EXPECT_NE(FromMetadata<AeConfig>(m).status().message().find("'weight_bits'"), std::string::npos);
  m["weight_bits"] = "8";
  EXPECT_TRUE(FromMetadata<AeConfig>(m).ok());
  m["ms_ssim_share"] = "1.5";
  EXPECT_NE(FromMetadata<AeConfig>(m).status().message().find("'ms_ssim_share'"),
            std::string::npos);
}

TEST(OpsTest, RoundingIsStraightThrough) {
  torch::Tensor x = torch::tensor({0.4, 1.6, -2.5}).requires_grad_();
  const torch::Tensor y = SteRound(x);
  EXPECT_TRUE(torch::equal(y.detach(), torch::tensor({0.0, 2.0, -2.0})));
  y.sum().backward();
  EXPECT_TRUE(torch::equal(x.grad(), torch::ones(3)));
}

TEST(OpsTest, WindowsAreAdjointAndHoldTheBlock) {
  torch::manual_seed(4);
  const torch::Tensor x = torch::randn({2, 3, 32, 48}), v = torch::randn({2, 3072, 2, 3});
  const torch::Tensor windows = PictureToWindows(x);
  ASSERT_EQ(windows.sizes(), v.sizes());
  EXPECT_NEAR((windows * v).sum().item<double>(), (x * WindowsToPicture(v)).sum().item<double>(),
              1e-2);
  // Colour 1 of the pixel at (row 20, column 11): in the window of block (1, 0), which begins at
  // (8, -8), row 12 and column 19: top right quarter, there column 3.
  EXPECT_EQ(windows[0][1 * 768 + 1 * 256 + 12 * 16 + 3][1][0].item<float>(),
            x[0][1][20][11].item<float>());
  // Filters of blocks, seen as filters of windows, give what they gave.
  const torch::Tensor filters = torch::randn({5, 768});
  const torch::Tensor by_block =
      Pointwise(PictureToBlocks(x, 16), filters.view({5, 768, 1, 1}), {});
  const torch::Tensor by_window =
      Pointwise(windows, BlockToWindowFilters(filters).view({5, 3072, 1, 1}), {});
  EXPECT_TRUE(torch::allclose(by_block, by_window, 1e-4, 1e-4));
}

TEST(TransformsTest, LappedPathsStartAsTheBlocksTheyWere) {
  AeConfig config = TinyConfig();
  torch::manual_seed(5);
  Autoencoder plain(config);
  config.lapped = 1;
  torch::manual_seed(5);
  Autoencoder lapped(config);
  torch::NoGradGuard no_grad;
  const auto theirs = plain->named_parameters();
  for (auto& p : lapped->named_parameters()) {
    if (p.key().find("linear") == std::string::npos) p.value().copy_(theirs[p.key()]);
  }
  const torch::Tensor basis = torch::randn({config.latent_channels, 768}) * 0.04;
  plain->InitialiseLinear(basis);
  lapped->InitialiseLinear(basis);
  plain->eval(), lapped->eval();
  const torch::Tensor x = torch::rand({1, 3, 128, 64}), level = torch::full({1}, 20.0);
  const torch::Tensor y = plain->g_a(x, level);
  EXPECT_TRUE(torch::allclose(lapped->g_a(x, level), y, 1e-4, 1e-5));
  EXPECT_TRUE(torch::allclose(lapped->g_s(y, level), plain->g_s(y, level), 1e-4, 1e-5));
  EXPECT_GT(config.SynthesisKmac(), TinyConfig().SynthesisKmac());
}

TEST(OpsTest, BoundLetsValuesComeBack) {
  // Gradient descent on f = +-x: below the bound only a step upwards passes.
  torch::Tensor x = torch::tensor({-1.0, -1.0, 2.0}).requires_grad_();
  (LowerBound(x, 0) * torch::tensor({1.0, -1.0, 1.0})).sum().backward();
  EXPECT_TRUE(torch::equal(x.grad(), torch::tensor({0.0, -1.0, 1.0})));
  torch::Tensor z = torch::tensor({9.0, 9.0}).requires_grad_();
  (SoftClamp(z, 0, 5) * torch::tensor({1.0, -1.0})).sum().backward();
  EXPECT_TRUE(torch::equal(z.grad(), torch::tensor({1.0, 0.0})));
}

TEST(LevelVectorTest, InterpolatesGeometrically) {
  LevelVector v(8, 3, true);
  v->Initialise([](double level) { return 0.1 * level; });
  const torch::Tensor out = v->forward(torch::tensor({0.0f, 10.5f, 63.0f}));
  EXPECT_EQ(out.sizes(), torch::IntArrayRef({3, 3, 1, 1}));
  EXPECT_NEAR(out[1][0].item<double>(), std::exp(1.05), 1e-4);
  EXPECT_NEAR(out[2][2].item<double>(), std::exp(6.3), 1e-2);
}

TEST(LevelVectorTest, ComesBackFromItsLevels) {
  torch::manual_seed(3);
  LevelVector v(8, 5, false);
  {
    torch::NoGradGuard no_grad;
    v->parameters()[0].normal_();
  }
  const torch::Tensor all = v->forward(torch::arange(64, torch::kFloat32)).flatten(1);
  LevelVector w(8, 5, false);
  w->SetFromLevels(all);
  EXPECT_TRUE(torch::allclose(v->parameters()[0], w->parameters()[0], 1e-4, 1e-4));
}

TEST(LevelVectorTest, MovesAlongTheLevels) {
  LevelVector v(8, 3, true);
  v->Initialise([](double level) { return 0.1 * level; });
  v->Resample([](double level) { return 1.2 * level - 8; });  // from below 0 to beyond 63
  for (const float level : {0.0f, 9.0f, 40.5f, 63.0f}) {
    EXPECT_NEAR(v->forward(torch::tensor({level}))[0][1].item<double>(),
                std::exp(0.1 * (1.2 * level - 8)), 1e-3 * std::exp(0.12 * level))
        << level;
  }
}

TEST(AutoencoderTest, TakesLevelsOfAnotherRangeOfLambda) {
  torch::manual_seed(7);
  torch::NoGradGuard no_grad;
  AeConfig narrow = TinyConfig(), wide = TinyConfig();
  wide.lambda_min = narrow.lambda_min / 2;
  wide.lambda_max = narrow.lambda_max * 2;
  Autoencoder a(narrow), b(wide);
  auto theirs = a->named_parameters();
  for (auto& p : b->named_parameters()) p.value().copy_(theirs[p.key()]);
  b->TakeLevelsOf(narrow);
  // What they start from is linear in the logarithm of lambda, so nothing is lost between anchors.
  a->eval(), b->eval();
  const torch::Tensor x = torch::rand({1, 3, 64, 64});
  for (const double level : {0.0, 20.0, 63.0}) {
    const auto there = static_cast<float>(wide.Level(narrow.Lambda(level)));
    const torch::Tensor of_a = a->Latent(x, torch::full({1}, static_cast<float>(level)));
    const torch::Tensor of_b = b->Latent(x, torch::full({1}, there));
    EXPECT_TRUE(torch::allclose(of_a, of_b, 1e-3, 1e-4)) << level;
  }
  EXPECT_NEAR(wide.Level(wide.Lambda(17.25)), 17.25, 1e-9);
}

TEST(GaussianBitsTest, AgreesWithTheDefinition) {
  for (const double t : {0.0, 20.0, 41.5, 63.0}) {
    const double sigma = TableScale(t);
    for (const double r : {0.0, 1.0, -2.0, 3.7}) {
      const double p = 0.5 * (std::erfc((std::abs(r) - 0.5) / sigma / std::sqrt(2.0)) -
                              std::erfc((std::abs(r) + 0.5) / sigma / std::sqrt(2.0)));
      const double bits = GaussianBits(torch::tensor({r}), torch::tensor({t})).item<double>();
      EXPECT_NEAR(bits, -std::log2(std::max(p, 1e-9)), 0.01) << "t " << t << " r " << r;
    }
  }
}

TEST(ContextModelTest, EverySymbolIsCodedInExactlyOnePass) {
  const AeConfig c = TinyConfig();
  ContextModel context(c);
  context->eval();
  torch::NoGradGuard no_grad;
  // With all networks zero but pass k's mean bias, the mean map shows where pass k codes.
  for (auto& p : context->parameters()) p.zero_();
  for (int k = 0; k < kAePasses; ++k) {
    const auto i = static_cast<std::size_t>(k);
    context->passes[i]->c->bias.slice(0, c.latent_channels).fill_(static_cast<double>(k + 1));
  }
  const auto out = context->forward(torch::zeros({1, c.prior_features, 4, 6}),
                                    torch::zeros({1, c.latent_channels, 4, 6}));
  const torch::Tensor pass = (out.mean / ContextPassImpl::kMeanGain).round().to(torch::kLong);
  for (int k = 1; k <= kAePasses; ++k) {
    // A quarter of the channels at every position, a quarter of the positions of every channel.
    EXPECT_TRUE((pass == k).sum(1).eq(c.latent_channels / 4).all().item<bool>());
    EXPECT_TRUE((pass == k).sum({2, 3}).eq(6).all().item<bool>());
  }
}

// As an encoder's path: cheaper than rounding where scales are large, rounding where they are
// small; and a gradient.
TEST(DependentRoundingTest, IsAnEncodersPathWithAGradient) {
  torch::manual_seed(3);
  const auto gaussian = training::MakeGaussianTables();
  auto cdf = CdfTables::Create(gaussian.sizes, gaussian.offsets, gaussian.frequencies);
  ASSERT_TRUE(cdf.ok());
  const LatentQuantiser quantise =
      DependentRounding(std::make_shared<const CdfTables>(std::move(*cdf)), training::kAeTables);
  for (const double table : {5.0, 40.0}) {
    const torch::Tensor t = torch::full({4, 64, 8}, table);
    torch::Tensor r = torch::randn({4, 64, 8}) * TableScale(table);
    r.requires_grad_(true);
    const QuantisedLatent q = quantise(r, t);
    const torch::Tensor weight = torch::randn_like(r);
    (q.value * weight).sum().backward();
    EXPECT_TRUE(torch::allclose(r.grad(), weight));
    EXPECT_FALSE(q.bits.requires_grad());

    const torch::Tensor rounded = r.detach().round(), value = q.value.detach();
    // What a path makes small: bits and weighted error.
    const double weight_of_error = static_cast<double>(kErrorWeight),
                 bits = q.bits.sum().item<double>(),
                 rounding_bits = GaussianBits(rounded, t).sum().item<double>(),
                 error = (value - r).square().sum().item<double>(),
                 rounding_error = (rounded - r).square().sum().item<double>();
    if (table < training::kAeTables.first) {
      // Residuals are quantised to 1/256 before, which moves a few over a half.
      EXPECT_LE((value - rounded).abs().gt(1e-6).sum().item<std::int64_t>(), 4);
      EXPECT_NEAR(bits, rounding_bits, 0.1 * rounding_bits);
    } else {
      EXPECT_LT(bits, 0.95 * rounding_bits);
      EXPECT_LT(bits + weight_of_error * error, rounding_bits + weight_of_error * rounding_error);
      const torch::Tensor half_steps = value * (16.0 / training::kAeTables.half_step);
      EXPECT_TRUE(torch::allclose(half_steps, half_steps.round(), 0, 1e-4));
      EXPECT_GT((value - rounded).abs().max().item<double>(), 0.1);
    }
  }
}

// A pass must not see what is coded in it or later: changing that may not change its parameters.
TEST(ContextModelTest, IsCausal) {
  torch::manual_seed(5);
  const AeConfig c = TinyConfig();
  ContextModel context(c);
  context->eval();
  torch::NoGradGuard no_grad;
  const torch::Tensor f = torch::rand({1, c.prior_features, 4, 4});
  const torch::Tensor y = torch::randn({1, c.latent_channels, 4, 4}) * 5;
  const auto a = context->forward(f, y);
  // Channel 0 (group 0) at position (0, 1), class 1: coded in the pass k with 1 ^ order[k] == 0.
  torch::Tensor changed = y.clone();
  changed[0][0][0][1] += 7;
  const auto b = context->forward(f, changed);
  int pass_of_change = -1;
  for (int k = 0; k < 4; ++k) {
    if ((1 ^ kAePassOrder[static_cast<std::size_t>(k)]) == 0) pass_of_change = k;
  }
  bool later_differs = false;
  for (int k = 0; k < 4; ++k) {
    for (int p = 0; p < 4; ++p) {
      const int g = p ^ kAePassOrder[static_cast<std::size_t>(k)];
      const std::int64_t n = c.latent_channels / 4;
      auto part = [&](const torch::Tensor& t) {
        return t[0].slice(0, g * n, (g + 1) * n).slice(1, p / 2, 4, 2).slice(2, p % 2, 4, 2);
      };
      const bool same =
          torch::equal(part(a.mean), part(b.mean)) && torch::equal(part(a.t), part(b.t));
      if (k <= pass_of_change) {
        EXPECT_TRUE(same) << "pass " << k << " class " << p;
      } else {
        later_differs = later_differs || !same;
      }
    }
  }
  EXPECT_TRUE(later_differs);
}

TEST(AutoencoderTest, ShapesAndRates) {
  torch::manual_seed(7);
  Autoencoder model(TinyConfig());
  model->eval();
  torch::NoGradGuard no_grad;
  const auto out =
      model->forward(torch::rand({2, 3, 64, 128}), torch::tensor({0.0f, 63.0f}), c10::nullopt);
  EXPECT_EQ(out.x_hat.sizes(), torch::IntArrayRef({2, 3, 64, 128}));
  EXPECT_EQ(out.y_bits.sizes(), torch::IntArrayRef({2}));
  EXPECT_TRUE((out.y_bits > 0).all().item<bool>());
  EXPECT_TRUE((out.z_bits > 0).all().item<bool>());
}

TEST(AutoencoderTest, QuantisedPathStaysNearTheFloatPath) {
  torch::manual_seed(8);
  Autoencoder model(TinyConfig());
  model->eval();
  torch::NoGradGuard no_grad;
  const torch::Tensor x = torch::rand({1, 3, 128, 128}), level = torch::full({1}, 40.0f);
  const double exact = model->forward(x, level, c10::nullopt).y_bits.item<double>();
  model->SetQuantised(true);
  const double rounded = model->forward(x, level, c10::nullopt).y_bits.item<double>();
  EXPECT_NE(exact, rounded);
  EXPECT_NEAR(rounded / exact, 1, 0.02);
}

TEST(AutoencoderTest, CodesTheCorrectedLatentIfToldTo) {
  torch::manual_seed(9);
  Autoencoder model(TinyConfig());
  model->eval();
  const torch::Tensor x = torch::rand({1, 3, 64, 64}), level = torch::full({1}, 20.0f);
  const auto plain = model->forward(x, level, c10::nullopt);
  model->CorrectLatents(true);
  const auto corrected = model->forward(x, level, c10::nullopt);
  const torch::Tensor y = model->Corrected(model->Latent(x, level), level);
  const auto expected = model->CodeLatent(y, model->h_a(y), level, SteRound);
  EXPECT_TRUE(torch::equal(corrected.x_hat, expected.x_hat));
  EXPECT_EQ(corrected.y_bits.item<double>(), expected.y_bits.item<double>());
  EXPECT_FALSE(torch::equal(corrected.x_hat, plain.x_hat));
  // Both reach the analysis with their gradients.
  corrected.x_hat.square().sum().backward();
  EXPECT_GT(model->g_a->named_parameters()["in.weight"].grad().abs().max().item<double>(), 0);
}

TEST(RefinementTest, ANewOneIsTheIdentity) {
  torch::manual_seed(4);
  AeConfig c = TinyConfig();
  c.refine_blocks = 2;
  Autoencoder model(c);
  model->eval();
  torch::NoGradGuard no_grad;
  const torch::Tensor x = torch::rand({1, 3, 128, 64}), level = torch::full({1}, 40.0f);
  const auto out = model->forward(x, level, c10::nullopt);
  EXPECT_TRUE(torch::equal(out.x_hat, out.coarse.x));
  EXPECT_EQ(out.coarse.features.sizes(), (std::vector<std::int64_t>{1, c.block_channels, 16, 8}));
}

// The halo that `models` prints is what synthesis really reads: exact outside, sensitive inside.
TEST(ComplexityTest, HaloIsTheReceptiveField) {
  torch::manual_seed(9);
  AeConfig c = TinyConfig();
  c.refine_blocks = 2;
  Synthesis g_s(c);
  g_s->eval();
  torch::NoGradGuard no_grad;
  for (auto& p : g_s->parameters()) {
    if (p.dim() == 4) p.normal_(0, 0.2);  // no weight is too small to see
  }
  const torch::Tensor level = torch::zeros({1});
  const torch::Tensor y = torch::randn({1, c.latent_channels, 11, 11});
  torch::Tensor changed = y.clone();
  changed.select(2, 5).select(2, 5) += 1000;
  const torch::Tensor difference =
      (g_s->forward(y, level) - g_s->forward(changed, level)).abs().amax({0, 1});
  const std::int64_t halo = c.SynthesisReach(), from = 5 * 16 - halo, to = 6 * 16 + halo;
  EXPECT_EQ(c.ReceptiveField(), to - from);
  ASSERT_GT(from, 0);
  torch::Tensor outside = difference.clone();
  outside.slice(0, from, to).slice(1, from, to).zero_();
  EXPECT_LT(outside.max().item<double>(), 1e-4);
  EXPECT_GT(difference[from][5 * 16].item<double>(), 1e-3);
  EXPECT_GT(difference[5 * 16][to - 1].item<double>(), 1e-3);
}

TEST(ComplexityTest, CountsTheMultiplications) {
  // Counted independently: weights of every convolution times positions per pixel.
  AeConfig c = TinyConfig();
  c.refine_blocks = 2;
  Synthesis g_s(c);
  double macs = 0;
  for (const auto& p : g_s->named_parameters()) {
    if (p.value().dim() != 4) continue;
    const bool at8 =
        p.key().starts_with("blocks") || p.key() == "out.weight" || p.key() == "refine.up.weight";
    const bool at4 = p.key().starts_with("refine.") && !at8;
    macs += static_cast<double>(p.value().numel()) / (at4 ? 16 : at8 ? 64 : 256);
  }
  EXPECT_NEAR(c.SynthesisKmac(), macs / 1000, 1e-9);
}

}  // namespace
}  // namespace halfmoon::networks
