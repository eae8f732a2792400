// The runtime's pixel transforms compute what the LibTorch networks that were trained compute.
#include "models/runtime/ae/ae_transforms.h"

#include <gtest/gtest.h>
#include <torch/torch.h>

#include "models/networks/weights_io.h"
#include "models/training/export/exporter.h"
#include "tests/models/tiny_model.h"

namespace halfmoon::runtime {
namespace {

// Channels as the runtime has them: [h][w][c] of one picture.
torch::Tensor FromMap(const std::vector<float>& values, std::int64_t h, std::int64_t w,
                      std::int64_t c) {
  return torch::from_blob(const_cast<float*>(values.data()), {1, h, w, c}).permute({0, 3, 1, 2});
}

struct Shape {
  const char* name;
  bool lapped;
  int refine_blocks;
  int weight_bits = 16;
};

class TransformsAgainstLibTorch : public ::testing::TestWithParam<Shape> {
 protected:
  TransformsAgainstLibTorch() {
    torch::manual_seed(3);
    AeConfig config = ::halfmoon::testing::TinyConfig();
    config.analysis_blocks = config.synthesis_blocks = 2;
    config.lapped = GetParam().lapped;
    config.refine_blocks = GetParam().refine_blocks;
    config.refine_channels = 12;
    config.weight_bits = GetParam().weight_bits;
    model_ = networks::Autoencoder(config);
    torch::NoGradGuard no_grad;
    // Nothing may stay at an initial value that hides a mistake: zero, one, or small.
    for (auto& p : model_->named_parameters()) {
      if (p.key().find("anchors") != std::string::npos) p.value().uniform_(-0.5, 0.5);
      if (p.key().find("linear") != std::string::npos) p.value().uniform_(-0.1, 0.1);
      if (p.key().find("refine.out") != std::string::npos) p.value().uniform_(-0.3, 0.3);
    }
    model_->eval();
    auto bytes = training::ExportWeights(model_, {});
    EXPECT_TRUE(bytes.ok()) << bytes.status().message();
    file_ = std::make_unique<WeightsFile>(*WeightsFile::FromBytes(*bytes));
    // What the file holds, rounded weights and all.
    EXPECT_TRUE(networks::LoadModule(*file_, "g_a", *model_->g_a).ok());
    EXPECT_TRUE(networks::LoadModule(*file_, "g_s", *model_->g_s).ok());
    EXPECT_TRUE(networks::LoadModule(*file_, "h_a", *model_->h_a).ok());
    EXPECT_TRUE(networks::LoadModule(*file_, "gain.forward", *model_->gain).ok());
    EXPECT_TRUE(networks::LoadModule(*file_, "gain.inverse", *model_->inverse_gain).ok());
  }

  networks::Autoencoder model_{nullptr};
  std::unique_ptr<WeightsFile> file_;
};

TEST_P(TransformsAgainstLibTorch, Synthesis) {
  torch::NoGradGuard no_grad;
  const std::int64_t h = 12, w = 20, m = 32;
  const auto synthesis = AeSynthesis::Load(*file_, model_->config());
  ASSERT_TRUE(synthesis.ok()) << synthesis.status().message();
  for (const int q : {0, 1000, 8064, 16128}) {
    const torch::Tensor latent = torch::randint(-200, 200, {1, h, w, m}, torch::kInt32);
    const torch::Tensor level = torch::full({1}, static_cast<float>(q) / 256.0f);
    const torch::Tensor y = latent.to(torch::kFloat32).permute({0, 3, 1, 2}) / 16;
    const torch::Tensor expected = model_->g_s(y * model_->inverse_gain(level), level);
    std::vector<float> pixels(static_cast<std::size_t>(h * w * 256 * 3));
    synthesis->Run(BestIsa(),
                   {latent.data_ptr<std::int32_t>(), static_cast<std::size_t>(h * w * m)},
                   static_cast<std::size_t>(h), static_cast<std::size_t>(w), q, 2, pixels.data());
    const torch::Tensor error = FromMap(pixels, 16 * h, 16 * w, 3) - expected;
    EXPECT_GT(expected.std().item<double>(), 0.1);
    EXPECT_LT(error.abs().max().item<double>(), 1e-4 * expected.abs().max().item<double>()) << q;
  }
}

TEST_P(TransformsAgainstLibTorch, Analysis) {
  torch::NoGradGuard no_grad;
  const std::int64_t h = 8, w = 20;
  const auto analysis = AeAnalysis::Load(*file_, model_->config());
  ASSERT_TRUE(analysis.ok()) << analysis.status().message();
  for (const int q : {0, 1000, 8064, 16128}) {
    const torch::Tensor x = torch::rand({1, 16 * h, 16 * w, 3});
    const torch::Tensor level = torch::full({1}, static_cast<float>(q) / 256.0f);
    const torch::Tensor y = model_->g_a(x.permute({0, 3, 1, 2}), level) * model_->gain(level);
    std::vector<float> out_y(static_cast<std::size_t>(h * w * 32)),
        out_z(static_cast<std::size_t>(h * w / 16 * 8));
    analysis->Run(BestIsa(), x.data_ptr<float>(), 8, 20, q, 2, out_y.data());
    analysis->RunHyper(BestIsa(), out_y.data(), 8, 20, 2, out_z.data());
    const torch::Tensor z = model_->h_a(y);
    EXPECT_GT(y.std().item<double>(), 0.05);
    EXPECT_GT(z.std().item<double>(), 0.05);
    EXPECT_LT((FromMap(out_y, h, w, 32) - y).abs().max().item<double>(),
              1e-4 * y.abs().max().item<double>());
    EXPECT_LT((FromMap(out_z, h / 4, w / 4, 8) - z).abs().max().item<double>(),
              1e-4 * z.abs().max().item<double>());
  }
}

INSTANTIATE_TEST_SUITE_P(Shapes, TransformsAgainstLibTorch,
                         ::testing::Values(Shape{"Blocks", false, 0}, Shape{"Lapped", true, 0},
                                           Shape{"Refined", true, 2}, Shape{"InBytes", true, 2, 8}),
                         [](const auto& shape) { return shape.param.name; });

}  // namespace
}  // namespace halfmoon::runtime
