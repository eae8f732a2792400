// VQ-VAEs of small pictures and the priors that draw their indices: networks, training, export.
#include "models/networks/small_vqvae.h"

#include <gtest/gtest.h>
#include <unistd.h>

#include <cmath>
#include <filesystem>
#include <fstream>

#include "models/runtime/vqvae/vq_prior.h"
#include "models/training/families.h"
#include "models/training/loop/checkpoint.h"
#include "models/training/loop/codebook_keeper.h"
#include "models/training/loop/trainer.h"

namespace halfmoon {
namespace {

namespace fs = std::filesystem;
using networks::SmallVqvae;

SmallVqvaeConfig TinyGrid(const std::string& transform) {
  SmallVqvaeConfig c;
  c.transform = transform;
  c.pyramid.side = 12;
  c.pyramid.widths = {8, 16};
  c.patch = 4;
  c.vit_width = 16;
  c.vit_layers = 2;
  c.codes = 8;
  c.code_dim = 4;
  c.context_channels = 4;
  c.context_hidden = 8;
  c.context_out = 8;
  return c;
}

class SmallVqvaeTest : public ::testing::TestWithParam<std::string> {};

TEST_P(SmallVqvaeTest, EncodesToAGridAndBack) {
  torch::manual_seed(4);
  SmallVqvae model(TinyGrid(GetParam()));
  torch::NoGradGuard no_grad;
  const torch::Tensor x = torch::rand({5, 1, 12, 12});
  const torch::Tensor indices = model->Encode(x);
  ASSERT_EQ(indices.sizes().vec(), (std::vector<std::int64_t>{5, 9}));
  EXPECT_TRUE((indices >= 0).logical_and(indices < 8).all().item<bool>());
  const torch::Tensor x_hat = model->Decode(indices);
  ASSERT_EQ(x_hat.sizes(), x.sizes());
  // What the loss sees is what a file gives.
  EXPECT_LT((model->g_s(model->quantiser(model->g_a(x)).z_q) - x_hat).abs().max().item<float>(),
            1e-4f);
  // A picture is encoded the same alone.
  EXPECT_TRUE(torch::equal(model->Encode(x.slice(0, 2, 3))[0], indices[2]));
}

TEST_P(SmallVqvaeTest, TheReconstructionReachesTheEncoderAndThePriorStaysApart) {
  torch::manual_seed(4);
  SmallVqvae model(TinyGrid(GetParam()));
  const torch::Tensor x = torch::rand({3, 1, 12, 12});
  const auto q = model->quantiser(model->g_a(x));
  (model->g_s(q.z_q) - x).square().mean().backward();
  auto moved = [](torch::nn::Module& m) {
    double sum = 0;
    for (const auto& p : m.parameters())
      sum += p.grad().defined() ? p.grad().abs().sum().item<double>() : 0;
    return sum;
  };
  EXPECT_GT(moved(*model->g_a), 0);
  EXPECT_GT(moved(*model->g_s), 0);
  EXPECT_EQ(moved(*model->prior), 0);
  model->zero_grad();
  model->PriorBits(q.indices.view({3, -1})).sum().backward();
  EXPECT_GT(moved(*model->prior), 0);
  EXPECT_EQ(moved(*model->g_a), 0);
  EXPECT_EQ(moved(*model->g_s), 0);
}

INSTANTIATE_TEST_SUITE_P(Transforms, SmallVqvaeTest, ::testing::Values("pyramid", "vit"),
                         [](const auto& p) { return p.param; });

TEST(SmallVqvaeConfigTest, FieldsOutOfRangeAreNamed) {
  for (const auto& [field, value] : std::map<std::string, nlohmann::json>{{"codes", 257},
                                                                          {"transform", "cnn"},
                                                                          {"code_dim", 0},
                                                                          {"side", 7},
                                                                          {"widths", {3}},
                                                                          {"stages", 2},
                                                                          {"what", 1}}) {
    const auto bad = FromJson<SmallVqvaeConfig>({{field, value}});
    ASSERT_FALSE(bad.ok()) << field;
    EXPECT_EQ(bad.status().code(), StatusCode::kInvalidArgument);
    EXPECT_NE(bad.status().message().find(field), std::string::npos) << bad.status().message();
  }
  const auto back = FromMetadata<SmallVqvaeConfig>(ToMetadata(TinyGrid("vit")));
  ASSERT_TRUE(back.ok()) << back.status().message();
  EXPECT_EQ(ToMetadata(*back), ToMetadata(TinyGrid("vit")));
}

TEST(CodebookKeeperTest, CodesMoveToTheirMembersAndDeadOnesReturn) {
  torch::manual_seed(6);
  for (const bool ema : {true, false}) {
    networks::CodebookConfig config{4, 2};
    config.ema = ema;
    std::vector<networks::Codebook> books = {networks::Codebook(config)};
    books[0]->SetCodes(torch::tensor({{0.f, 0.f}, {1.f, 0.f}, {0.f, 1.f}, {50.f, 50.f}}));
    training::CodebookKeeper keeper(1);
    const torch::Tensor rows =
        torch::tensor({{0.1f, 0.1f}, {1.1f, 0.1f}, {0.1f, 1.1f}, {0.9f, 0.1f}});
    for (int step = 0; step < 1000; ++step) {
      keeper.BeginStep(2);
      for (int worker = 0; worker < 2; ++worker) {
        const torch::Tensor mine = rows.slice(0, 2 * worker, 2 * worker + 2);
        keeper.Collect(worker, books[0], mine, books[0]->Nearest(mine));
      }
      training::StepInfo at;
      at.step = step;
      at.progress = step / 2000.0;
      keeper.EndStep(at, books);
    }
    const torch::Tensor codes = books[0]->Codes(torch::arange(4, torch::kLong));
    EXPECT_LT(codes.max().item<float>(), 2) << "the far code never came back, ema " << ema;
    if (ema) {
      EXPECT_LT((codes[0] - rows[0]).abs().max().item<float>(), 1e-2f);
    }
  }
}

// --- Training ------------------------------------------------------------------------------------

class SmallTraining : public ::testing::Test {
 protected:
  void SetUp() override {
    dir_ = fs::path(::testing::TempDir()) / ("small_" + std::to_string(getpid()));
    fs::remove_all(dir_);
    fs::create_directories(dir_);
    // Discs and bars, light or dark: captions say which.
    training::PackWriter writer;
    for (int i = 0; i < 40; ++i) {
      const bool disc = i % 2 == 0, dark = i / 2 % 2 == 0;
      std::vector<std::uint8_t> samples;
      for (int y = 0; y < 12; ++y) {
        for (int x = 0; x < 12; ++x) {
          const bool inside =
              disc ? std::hypot(x - 5.5, y - 5.5) < 4 + i % 3 : std::abs(x - 5.5) < 2 + i % 3;
          samples.push_back(inside ? (dark ? 60 : 180) : 255);
        }
      }
      training::PackEntry entry;
      entry.width = entry.height = 12;
      entry.grey = true;
      entry.validation = i % 10 == 9;
      entry.label = disc ? 0 : 1;
      ASSERT_TRUE(writer
                      .Add(entry, samples,
                           std::string(dark ? "dark " : "light ") + (disc ? "disc; round" : "bar"))
                      .ok());
    }
    writer.SetClasses({"disc", "bar"});
    Write("shapes.hmnpack", writer.Finish());
  }
  void TearDown() override { fs::remove_all(dir_); }

