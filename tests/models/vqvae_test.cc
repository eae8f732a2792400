#include "models/networks/vqvae.h"

#include <gtest/gtest.h>

#include <cmath>
#include <filesystem>

#include "models/networks/vqvae_weights.h"
#include "models/runtime/vqvae/vq_prior.h"
#include "models/training/export/vqvae_exporter.h"
#include "models/training/families.h"
#include "models/training/loop/trainer.h"
#include "tiny_model.h"

namespace halfmoon {
namespace {

namespace fs = std::filesystem;
using networks::IndexPriorImpl;
using networks::Vqvae;
using testing::TinyVqvaeConfig;

Vqvae TinyVqvae() {
  torch::manual_seed(3);
  Vqvae model(TinyVqvaeConfig());
  model->slopes.fill_(0.01);
  for (std::int64_t s = 0; s < 4; ++s) {
    model->support[s].copy_(torch::arange(4, torch::kLong) * 3 + s % 3);
    for (auto& b : model->codebooks[static_cast<std::size_t>(s)]->buffers()) {
      if (b.dim() == 2) b.normal_(0, 1.0 / static_cast<double>(s + 1));
    }
  }
  return model;
}

TEST(VqvaeConfigTest, FieldsOutOfRangeAreNamed) {
  EXPECT_TRUE(FromJson<VqvaeConfig>({{"codes", 64}}).ok());
  for (const auto& [field, value] : std::map<std::string, nlohmann::json>{
           {"codes", 257}, {"stages", 0}, {"code_dim", 400}, {"dim", "none"}, {"what", 1}}) {
    const auto config = FromJson<VqvaeConfig>({{field, value}});
    ASSERT_FALSE(config.ok()) << field;
    EXPECT_EQ(config.status().code(), StatusCode::kInvalidArgument);
    EXPECT_NE(config.status().message().find(field), std::string::npos)
        << config.status().message();
  }
  const VqvaeConfig c = TinyVqvaeConfig();
  const auto back = FromMetadata<VqvaeConfig>(ToMetadata(c));
  ASSERT_TRUE(back.ok());
  EXPECT_EQ(ToMetadata(*back), ToMetadata(c));
}

TEST(VqvaeConfigTest, TheSlopesShareFallsFromOneToNothing) {
  VqvaeConfig c;
  c.stages = 36;
  EXPECT_EQ(c.SlopeShare(0), 1);
  EXPECT_EQ(c.SlopeShare(4), 1);
  EXPECT_LT(c.SlopeShare(5), 1);
  EXPECT_DOUBLE_EQ(c.SlopeShare(20) - c.SlopeShare(21), 1.0 / 31);
  EXPECT_EQ(c.SlopeShare(35), 0);
  c.stages = 1;
  EXPECT_EQ(c.SlopeShare(0), 1);
}

TEST(VqvaeTest, StagesLeaveTheirDirectionsOnlyAndPrefixesAgree) {
  Vqvae model = TinyVqvae();
  torch::NoGradGuard no_grad;
  const torch::Tensor p = torch::randn({2, 12, 4, 4});
  const auto all = model->Quantise(p, {4, 4}, true);
  const auto some = model->Quantise(p, {4, 2});
  // The second picture with two stages is what the first two stages of four gave.
  EXPECT_TRUE(torch::equal(some.z[1], all.sums[1][1]));
  EXPECT_TRUE(torch::equal(some.z[0], all.z[0]));
  EXPECT_NEAR(all.bits.sum().item<double>(), all.stage_bits.sum().item<double>(), 1e-2);
  // Stage 0 codes directions 0, 3, 6, 9.
  for (std::int64_t c = 0; c < 12; ++c) {
    EXPECT_EQ(all.sums[0].select(1, c).abs().sum().item<double>() > 0, c % 3 == 0) << c;
  }
}

TEST(VqvaeTest, ASteeperSlopeCostsFewerBitsAndMoreError) {
  Vqvae model = TinyVqvae();
  torch::NoGradGuard no_grad;
  const torch::Tensor p = torch::randn({4, 12, 8, 8});
  model->slopes.fill_(0);
  const auto nearest = model->Quantise(p, {4, 4, 4, 4});
  model->slopes.fill_(0.5);
  const auto cheap = model->Quantise(p, {4, 4, 4, 4});
  EXPECT_LT(cheap.bits.sum().item<double>(), nearest.bits.sum().item<double>());
  EXPECT_GT((p - cheap.z).square().sum().item<double>(),
            (p - nearest.z).square().sum().item<double>());
}

TEST(VqvaeTest, BitsMoveThePriorAlone) {
  Vqvae model = TinyVqvae();
  const torch::Tensor x = torch::rand({1, 3, 64, 64});
  const auto q = model->Quantise(model->Analyse(x), {4});
  const auto parameters = model->named_parameters();
  std::vector<torch::Tensor> values;
  for (const auto& p : parameters) values.push_back(p.value());
  const auto gradients =
      torch::autograd::grad({q.bits.sum()}, values, {}, c10::nullopt, false, true);
  for (std::size_t i = 0; i < gradients.size(); ++i) {
    const bool prior = parameters[i].key().rfind("prior.", 0) == 0;
    EXPECT_EQ(gradients[i].defined(), prior) << parameters[i].key();
  }
}

// What the integer networks of the decoder say costs what training says it costs.
TEST(VqvaeExport, TheIntegerPriorIsTheQuantisedNetwork) {
  Vqvae model = TinyVqvae();
  torch::NoGradGuard no_grad;
  model->SetQuantised(true);
  const torch::Tensor p = torch::randn({1, 12, 8, 6});
  const auto q = model->Quantise(p, {4});
  const auto bytes = training::ExportVqvae(model, {{"name", "tiny"}});
  ASSERT_TRUE(bytes.ok()) << bytes.status().message();
  const auto file = runtime::WeightsFile::FromBytes(*bytes);
  ASSERT_TRUE(file.ok());
  const auto prior = runtime::VqPrior::Load(*file, model->config());
  ASSERT_TRUE(prior.ok()) << prior.status().message();
  auto tile = runtime::VqPriorTile::Create(*prior, 8, 6, 1);
  ASSERT_TRUE(tile.ok());
  for (int s = 0; s < 4; ++s) {
    double bits = 0;
    for (int k = 0; k < kVqPasses; ++k) {
      std::vector<std::uint16_t> f(tile->IndexCount(k) * 16);
      ASSERT_TRUE(tile->Predict(s, k, f).ok());
      std::vector<std::uint8_t> indices;
      for (const std::uint32_t position : tile->Positions(k)) {
        indices.push_back(static_cast<std::uint8_t>(
            q.indices[static_cast<std::size_t>(s)][position].item<std::int64_t>()));
        bits -= std::log2(f[(indices.size() - 1) * 16 + indices.back()] / 65536.0);
      }
      ASSERT_TRUE(tile->Commit(s, k, indices).ok());
    }
    EXPECT_NEAR(bits, q.stage_bits[s].item<double>(), 0.003 * bits) << "stage " << s;
  }
}

// --init with a shipped file goes on where its training ended: the same indices, bits and picture,
// up to the half precision in which a file keeps transforms and codes.
TEST(VqvaeExport, AnExportedFileCanBeTrainedOn) {
  Vqvae model = TinyVqvae();
  torch::NoGradGuard no_grad;
  for (auto& p : model->parameters()) p.copy_(p.to(torch::kHalf).to(torch::kFloat32));
  const auto all = torch::arange(16, torch::kLong);
  for (auto& book : model->codebooks) {
    book->SetCodes(book->Codes(all).to(torch::kHalf).to(torch::kFloat32));
  }
  model->SetQuantised(true);
  const auto bytes = training::ExportVqvae(model, {{"name", "tiny"}});
  ASSERT_TRUE(bytes.ok()) << bytes.status().message();
  auto back = networks::ImportVqvae(*runtime::WeightsFile::FromBytes(*bytes));
  ASSERT_TRUE(back.ok()) << back.status().message();
  EXPECT_EQ(ToMetadata((*back)->config()), ToMetadata(model->config()));
  (*back)->SetQuantised(true);
  const torch::Tensor p = torch::randn({2, 12, 8, 6});
  const auto before = model->Quantise(p, {4, 3}), after = (*back)->Quantise(p, {4, 3});
  for (std::size_t s = 0; s < 4; ++s) {
    EXPECT_TRUE(torch::equal(before.indices[s], after.indices[s])) << "stage " << s;
  }
  EXPECT_TRUE(torch::allclose(before.stage_bits, after.stage_bits, 1e-3));
  EXPECT_TRUE(torch::allclose(before.stage_energy, after.stage_energy, 1e-4));
  const torch::Tensor used = torch::tensor({4, 3});
  const torch::Tensor x = model->Synthesise(before.z, used);
  EXPECT_LT((x - (*back)->Synthesise(after.z, used)).abs().max().item<double>(), 1e-5);
}

TEST(VqvaeTrainingTest, TrainsResumesAndExports) {
  const fs::path dir = fs::path(::testing::TempDir()) / "vqvae_train";
  fs::remove_all(dir);
  fs::create_directories(dir);
  training::PackWriter writer;
  for (int i = 0; i < 10; ++i) {
    ASSERT_TRUE(writer.Add(264, 256, testing::TestPicture(264, 256, i), i % 5 == 4).ok());
  }
  const std::vector<std::uint8_t> bytes = writer.Finish();
  std::FILE* f = std::fopen((dir / "p.pack").c_str(), "wb");
  ASSERT_NE(f, nullptr);
  ASSERT_EQ(std::fwrite(bytes.data(), 1, bytes.size(), f), bytes.size());
  std::fclose(f);
  training::TrainOptions o;
  o.packs = {(dir / "p.pack").string()};
  o.recipe.family = "vqvae";
  o.recipe.batch = 4;
  o.recipe.crop = 64;
  o.recipe.warmup_steps = 2;
  o.recipe.model = ToJson(TinyVqvaeConfig());
  o.out_dir = (dir / "run").string();
  o.budget.steps = 8;
  o.workers = 1;
  o.precision = "float32";
  double score = 0, usage = -1;
  const auto show = [&](const training::TrainProgress& p) {
    if (p.validation == nullptr) return true;
    score = p.validation->score;
    for (const auto& [name, value] : p.validation->figures) {
      if (name == "usage_training") usage = value;
    }
    return true;
  };
  ASSERT_TRUE(training::Train(o, show).ok());
  const double first = score;
  EXPECT_TRUE(std::isfinite(first));
  o.resume = true;
  o.budget.steps = 16;
  const Status resumed = training::Train(o, show);
  ASSERT_TRUE(resumed.ok()) << resumed.message();
  EXPECT_LT(score, first);
  EXPECT_GT(usage, 0.3);
  EXPECT_LE(usage, 1);

  const auto checkpoint = training::Checkpoint::Load(o.out_dir + "/checkpoint.pt");
  ASSERT_TRUE(checkpoint.ok());
  const auto exported = training::ExportCheckpoint(*checkpoint, {{"name", "t"}});
  ASSERT_TRUE(exported.ok()) << exported.status().message();
  EXPECT_EQ(*runtime::WeightsFile::FromBytes(*exported)->Metadata("architecture"), "vqvae");

  // A run from the exported file begins near where this one ended, not where it began.
  const std::string file = (dir / "t.safetensors").string();
  std::FILE* out = std::fopen(file.c_str(), "wb");
  ASSERT_NE(out, nullptr);
  ASSERT_EQ(std::fwrite(exported->data(), 1, exported->size(), out), exported->size());
  std::fclose(out);
  const double ended = score;
  o.resume = false;
  o.init = file;
  o.out_dir = (dir / "on").string();
  o.budget.steps = 1;
  const Status on = training::Train(o, show);
  ASSERT_TRUE(on.ok()) << on.message();
  EXPECT_LT(std::abs(score - ended), std::abs(first - ended));
  o.out_dir = (dir / "other").string();
  o.recipe.model["codes"] = 8;
  const Status other = training::Train(o, show);
  EXPECT_EQ(other.code(), StatusCode::kInvalidArgument) << other.message();
  EXPECT_NE(other.message().find("dimensions"), std::string::npos) << other.message();
}

}  // namespace
}  // namespace halfmoon
