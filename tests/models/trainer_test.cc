#include "models/training/loop/trainer.h"

#include <gtest/gtest.h>

#include <cmath>
#include <filesystem>
#include <fstream>

#include "models/networks/ae_weights.h"
#include "models/networks/weight_grid.h"
#include "models/training/export/exporter.h"
#include "models/training/families.h"
#include "models/training/loop/checkpoint.h"
#include "models/training/photo/ae_task.h"
#include "tests/models/trainer_fixture.h"

namespace halfmoon::training {
namespace {

using testing::TrainerTest;

TEST_F(TrainerTest, TheLossFalls) {
  double first = 0, last = 0;
  TrainOptions o = Options("falls", 1);
  auto score = [](double* out) {
    return [out](const TrainProgress& p) {
      if (p.validation) *out = p.validation->score;
      return true;
    };
  };
  ASSERT_TRUE(Train(o, score(&first)).ok());
  o = Options("falls2", 150);
  const Status status = Train(o, score(&last));
  ASSERT_TRUE(status.ok()) << status.message();
  EXPECT_LT(last, first - 0.2);  // at least 18 % lower loss, averaged over the levels
  EXPECT_TRUE(std::filesystem::exists(o.out_dir + "/log.jsonl"));
}

// Training and validation take the path that encoders take.
TEST_F(TrainerTest, TheRecipeSaysHowLatentsAreQuantised) {
  double psnr[2] = {}, loss[2] = {};
  for (const std::string quantiser : {"rounding", "dependent"}) {
    const std::size_t i = quantiser == "dependent";
    TrainOptions o = Options(quantiser, 150);
    o.recipe.quantiser = quantiser;
    const Status status = Train(o, [&](const TrainProgress& p) {
      if (p.validation) {
        psnr[i] = p.validation->points.back().psnr;
        loss[i] = p.validation->points.back().loss;
      }
      return true;
    });
    ASSERT_TRUE(status.ok()) << status.message();
  }
  // A path's errors are smaller, and by the cost of both bits and error it is the better one.
  EXPECT_GT(psnr[1], psnr[0]);
  EXPECT_LT(loss[1], loss[0]);
}

// A run's last part computes with rounded weights and updates the ones behind them.
TEST_F(TrainerTest, WeightsOfEightBitsAreRoundedAtTheEnd) {
  Recipe r = Options("bits", 1).recipe;
  r.model["weight_bits"] = 8;
  r.quantise_from = 0.8;
  auto task = AeTask::Create(r, {*Pack::Read(dir_ + "/data.hmnpack")}, 1, torch::kCPU);
  ASSERT_TRUE(task.ok()) << task.status().message();
  const torch::Tensor weight = (*task)->network().named_parameters()["g_a.in.weight"];
  const torch::Tensor own = weight.detach().clone();
  for (const double progress : {0.5, 0.9}) {
    (*task)->BeforeStep({0, progress, 0, 1});
    const torch::Tensor used = weight.detach().clone();
    const auto grid = networks::ToGrid(used, networks::kGridSteps);
    EXPECT_EQ(torch::equal(used, own), progress < r.quantise_from);
    EXPECT_EQ(torch::allclose(grid.Weights(), used, 1e-6, 0), progress >= r.quantise_from);
    (*task)->BeforeUpdate();
    EXPECT_TRUE(torch::equal(weight, own));
  }
}

TEST_F(TrainerTest, AResumedRunIsTheUninterruptedRun) {
  at::set_num_threads(1);
  const TrainOptions whole = Options("whole", 12);
  ASSERT_TRUE(Train(whole, Ignore()).ok());
  // The schedule must be that of the whole run, so stop it from outside, after the first report.
  TrainOptions part = Options("part", 12);
  part.recipe.quantise_from = whole.recipe.quantise_from;
  TrainOptions half = part;
  half.budget.steps = 12;
  int reports = 0;
  half.validate_minutes = 0;  // report, and so a chance to stop, after every step
  ASSERT_TRUE(Train(half, [&](const TrainProgress&) { return ++reports < 5; }).ok());
  const auto stopped = Checkpoint::Load(half.out_dir + "/checkpoint.pt");
  ASSERT_TRUE(stopped.ok());
  EXPECT_EQ(stopped->metadata.at("step"), "5");
  part.resume = true;
  ASSERT_TRUE(Train(part, Ignore()).ok());

  const auto a = Checkpoint::Load(whole.out_dir + "/checkpoint.pt");
  const auto b = Checkpoint::Load(part.out_dir + "/checkpoint.pt");
  ASSERT_TRUE(a.ok() && b.ok());
  ASSERT_EQ(a->tensors.size(), b->tensors.size());
  EXPECT_EQ(a->metadata.at("step"), "12");
  EXPECT_EQ(b->metadata.at("step"), "12");
  for (const auto& [name, tensor] : a->tensors) {
    EXPECT_TRUE(torch::equal(tensor, b->tensors.at(name))) << name;
  }
}

TEST_F(TrainerTest, AResumedRunKeepsItsPrecision) {
  TrainOptions o = Options("low", 2);
  o.precision = "bfloat16";
  ASSERT_TRUE(Train(o, Ignore()).ok());
  const auto low = Checkpoint::Load(o.out_dir + "/checkpoint.pt");
  ASSERT_TRUE(low.ok());
  EXPECT_EQ(low->metadata.at("precision"), "bfloat16");

  TrainOptions plain = Options("plain", 2);
  ASSERT_TRUE(Train(plain, Ignore()).ok());
  const auto full = Checkpoint::Load(plain.out_dir + "/checkpoint.pt");
  ASSERT_TRUE(full.ok());
  EXPECT_EQ(full->metadata.at("precision"), "float32");
  EXPECT_FALSE(
      torch::equal(low->tensors.at("model.g_a.in.weight"), full->tensors.at("model.g_a.in.weight")))
      << "nothing ran in bfloat16";

  o.resume = true;
  o.budget.steps = 3;
  o.precision = "float32";
  ASSERT_TRUE(Train(o, Ignore()).ok());
  const auto resumed = Checkpoint::Load(o.out_dir + "/checkpoint.pt");
  ASSERT_TRUE(resumed.ok());
  EXPECT_EQ(resumed->metadata.at("precision"), "bfloat16");
}

TEST_F(TrainerTest, AnUnknownPrecisionIsRefused) {
  TrainOptions o = Options("unknown", 1);
  o.precision = "float8";
  const Status status = Train(o, Ignore());
  EXPECT_EQ(status.code(), StatusCode::kInvalidArgument);
  EXPECT_NE(status.message().find("float8"), std::string::npos) << status.message();
}

TEST_F(TrainerTest, InitStartsFromACheckpoint) {
  TrainOptions o = Options("first", 20);
  ASSERT_TRUE(Train(o, Ignore()).ok());
  TrainOptions next = Options("next", 1);
  next.init = o.out_dir + "/checkpoint.pt";
  next.recipe.learning_rate = 1e-9;
  next.recipe.final_learning_rate = 0;
  ASSERT_TRUE(Train(next, Ignore()).ok());
  const auto a = Checkpoint::Load(o.out_dir + "/checkpoint.pt");
  const auto b = Checkpoint::Load(next.out_dir + "/checkpoint.pt");
  ASSERT_TRUE(a.ok() && b.ok());
  EXPECT_TRUE(torch::allclose(a->tensors.at("model.g_a.in.weight"),
                              b->tensors.at("model.g_a.in.weight"), 1e-5, 1e-6));
  next.recipe.model["block_channels"] = 24;
  const Status status = Train(next, Ignore());
  EXPECT_EQ(status.code(), StatusCode::kCorrupt);
}

TEST_F(TrainerTest, ATrainedModelExports) {
  TrainOptions o = Options("export", 10);
  ASSERT_TRUE(Train(o, Ignore()).ok());
  const auto checkpoint = Checkpoint::Load(o.out_dir + "/checkpoint.pt");
  ASSERT_TRUE(checkpoint.ok());
  auto model = LoadAveragedModel(*checkpoint);
  ASSERT_TRUE(model.ok()) << model.status().message();
  const auto bytes = ExportWeights(*model, {});
  ASSERT_TRUE(bytes.ok()) << bytes.status().message();
}

TEST_F(TrainerTest, InitStartsFromAWeightsFile) {
  TrainOptions o = Options("first", 60);
  double trained = 0, restarted = 0, fresh = 0;
  auto score = [](double* out) {
    return [out](const TrainProgress& p) {
      if (p.validation) *out = p.validation->score;
      return true;
    };
  };
  ASSERT_TRUE(Train(o, score(&trained)).ok());
  auto model = LoadAveragedModel(*Checkpoint::Load(o.out_dir + "/checkpoint.pt"));
  ASSERT_TRUE(model.ok());
  const auto bytes = ExportWeights(*model, {});
  ASSERT_TRUE(bytes.ok());
  const std::string path = dir_ + "/weights.safetensors";
  std::ofstream(path, std::ios::binary)
      .write(reinterpret_cast<const char*>(bytes->data()),
             static_cast<std::streamsize>(bytes->size()));
  TrainOptions next = Options("next", 1);
  next.recipe.learning_rate = 1e-9;
  next.recipe.final_learning_rate = 0;
  ASSERT_TRUE(Train(next, score(&fresh)).ok());
  next.init = path;
  const Status status = Train(next, score(&restarted));
  ASSERT_TRUE(status.ok()) << status.message();
  EXPECT_NEAR(restarted, trained, 0.02);  // integer layers were rounded on the way
  EXPECT_GT(fresh, trained + 0.1);

  // Blocks that the recipe adds change nothing in the beginning, and learn.
  double grown = 0;
  next.out_dir = dir_ + "/grown";
  next.recipe.model["analysis_blocks"] = next.recipe.model["synthesis_trunk_blocks"] = 3;
  ASSERT_TRUE(Train(next, score(&grown)).ok());
  EXPECT_NEAR(grown, restarted, 1e-4);
  next.out_dir = dir_ + "/learns";
  next.recipe.learning_rate = 2e-3;
  ASSERT_TRUE(Train(next, Ignore()).ok());
  const auto learns = Checkpoint::Load(next.out_dir + "/checkpoint.pt");
  ASSERT_TRUE(learns.ok());
  for (const char* name : {"model.g_a.blocks.2.reduce.weight", "model.g_s.trunk.2.out.weight"}) {
    EXPECT_GT(learns->tensors.at(name).abs().max().item<float>(), 1e-5) << name;
  }
  // Fewer blocks than the file has would throw away what it knows, unless that is wanted.
  next.out_dir = dir_ + "/shrunk";
  next.recipe.model["analysis_blocks"] = 0;
  const Status shrunk = Train(next, Ignore());
  EXPECT_EQ(shrunk.code(), StatusCode::kCorrupt);
  EXPECT_NE(shrunk.message().find("g_a.blocks.0"), std::string::npos) << shrunk.message();
  next.recipe.fewer_blocks = true;
  next.recipe.learning_rate = 1e-9;
  double without = 0;
  ASSERT_TRUE(Train(next, score(&without)).ok());
  EXPECT_GT(std::abs(without - restarted), 1e-5);  // a block did something
  EXPECT_LT(without, fresh);
}

TEST_F(TrainerTest, BadInput) {
  TrainOptions o = Options("bad", 0);
  EXPECT_EQ(Train(o, Ignore()).code(), StatusCode::kInvalidArgument);  // no length
  o = Options("bad", 1);
  o.packs = {dir_ + "/missing"};
  EXPECT_EQ(Train(o, Ignore()).code(), StatusCode::kIo);
  o = Options("bad", 1);
  o.device = "cuda";
  if (!torch::cuda::is_available()) {
    EXPECT_EQ(Train(o, Ignore()).code(), StatusCode::kInvalidArgument);
  }
  // Refused by name where a family's code would mix devices, with or without such a device.
  for (const std::string family : {"ae-refinement", "vqvae", "vqvae-refinement", "vqvae-small"}) {
    Recipe r;
    r.family = family;
    const Status status = CheckDevice(r, "cuda");
    EXPECT_EQ(status.code(), StatusCode::kInvalidArgument);
    EXPECT_NE(status.message().find("'" + family + "'"), std::string::npos) << status.message();
    EXPECT_TRUE(CheckDevice(r, "cpu").ok());
  }
  o = Options("bad", 1);
  o.device = "toaster";
  EXPECT_FALSE(Train(o, Ignore()).ok());
  o = Options("bad", 1);
  o.resume = true;
  EXPECT_EQ(Train(o, Ignore()).code(), StatusCode::kIo);
}

TEST_F(TrainerTest, ACheckpointIsWholeOrAbsent) {
  Checkpoint c;
  c.tensors["a"] = torch::arange(5);
  c.metadata["k"] = "v";
  const std::string path = dir_ + "/c.pt";
  ASSERT_TRUE(c.Save(path).ok());
  const auto back = Checkpoint::Load(path);
  ASSERT_TRUE(back.ok());
  EXPECT_TRUE(torch::equal(back->tensors.at("a"), c.tensors.at("a")));
  EXPECT_EQ(back->metadata.at("k"), "v");
  EXPECT_FALSE(std::filesystem::exists(path + ".part"));
  std::filesystem::resize_file(path, std::filesystem::file_size(path) / 2);
  EXPECT_EQ(Checkpoint::Load(path).status().code(), StatusCode::kCorrupt);
  EXPECT_EQ(c.Save("/nonexistent/c.pt").code(), StatusCode::kIo);
}

}  // namespace
}  // namespace halfmoon::training
