#include "models/training/loop/recipe.h"

#include <gtest/gtest.h>

#include <filesystem>

#include "models/runtime/weights/manifest.h"
#include "models/training/loop/schedule.h"

namespace halfmoon::training {
namespace {

TEST(RecipeTest, RoundTrip) {
  Recipe r;
  r.name = "x";
  r.batch = 3;
  r.base = "w.safetensors";
  r.base_steps = {{"g_a", 4}, {"g_a.linear", 0}};
  r.base_decay = 0.5;
  r.model = {{"block_channels", 48}, {"lambda_min", 0.002}};
  const auto back = Recipe::FromJson(r.ToJson(), "test");
  ASSERT_TRUE(back.ok()) << back.status().message();
  EXPECT_EQ(back->ToJson(), r.ToJson());
}

TEST(RecipeTest, NamesWhatIsWrong) {
  const std::pair<const char*, const char*> cases[] = {
      {"{\"batsh\": 3}", "'batsh'"},
      {"{\"batch\": 0}", "'batch'"},
      {"{\"crop\": 100}", "'crop'"},
      {"{\"optimizer\": \"sgd\"}", "\"muon\" and \"adam\""},
      {"{\"quantiser\": \"trellis\"}", "\"rounding\" and \"dependent\""},
      {"{\"quantiser\": \"dependent\", \"family\": \"vqvae\"}", "family 'vqvae'"},
      {"{\"model\": {\"weight_bits\": 8}, \"family\": \"vqvae\"}", "'weight_bits'"},
      {"{\"by_synthesis\": true, \"family\": \"vqvae\"}", "family 'vqvae'"},
      {"{\"base\": \"w.safetensors\", \"family\": \"vqvae\"}", "family 'vqvae'"},
      {"{\"base_decay\": 1}", "need 'base'"},
      {"{\"base_steps\": {\"g_a\": 2}}", "need 'base'"},
      {"{\"base\": \"w.safetensors\", \"base_steps\": {\"g_a\": -1}}", "'g_a'"},
      {"{\"base\": \"w.safetensors\", \"base_decay\": -1}", "'base_decay'"},
      {"{\"model\": {\"width\": 3}}", "'width'"},
      {"{\"model\": {\"latent_channels\": 6}}", "multiple of 4"},
      {"{\"family\": \"gan\"}", "\"ae\""},
      {"{\"loss\": {\"beta\": 1}}", "'beta'"},
      {"{\"loss\": 3}", "'loss' is not a JSON object"},
      {"{\"ema\": 1}", "'ema'"},
      {"{\"batch\": \"three\"}", "test"},
      {"[]", "object"},
      {"{", "test"},
  };
  for (const auto& [json, expected] : cases) {
    const auto r = Recipe::FromJson(json, "test");
    ASSERT_FALSE(r.ok()) << json;
    EXPECT_EQ(r.status().code(), StatusCode::kInvalidArgument);
    EXPECT_NE(r.status().message().find(expected), std::string::npos) << r.status().message();
  }
  EXPECT_EQ(Recipe::FromFile("/nonexistent.json").status().code(), StatusCode::kIo);
}

TEST(RecipeTest, EveryRecipeOfThisRepositoryIsLegal) {
  const auto weights = runtime::FindModelsDirectory("");
  ASSERT_TRUE(weights.ok());
  int seen = 0;
  for (const auto& entry :
       std::filesystem::directory_iterator(weights->parent_path() / "training" / "recipes")) {
    const auto recipe = Recipe::FromFile(entry.path().string());
    EXPECT_TRUE(recipe.ok()) << recipe.status().message();
    ++seen;
  }
  EXPECT_GT(seen, 15);
}

TEST(RecipeTest, TheOptimisersOldNameIsRead) {
  const auto r = Recipe::FromJson(R"({"optimizer": "adamw"})", "test");
  ASSERT_TRUE(r.ok()) << r.status().message();
  EXPECT_EQ(r->optimizer, "adam");
}

TEST(ScheduleTest, WarmsUpHoldsAndAnneals) {
  Recipe r;
  r.learning_rate = 1;
  r.final_learning_rate = 0.01;
  r.warmup_steps = 10;
  r.decay_from = 0.5;
  EXPECT_NEAR(LearningRate(r, 0, 0), 0.1, 1e-12);
  EXPECT_NEAR(LearningRate(r, 100, 0.4), 1, 1e-12);
  EXPECT_NEAR(LearningRate(r, 100, 0.75), 0.505, 1e-12);
  EXPECT_NEAR(LearningRate(r, 100, 1), 0.01, 1e-12);
  const Budget b{.steps = 100, .minutes = 10};
  EXPECT_DOUBLE_EQ(b.Progress(50, 1), 0.5);
  EXPECT_DOUBLE_EQ(b.Progress(50, 8), 0.8);
  EXPECT_DOUBLE_EQ(b.Progress(500, 8), 1);
}

}  // namespace
}  // namespace halfmoon::training