  void Write(const std::string& name, const std::vector<std::uint8_t>& bytes) {
    std::ofstream(dir_ / name, std::ios::binary)
        .write(reinterpret_cast<const char*>(bytes.data()),
               static_cast<std::streamsize>(bytes.size()));
  }
  training::TrainOptions Options(const std::string& json, std::int64_t steps) {
    training::TrainOptions o;
    const auto recipe = training::Recipe::FromJson(json, "recipe");
    EXPECT_TRUE(recipe.ok()) << recipe.status().message();
    o.recipe = *recipe;
    o.packs = {(dir_ / "shapes.hmnpack").string()};
    o.out_dir = (dir_ / o.recipe.name).string();
    o.workers = 1;
    o.budget.steps = steps;
    o.precision = "float32";
    fs::create_directories(o.out_dir);
    return o;
  }
  // The last validation's figures.
  training::Figures Train(const training::TrainOptions& o) {
    training::Figures last;
    const Status status = training::Train(o, [&](const training::TrainProgress& p) {
      if (p.validation != nullptr) {
        last = p.validation->figures;
        last.push_back({"score", p.validation->score});
      }
      return true;
    });
    EXPECT_TRUE(status.ok()) << status.message();
    return last;
  }
  static double Figure(const training::Figures& figures, const std::string& name) {
    for (const auto& [key, value] : figures) {
      if (key == name) return value;
    }
    ADD_FAILURE() << "no figure " << name;
    return 0;
  }
  std::vector<std::uint8_t> Export(const std::string& run) {
    const auto checkpoint = training::Checkpoint::Load((dir_ / run / "checkpoint.pt").string());
    EXPECT_TRUE(checkpoint.ok()) << checkpoint.status().message();
    const auto bytes = training::ExportCheckpoint(*checkpoint, {{"name", run}});
    EXPECT_TRUE(bytes.ok()) << bytes.status().message();
    return *bytes;
  }

