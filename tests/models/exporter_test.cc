// The float networks and their integer twin must say the same: the exporter's contract.
#include "models/training/export/exporter.h"

#include <gtest/gtest.h>

#include <cstring>

#include "models/networks/ae_weights.h"
#include "models/runtime/ae/ae_prior.h"
#include "models/training/export/frequency_tables.h"
#include "tests/models/tiny_model.h"

namespace halfmoon::training {
namespace {

using networks::Autoencoder;

Autoencoder RandomModel(std::int64_t weight_bits = 16) {
  torch::manual_seed(11);
  AeConfig config = testing::TinyConfig();
  config.weight_bits = weight_bits;
  Autoencoder model(config);
  torch::NoGradGuard no_grad;
  for (auto& p : model->h_s->level_bias->parameters()) p.normal_(0, 0.5);
  for (auto& p : model->z_mean->parameters()) p.normal_(0, 1);
  model->eval();
  return model;
}

class ExporterTest : public ::testing::TestWithParam<int> {};  // bits of a weight

TEST_P(ExporterTest, IntegerPathEqualsTheQuantisedNetwork) {
  torch::NoGradGuard no_grad;
  Autoencoder model = RandomModel(GetParam());
  const AeConfig& c = model->config();
  const auto bytes = ExportWeights(model, {{"training", "none"}});
  ASSERT_TRUE(bytes.ok()) << bytes.status().message();
  const auto file = runtime::WeightsFile::FromBytes(*bytes);
  ASSERT_TRUE(file.ok()) << file.status().message();
  const auto prior = runtime::AePrior::Load(*file, c);
  ASSERT_TRUE(prior.ok()) << prior.status().message();

  const int level = 40, h64 = 2, w64 = 3;
  model->SetQuantised(true);
  auto tile = runtime::AePriorTile::Create(*prior, level, h64, w64, 1);
  ASSERT_TRUE(tile.ok());
  std::vector<std::int32_t> rz(tile->HyperSymbols());
  for (std::size_t i = 0; i < rz.size(); ++i) rz[i] = static_cast<std::int32_t>(i * 7 % 9) - 4;
  ASSERT_TRUE(tile->SetHyperLatent(rz).ok());

  // The same z^ in the float world: [h][w][c] symbols plus the level's means.
  torch::Tensor z_hat = torch::empty({1, h64, w64, c.hyper_channels});
  for (std::size_t i = 0; i < rz.size(); ++i) {
    z_hat.data_ptr<float>()[i] =
        static_cast<float>(rz[i]) +
        static_cast<float>(prior->z_mean(level)[i % static_cast<std::size_t>(c.hyper_channels)]) /
            16;
  }
  const torch::Tensor f =
      model->h_s->forward(z_hat.permute({0, 3, 1, 2}), torch::full({1}, static_cast<float>(level)));
  const torch::Tensor y = torch::randn({1, c.latent_channels, 4 * h64, 4 * w64}) * 6;
  const auto out = model->context->forward(f, y);
  const torch::Tensor t = out.t.clamp(0, kScaleTables - 1).permute({0, 2, 3, 1}).contiguous();
  const torch::Tensor m = (out.mean * 16).permute({0, 2, 3, 1}).contiguous();
  const torch::Tensor y_last = y.permute({0, 2, 3, 1}).contiguous();

  // Rounding ties and float sums may move a value by one step now and then, not more often.
  std::size_t total = 0, off = 0;
  const std::size_t group = static_cast<std::size_t>(c.latent_channels / 4);
  for (int k = 0; k < kAePasses; ++k) {
    std::vector<std::uint8_t> index(tile->SymbolsPerPass());
    std::vector<std::int16_t> mean(index.size());
    std::vector<std::int32_t> values(index.size());
    ASSERT_TRUE(tile->PredictPass(k, index, mean).ok());
    const auto offsets = tile->PassOffsets(k);
    for (std::size_t i = 0; i < index.size(); ++i) {
      const std::size_t at = offsets[i / group] + i % group;
      const double dt = std::abs(t.data_ptr<float>()[at] - index[i]);
      const double dm = std::abs(m.data_ptr<float>()[at] - mean[i]);
      EXPECT_LE(dt, 2.01);
      EXPECT_LE(dm, 4.01);
      off += dt > 0.01 || dm > 0.01;
      ++total;
      // Follow the float network's symbols, so that both see the same context.
      values[i] = 16 * static_cast<std::int32_t>(std::nearbyint(y_last.data_ptr<float>()[at] -
                                                                m.data_ptr<float>()[at] / 16));
    }
    ASSERT_TRUE(tile->CommitPass(k, values).ok());
  }
  EXPECT_LT(static_cast<double>(off), 0.02 * static_cast<double>(total)) << off << " of " << total;
}

TEST_P(ExporterTest, ImportGivesTheModelBack) {
  torch::NoGradGuard no_grad;
  Autoencoder model = RandomModel(GetParam());
  const auto bytes = ExportWeights(model, {});
  ASSERT_TRUE(bytes.ok()) << bytes.status().message();
  const auto file = runtime::WeightsFile::FromBytes(*bytes);
  ASSERT_TRUE(file.ok());
  auto back = networks::ImportAutoencoder(*file);
  ASSERT_TRUE(back.ok()) << back.status().message();
  Autoencoder again = *back;
  again->eval();
  const torch::Tensor x = torch::rand({1, 3, 64, 64}), level = torch::full({1}, 30.0f);
  const auto a = model->forward(x, level, c10::nullopt), b = again->forward(x, level, c10::nullopt);
  EXPECT_NEAR(b.y_bits.item<double>() / a.y_bits.item<double>(), 1, 0.02);
  EXPECT_LT((a.x_hat - b.x_hat).abs().mean().item<double>(), 0.01);
  // What was exported once is a fixed point: exporting the import changes no integer weight.
  const auto second = ExportWeights(again, {});
  ASSERT_TRUE(second.ok());
  const auto file2 = runtime::WeightsFile::FromBytes(*second);
  ASSERT_TRUE(file2.ok());
  for (const char* name : {"prior.h0.weight", "prior.a2.weight", "prior.z_table", "g_s.up.weight",
                           "g_a.linear.weight"}) {
    const auto v1 = file->Get(name), v2 = file2->Get(name);
    ASSERT_TRUE(v1.ok() && v2.ok());
    EXPECT_TRUE(std::equal(v1->bytes.begin(), v1->bytes.end(), v2->bytes.begin())) << name;
  }
  // z's means were rounded level by level; the anchors between them can be off by that rounding.
  const auto m1 = file->Get("prior.z_mean")->Values<std::int16_t>();
  const auto m2 = file2->Get("prior.z_mean")->Values<std::int16_t>();
  ASSERT_EQ(m1.size(), m2.size());
  for (std::size_t i = 0; i < m1.size(); ++i) EXPECT_NEAR(m1[i], m2[i], 1) << i;
}

TEST_P(ExporterTest, SameModelSameBytes) {
  Autoencoder a = RandomModel(GetParam()), b = RandomModel(GetParam());
  EXPECT_EQ(*ExportWeights(a, {}), *ExportWeights(b, {}));
}

INSTANTIATE_TEST_SUITE_P(WeightBits, ExporterTest, ::testing::Values(8, 16),
                         [](const auto& bits) { return "Of" + std::to_string(bits.param); });

TEST(WeightBitsTest, EightMakeASmallFile) {
  Autoencoder model = RandomModel(8), halves = RandomModel(16);
  const auto small = runtime::WeightsFile::FromBytes(*ExportWeights(model, {}));
  const auto large = runtime::WeightsFile::FromBytes(*ExportWeights(halves, {}));
  ASSERT_TRUE(small.ok() && large.ok());
  EXPECT_EQ(*small->Metadata("format_version"), "2");
  EXPECT_EQ(*large->Metadata("format_version"), "1");
  using runtime::DType;
  for (const auto& [name, type] : {std::pair{"g_a.in.weight", DType::kI8},
                                   {"g_s.blocks.0.depthwise.weight", DType::kI8},
                                   {"h_a.out.weight", DType::kI8},
                                   {"g_a.linear.weight", DType::kI16},
                                   {"g_s.linear.weight", DType::kI16},
                                   {"g_s.in.bias", DType::kF16},
                                   {"prior.c3.weight", DType::kI8}}) {
    ASSERT_TRUE(small->Has(name)) << name;
    EXPECT_EQ(small->Get(name)->dtype, type) << name;
  }
  // A byte saved for each weight, but for those of the linear paths.
  std::size_t bytes = 0;
  for (const std::string& name : small->names()) {
    if (small->Get(name)->dtype == DType::kI8) bytes += small->Get(name)->bytes.size();
  }
  EXPECT_GT(bytes, 10000U);
  EXPECT_LT(small->size(), large->size() - bytes * 3 / 4);
}

TEST(GaussianTablesTest, AreValidAndCloseToTheNormal) {
  const FrequencyTables t = MakeGaussianTables();
  ASSERT_EQ(t.sizes.size(), static_cast<std::size_t>(SymbolCounts::kTables));
  const auto tables = CdfTables::Create(t.sizes, t.offsets, t.frequencies);
  ASSERT_TRUE(tables.ok()) << tables.status().message();
  // Coding a normal with its table costs its entropy (differential, at large scale) or nearly 0.
  const auto expect_entropy = [&](std::size_t table, double sigma, const auto& value) {
    const auto above = [&](double x) { return 0.5 * std::erfc(x / sigma / std::sqrt(2.0)); };
    double cost = 0, entropy = 0;
    for (int r = -2000; r <= 2000; ++r) {
      const int a = std::abs(r);
      const double upper = (value(a) + value(a + 1)) / 2, lower = (value(a) + value(a - 1)) / 2;
      const double p = above(lower) - above(upper);
      if (p <= 0) continue;
      cost += p * (*tables).CostQ16(table, r) / 65536.0;
      entropy -= p * std::log2(p);
    }
    EXPECT_LT(cost, entropy * 1.001 + 0.0003) << "table " << table << ", sigma " << sigma;
    EXPECT_GT(cost, entropy * 0.999) << "table " << table << ", sigma " << sigma;
  };
  for (int scale = 0; scale < kAeTables.scales; ++scale) {
    const double sigma = TableScale(scale);
    expect_entropy(static_cast<std::size_t>(scale), sigma, [](int a) { return double(a); });
    for (std::uint32_t q = 0; q < 2 && scale >= kAeTables.first; ++q) {
      expect_entropy(kAeTables.Table(static_cast<std::uint8_t>(scale), q), sigma,
                     [&](int a) { return kAeTables.Value(q, a) / double(kAeTables.kStep); });
    }
  }
  std::size_t base = 0;
  for (const std::int32_t size : t.sizes) base += static_cast<std::size_t>(size);
  EXPECT_EQ(base, t.frequencies.size());
}

}  // namespace
}  // namespace halfmoon::training
