// MS-SSIM as training sees it, and what a model is tuned for.
#include "models/networks/ms_ssim.h"

#include <gtest/gtest.h>
#include <torch/torch.h>

#include "codec/metrics/metrics.h"
#include "models/networks/autoencoder.h"
#include "models/networks/distortion.h"
#include "models/networks/latent_search.h"
#include "tests/models/tiny_model.h"

namespace halfmoon::networks {
namespace {

// [1, 3, height, width] in whole 255ths.
torch::Tensor Picture(std::uint32_t width, std::uint32_t height, int seed) {
  std::vector<std::uint8_t> rgb = testing::TestPicture(width, height, seed);
  return torch::from_blob(rgb.data(), {1, height, width, 3}, torch::kUInt8)
             .permute({0, 3, 1, 2})
             .to(torch::kFloat32) /
         255;
}

torch::Tensor Noisy(const torch::Tensor& x, double sigma) {
  torch::manual_seed(3);
  return ((x + torch::randn_like(x) * sigma).clamp(0, 1) * 255).round() / 255;
}

double ByEval(const torch::Tensor& a, const torch::Tensor& b) {
  auto image = [](const torch::Tensor& x) {
    const torch::Tensor bytes =
        (x[0] * 255).round().permute({1, 2, 0}).to(torch::kUInt8).contiguous();
    Image out = *Image::Create(static_cast<std::uint32_t>(x.size(3)),
                               static_cast<std::uint32_t>(x.size(2)), 3);
    std::copy_n(bytes.data_ptr<std::uint8_t>(), bytes.numel(), out.samples().begin());
    return out;
  };
  const Image x = image(a), y = image(b);
  return metrics::MsSsim(x.view(), y.view()).value();
}

TEST(MsSsimTest, IsThatOfEvalFromFiveScalesOn) {
  for (const double sigma : {0.01, 0.05, 0.3}) {
    const torch::Tensor x = Picture(208, 176, 1), y = Noisy(x, sigma);
    const double expected = ByEval(x, y);
    EXPECT_LT(expected, 0.9999);
    EXPECT_NEAR(MsSsim(x, y).item<double>(), expected, 1e-4) << sigma;
  }
}

TEST(MsSsimTest, OfEqualPicturesIsOneAndOfOthersLess) {
  for (const std::int64_t side : {32, 64, 176}) {
    const torch::Tensor x = torch::cat({Picture(200, 200, 1), Picture(200, 200, 2)})
                                .slice(2, 0, side)
                                .slice(3, 0, side);
    EXPECT_TRUE(torch::allclose(MsSsim(x, x), torch::ones(2), 0, 1e-5)) << side;
    const torch::Tensor near = MsSsim(x, Noisy(x, 0.02)), far = MsSsim(x, Noisy(x, 0.1));
    EXPECT_TRUE((near < 0.9999).all().item<bool>()) << near;
    EXPECT_TRUE((far < near).all().item<bool>()) << side;
  }
}

TEST(MsSsimTest, WindowsAreAConvolutionWithItsGradient) {
  torch::manual_seed(1);
  torch::Tensor x = torch::randn({2, 3, 50, 77}, torch::kFloat64).requires_grad_();
  torch::Tensor taps = torch::arange(11, torch::kFloat64) - 5;
  taps = (-taps.square() / 4.5).exp();
  taps = taps / taps.sum();
  const torch::Tensor kernel = taps.outer(taps).expand({3, 1, 11, 11});
  const torch::Tensor plain = torch::nn::functional::conv2d(
      x, kernel, torch::nn::functional::Conv2dFuncOptions().groups(3));
  const torch::Tensor ours = WindowMeans(x);
  ASSERT_EQ(ours.sizes(), plain.sizes());
  EXPECT_TRUE(torch::allclose(ours, plain, 0, 1e-12));
  const torch::Tensor direction = torch::randn_like(plain);
  const torch::Tensor a = torch::autograd::grad({(ours * direction).sum()}, {x})[0];
  EXPECT_TRUE(
      torch::allclose(a, torch::autograd::grad({(plain * direction).sum()}, {x})[0], 0, 1e-12));
}

TEST(MsSsimTest, GradientIsTheNumericalOne) {
  const torch::Tensor x = Picture(64, 64, 1).to(torch::kFloat64);
  torch::Tensor y = Noisy(x, 0.05).requires_grad_();
  const torch::Tensor gradient = torch::autograd::grad({MsSsim(x, y).sum()}, {y})[0];
  torch::NoGradGuard no_grad;
  for (const auto& [row, column] : {std::pair{0, 0}, {31, 17}, {40, 63}}) {
    torch::Tensor shifted = y.detach().clone();
    shifted[0][1][row][column] += 1e-5;
    const double up = MsSsim(x, shifted).item<double>();
    shifted[0][1][row][column] -= 2e-5;
    const double slope = (up - MsSsim(x, shifted).item<double>()) / 2e-5;
    EXPECT_NEAR(gradient[0][1][row][column].item<double>(), slope, 1e-3 * std::abs(slope) + 1e-9);
  }
}

TEST(DistortionTest, MixesSquaredErrorAndMsSsim) {
  AeConfig config = testing::TinyConfig();
  const torch::Tensor x = Picture(192, 192, 1), y = Noisy(x, 0.05);
  const double error = (x - y).square().mean().item<double>() * 255 * 255;
  EXPECT_NEAR(Distortion(config, x, y).item<double>(), error, 1e-3);
  config.ms_ssim_share = 1;
  const double structure = Distortion(config, x, y).item<double>();
  EXPECT_NEAR(structure, kMsSsimError * (1 - ByEval(x, y)), 0.1);
  config.ms_ssim_share = 0.75;
  EXPECT_NEAR(Distortion(config, x, y).item<double>(), 0.25 * error + 0.75 * structure, 1e-2);
}

// A model tuned for MS-SSIM is searched for MS-SSIM: another latent than that of its twin for PSNR.
TEST(DistortionTest, SearchKeepsWhatTheModelIsTunedFor) {
  AeConfig config = testing::TinyConfig();
  LatentSearchOptions options;
  options.steps = 40;
  const torch::Tensor x = Picture(64, 64, 2), level = torch::full({1}, 40.0f);
  auto searched = [&](double share) {
    config.ms_ssim_share = share;
    torch::manual_seed(5);
    Autoencoder model(config);
    for (torch::Tensor& p : model->parameters()) p.requires_grad_(false);
    model->eval();
    const SearchedLatent found = SearchLatent(model, x, level, options);
    torch::NoGradGuard no_grad;
    const auto out = model->CodeLatent(found.y, found.z, level, SteRound);
    const torch::Tensor own = model->Latent(x, level);
    const auto start = model->CodeLatent(own, model->h_a(own), level, SteRound);
    auto cost = [&](const AutoencoderImpl::Output& o) {
      return (o.y_bits.sum() + o.z_bits.sum() +
              SearchDistortionWeight(options.steps) * config.Lambda(40) * 64 * 64 *
                  Distortion(config, x, o.x_hat).sum())
          .item<double>();
    };
    EXPECT_LE(cost(out), cost(start)) << share;
    return found.y;
  };
  EXPECT_FALSE(torch::equal(searched(0), searched(1)));
}

}  // namespace
}  // namespace halfmoon::networks