  static constexpr char kCodec[] = R"({"name": "shapes", "family": "vqvae-small", "batch": 8,
    "model": {"channels": 1, "side": 12, "widths": [8, 16], "codes": 8, "code_dim": 4,
              "context_channels": 4, "context_hidden": 8, "context_out": 8},
    "warmup_steps": 5, "ema": 0.9, "learning_rate": 0.003})";

  // Draws the indices of shapes.safetensors.
  std::string Prior() const {
    return R"({"name": "draws", "family": "index-transformer", "batch": 8, "optimizer": "adam",
    "model": {"width": 32, "heads": 4, "layers": 2, "condition": 4, "dropout": 0.1},
    "loss": {"copies": 2, "shift": 1, "least": 2},
    "warmup_steps": 5, "ema": 0.9, "learning_rate": 0.003, "codec": ")" +
           (dir_ / "shapes.safetensors").string() + "\"}";
  }

  fs::path dir_;
};

TEST_F(SmallTraining, CodecThenPriorLearnAndAreExported) {
  const training::Figures codec = Train(Options(kCodec, 150));
  EXPECT_GT(Figure(codec, "psnr"), 16);  // grey shapes on white: 8 dB without any training
  EXPECT_GT(Figure(codec, "usage"), 0.4);
  EXPECT_LT(Figure(codec, "bits_per_index"), 2.9);  // of 3
  const std::vector<std::uint8_t> bytes = Export("shapes");
  Write("shapes.safetensors", bytes);

  // The weights file gives the network that was trained.
  const auto file = runtime::WeightsFile::FromBytes(bytes);
  ASSERT_TRUE(file.ok());
  auto model = networks::ImportSmallVqvae(*file);
  ASSERT_TRUE(model.ok()) << model.status().message();
  const torch::Tensor x = torch::ones({1, 1, 12, 12});
  EXPECT_GT((*model)->Decode((*model)->Encode(x)).mean().item<float>(), 0.8f);
  ASSERT_TRUE(runtime::VqPrior::Load(*file, (*model)->config()).ok());

  const training::Figures drawn = Train(Options(Prior(), 150));
  EXPECT_LT(Figure(drawn, "bits_per_index"), Figure(drawn, "without_condition") - 0.05);
  EXPECT_LT(Figure(drawn, "bits_per_index"), 1.5);
  const auto weights = runtime::WeightsFile::FromBytes(Export("draws"));
  ASSERT_TRUE(weights.ok());
  EXPECT_EQ(*weights->Metadata("codec"), file->identity_hex());
  EXPECT_EQ(*weights->Metadata("prompt_words"),
            "disc round dark light bar");  // by frequency, then alphabetically
}

