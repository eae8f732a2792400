// Training near a base: what an update file is made of.
#include "models/networks/base_weights.h"

#include <gtest/gtest.h>

#include "models/networks/ae_weights.h"
#include "models/training/export/exporter.h"
#include "models/training/export/weights_update.h"
#include "models/training/families.h"
#include "models/training/photo/ae_task.h"
#include "tests/models/trainer_fixture.h"

namespace halfmoon::training {
namespace {

using networks::Autoencoder;
using networks::BaseWeights;
using runtime::WeightsFile;

TEST(BaseStepsTest, TheLongestNameCounts) {
  const networks::BaseSteps steps = {{"g_a", 4}, {"g_a.linear", 0}, {"g", 9}};
  EXPECT_EQ(networks::StepsOf(steps, "g_a.in.weight"), 4);
  EXPECT_EQ(networks::StepsOf(steps, "g_a.linear.weight"), 0);
  EXPECT_EQ(networks::StepsOf(steps, "g_s.in.weight"), 1);  // "g" is no part of "g_s"
  EXPECT_EQ(networks::StepsOf({}, "h_a.in.weight"), 1);
}

TEST(RoundedNearTest, GoesByMultiplesFromTheBase) {
  const torch::Tensor base = torch::tensor({5.0, -3.0, 126.0, 0.0});
  const torch::Tensor x = torch::tensor({6.6, -4.4, 131.0, -0.4});
  EXPECT_TRUE(
      torch::equal(networks::RoundedNear(x, base, 3, 127), torch::tensor({8.0, -3.0, 127.0, 0.0})));
  EXPECT_TRUE(torch::equal(networks::RoundedNear(x, base, 0, 127), base));
  EXPECT_TRUE(
      torch::equal(networks::RoundedNear(x, base, 1, 127), torch::tensor({7.0, -4.0, 127.0, 0.0})));
}

AeConfig BytesConfig() {
  AeConfig config = halfmoon::testing::TinyConfig();
  config.weight_bits = 8;
  return config;
}

class BaseWeightsTest : public halfmoon::testing::TrainerTest {
 protected:
  BaseWeightsTest() : path_(dir_ + "/base.safetensors") { Write(BytesConfig()); }
  void Write(const AeConfig& config) const {
    torch::manual_seed(5);
    Autoencoder model(config);
    model->eval();
    const auto bytes = ExportWeights(model, {{"name", "base"}});
    std::ofstream(path_, std::ios::binary)
        .write(reinterpret_cast<const char*>(bytes->data()),
               static_cast<std::streamsize>(bytes->size()));
  }
  TrainOptions NearBase(const std::string& out, std::int64_t steps) const {
    TrainOptions o = Options(out, steps);
    o.recipe.model["weight_bits"] = 8;
    o.recipe.base = path_;
    o.recipe.base_steps = {{"g_a", 4}, {"g_a.linear", 0}, {"g_s", 2}, {"context", 3}, {"h_s", 0}};
    o.recipe.quantise_from = 0.5;
    o.init = path_;
    return o;
  }
  // The weights file that a run ends with.
  static Result<WeightsFile> Trained(const TrainOptions& o) {
    HALFMOON_RETURN_IF_ERROR(Train(o, Ignore()));
    HALFMOON_ASSIGN_OR_RETURN(const Checkpoint checkpoint,
                              Checkpoint::Load(o.out_dir + "/checkpoint.pt"));
    HALFMOON_ASSIGN_OR_RETURN(const auto bytes,
                              ExportCheckpoint(checkpoint, {{"name", "trained"}}));
    return WeightsFile::FromBytes(bytes);
  }
  std::string path_;
};

// Whole numbers of a tensor, I8 or I16.
std::vector<int> Whole(const WeightsFile& file, const std::string& name) {
  const auto view = file.Get(name);
  EXPECT_TRUE(view.ok()) << name;
  if (view->dtype == runtime::DType::kI8) {
    const auto v = view->Values<std::int8_t>();
    return {v.begin(), v.end()};
  }
  const auto v = view->Values<std::int16_t>();
  return {v.begin(), v.end()};
}

TEST_F(BaseWeightsTest, WhatIsExportedDiffersByMultiples) {
  const TrainOptions o = NearBase("near", 30);
  const auto file = Trained(o), base = WeightsFile::FromFile(path_);
  ASSERT_TRUE(file.ok()) << file.status().message();
  const std::pair<const char*, int> layers[] = {{"g_a.in.weight", 4},   {"g_s.up.weight", 2},
                                                {"h_a.in.weight", 1},   {"prior.b1.weight", 3},
                                                {"prior.d2.weight", 3}, {"g_a.linear.weight", 0},
                                                {"prior.h1.weight", 0}};
  for (const auto& [name, multiple] : layers) {
    const std::vector<int> a = Whole(*file, name), b = Whole(*base, name);
    ASSERT_EQ(a.size(), b.size());
    std::size_t moved = 0, odd = 0;
    for (std::size_t i = 0; i < a.size(); ++i) {
      if (a[i] == b[i]) continue;
      ++moved;
      // The end of the range is where a step is cut short.
      odd += multiple > 0 && (a[i] - b[i]) % multiple != 0 && std::abs(a[i]) != 127;
    }
    EXPECT_EQ(moved > 0, multiple > 0) << name;
    EXPECT_EQ(odd, 0u) << name;
  }
  // Steps and the integer layers' sizes are the base's, so an update need not hold them.
  for (const char* name : {"g_a.in.weight.step", "prior.b1.multiplier", "prior.b1.shift"}) {
    const auto a = file->Get(name), b = base->Get(name);
    EXPECT_TRUE(std::equal(a->bytes.begin(), a->bytes.end(), b->bytes.begin(), b->bytes.end()))
        << name;
  }
}

// Of a base in half floats an update holds what was free, and nothing of the rest.
TEST_F(BaseWeightsTest, HalfFloatsAreHeldOrFree) {
  Write(halfmoon::testing::TinyConfig());
  TrainOptions o = NearBase("half", 10);
  o.recipe.model["weight_bits"] = 16;
  o.recipe.base_steps = {{"g_a", 0},     {"g_s", 0}, {"g_s.out", 1},
                         {"context", 0}, {"h_s", 0}, {"h_a", 0}};
  const auto file = Trained(o), base = WeightsFile::FromFile(path_);
  ASSERT_TRUE(file.ok()) << file.status().message();
  const auto update = MakeUpdate(*file, *base, "base.safetensors");
  ASSERT_TRUE(update.ok()) << update.status().message();
  std::ofstream(dir_ + "/update.safetensors", std::ios::binary)
      .write(reinterpret_cast<const char*>(update->data()),
             static_cast<std::streamsize>(update->size()));
  const std::string text(update->begin(), update->end());
  for (const char* name : {"g_s.out.weight", "gain.forward.anchors", "g_a.in.bias"})
    EXPECT_NE(text.find(name), std::string::npos) << name;
  for (const char* name : {"g_a.in.weight", "g_s.in.weight", "g_a.linear.weight", "h_a.in.weight",
                           "prior.h1.weight", "prior.b1.weight", "prior.b1.multiplier"})
    EXPECT_EQ(text.find(name), std::string::npos) << name;
  const auto merged = WeightsFile::FromFile(dir_ + "/update.safetensors");
  ASSERT_TRUE(merged.ok()) << merged.status().message();
  EXPECT_EQ(merged->identity_hex(), file->identity_hex());
}

TEST_F(BaseWeightsTest, TrainingSeesTheWeightsThatAreExported) {
  const TrainOptions o = NearBase("task", 1);
  auto task = AeTask::Create(o.recipe, {*Pack::Read(dir_ + "/data.hmnpack")}, 1, torch::kCPU);
  ASSERT_TRUE(task.ok()) << task.status().message();
  ASSERT_TRUE((*task)->ImportWeightsFile(path_).ok());
  auto parameters = (*task)->network().named_parameters();
  EXPECT_FALSE(parameters["g_a.linear.weight"].requires_grad());
  EXPECT_FALSE(parameters["h_s.h0.weight"].requires_grad());
  EXPECT_TRUE(parameters["h_s.h0.bias"].requires_grad());
  torch::Tensor weight = parameters["g_a.in.weight"];
  const torch::Tensor base = weight.detach().clone();
  {
    torch::NoGradGuard no_grad;
    weight.add_(torch::randn_like(weight) * 0.05);
  }
  const torch::Tensor own = weight.detach().clone();
  (*task)->BeforeStep({0, 0.9, 0, 1});
  const auto file = WeightsFile::FromFile(path_);
  const auto steps = file->Get("g_a.in.weight.step")->Values<float>();
  const torch::Tensor step = torch::tensor(at::ArrayRef<float>(steps)).view({-1, 1, 1, 1});
  const torch::Tensor multiples = (weight.detach() - base) / (4 * step);
  const torch::Tensor at_end = (weight.detach() / step).abs() > 126.5;
  EXPECT_TRUE((((multiples - multiples.round()).abs() < 1e-3) | at_end).all().item<bool>());
  EXPECT_FALSE(torch::equal(weight, own));
  (*task)->BeforeUpdate();
  EXPECT_TRUE(torch::equal(weight, own));
}

TEST_F(BaseWeightsTest, DecayPullsTowardsTheBase) {
  TrainOptions o = NearBase("decay", 1);
  o.recipe.base_decay = 10;
  o.recipe.learning_rate = 0.01;
  o.recipe.warmup_steps = 0;
  auto task = AeTask::Create(o.recipe, {*Pack::Read(dir_ + "/data.hmnpack")}, 1, torch::kCPU);
  ASSERT_TRUE(task.ok()) << task.status().message();
  ASSERT_TRUE((*task)->ImportWeightsFile(path_).ok());
  torch::Tensor weight = (*task)->network().named_parameters()["context.pass1.a.weight"];
  const torch::Tensor base = weight.detach().clone();
  {
    torch::NoGradGuard no_grad;
    weight.add_(1);
  }
  (*task)->AfterStep({0, 0, 0, 1});
  EXPECT_TRUE(torch::allclose(weight - base, torch::full_like(base, 0.9), 1e-4, 1e-4));
}

TEST_F(BaseWeightsTest, SaysWhatDoesNotFit) {
  AeConfig other = BytesConfig();
  other.block_channels = 24;
  const auto file = WeightsFile::FromFile(path_);
  EXPECT_EQ(BaseWeights::Create(*file, other, {}).status().code(), StatusCode::kModelMismatch);
  other = BytesConfig();
  other.lambda_max *= 2;
  EXPECT_TRUE(BaseWeights::Create(*file, other, {}).ok());
  TrainOptions o = NearBase("wrong", 1);
  o.recipe.model["prior_hidden"] = 48;
  const Status status = Train(o, Ignore());
  EXPECT_EQ(status.code(), StatusCode::kModelMismatch);
  EXPECT_NE(status.message().find("base.safetensors"), std::string::npos) << status.message();
  o = NearBase("fresh", 1);
  o.init = "";
  EXPECT_EQ(Train(o, Ignore()).code(), StatusCode::kInvalidArgument);
  o = NearBase("halves", 1);
  o.recipe.model["weight_bits"] = 16;
  EXPECT_EQ(Train(o, Ignore()).code(), StatusCode::kModelMismatch);
}

}  // namespace
}  // namespace halfmoon::training