// What recipes can choose though no shipped model does: a codebook by the dictionary loss instead
// of moving averages, by distance and by angle; a ViT instead of convolutions.
TEST_F(SmallTraining, TheAlternativesLearn) {
  for (const std::string fields :
       {R"("ema": false, "cosine": false)", R"("ema": false, "cosine": true)",
        R"("transform": "vit", "patch": 4, "vit_width": 16, "vit_layers": 2)"}) {
    std::string recipe = kCodec;
    recipe.replace(recipe.find("\"codes\""), 0, fields + ", ");
    const training::Figures figures = Train(Options(recipe, 150));
    EXPECT_GT(Figure(figures, "psnr"), 13) << fields;  // 8 dB without any training
    EXPECT_GT(Figure(figures, "usage"), 0.3) << fields;
    const auto file = runtime::WeightsFile::FromBytes(Export("shapes"));
    ASSERT_TRUE(file.ok());
    EXPECT_TRUE(networks::ImportSmallVqvae(*file).ok());
  }
}

TEST_F(SmallTraining, AResumedRunIsTheUninterruptedOne) {
  (void)Train(Options(kCodec, 5));
  Write("shapes.safetensors", Export("shapes"));
  const std::string prior = Prior();
  for (const std::string& recipe : {std::string(kCodec), prior}) {
    training::TrainOptions whole = Options(recipe, 30);
    whole.workers = 2;  // dropout and all else depend on the worker, not on which is first
    whole.out_dir = (dir_ / "whole").string();
    fs::create_directories(whole.out_dir);
    (void)Train(whole);
    training::TrainOptions half = Options(recipe, 30);
    half.workers = 2;
    half.out_dir = (dir_ / "half").string();
    fs::create_directories(half.out_dir);
    const Status stopped =
        training::Train(half, [](const training::TrainProgress&) { return false; });
    ASSERT_TRUE(stopped.ok()) << stopped.message();
    half.resume = true;
    (void)Train(half);
    const auto a = training::Checkpoint::Load(whole.out_dir + "/checkpoint.pt");
    const auto b = training::Checkpoint::Load(half.out_dir + "/checkpoint.pt");
    ASSERT_TRUE(a.ok() && b.ok());
    for (const auto& [name, tensor] : a->tensors) {
      ASSERT_EQ(b->tensors.count(name), 1u) << name;
      EXPECT_TRUE(torch::equal(tensor, b->tensors.at(name))) << name;
    }
  }
}

TEST_F(SmallTraining, APriorNeedsItsCodecAndItsFieldsAreNamed) {
  auto without =
      training::Recipe::FromJson(R"({"name": "p", "family": "index-transformer"})", "recipe");
  ASSERT_TRUE(without.ok());
  std::vector<training::Pack> packs;
  packs.push_back(*training::Pack::Read((dir_ / "shapes.hmnpack").string()));
  const auto task = training::MakeTask(*without, packs, 4, "cpu");
  ASSERT_FALSE(task.ok());
  EXPECT_NE(task.status().message().find("--codec"), std::string::npos) << task.status().message();
  for (const char* field : {"codes", "indices", "words"}) {
    const auto bad = training::Recipe::FromJson(
        std::string(R"({"name": "p", "family": "index-transformer", "model": {")") + field +
            R"(": 4}})",
        "recipe");
    ASSERT_FALSE(bad.ok()) << field;
    EXPECT_NE(bad.status().message().find(field), std::string::npos);
  }
  for (const char* loss : {R"({"drop_word": 1})", R"({"copies": 65})", R"({"colour": 1})"}) {
    const auto bad = training::Recipe::FromJson(
        std::string(R"({"name": "p", "family": "index-transformer", "loss": )") + loss + "}",
        "recipe");
    EXPECT_FALSE(bad.ok()) << loss;
  }
}

}  // namespace
}  // namespace halfmoon
