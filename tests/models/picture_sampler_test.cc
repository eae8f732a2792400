#include "models/training/data/picture_sampler.h"

#include <gtest/gtest.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>

#include "models/networks/classifier.h"
#include "models/runtime/weights/safetensors.h"
#include "models/training/families.h"
#include "models/training/loop/checkpoint.h"
#include "models/training/loop/run_random.h"
#include "models/training/loop/trainer.h"

namespace halfmoon::training {
namespace {

// `count` grey 6x6 pictures of two classes: dark with a bright left half, or the mirror image.
Pack LabelledPack(int count, bool captions = true) {
  PackWriter writer;
  writer.SetClasses({"left", "right"});
  for (int i = 0; i < count; ++i) {
    PackEntry e;
    e.width = e.height = 6;
    e.grey = true;
    e.label = i % 2;
    e.validation = i % 5 == 4;
    std::vector<std::uint8_t> samples(36, static_cast<std::uint8_t>(10 + i % 7));
    for (std::size_t k = 0; k < 36; ++k) {
      if ((k % 6 < 3) == (e.label == 0)) samples[k] = static_cast<std::uint8_t>(200 + i % 11);
    }
    EXPECT_TRUE(writer.Add(e, samples, captions ? "picture " + std::to_string(i) : "").ok());
  }
  const std::string path =
      ::testing::TempDir() + "sampler_" + std::to_string(getpid()) + ".hmnpack";
  const auto bytes = writer.Finish();
  std::ofstream(path, std::ios::binary)
      .write(reinterpret_cast<const char*>(bytes.data()),
             static_cast<std::streamsize>(bytes.size()));
  auto pack = Pack::Read(path);
  EXPECT_TRUE(pack.ok());
  std::filesystem::remove(path);
  return std::move(*pack);
}

TEST(PictureSampler, PadsRepeatsAndKeepsLabelsAndCaptions) {
  std::vector<Pack> packs;
  packs.push_back(LabelledPack(10));
  const auto s = PictureSampler::Create(packs, PictureSampler::Part::kTraining, 3, 8, torch::kCPU);
  ASSERT_TRUE(s.ok()) << s.status().message();
  EXPECT_EQ(s->size(), 8);
  EXPECT_EQ(s->captions()[4], "picture 5");  // 4 is for validation
  EXPECT_EQ(s->classes(), (std::vector<std::string>{"left", "right"}));
  const auto batch = s->Slice(1, 2);
  EXPECT_EQ(batch.pictures.sizes(), (std::vector<std::int64_t>{2, 3, 8, 8}));
  EXPECT_EQ(batch.labels[0].item<int>(), 1);
  EXPECT_EQ(batch.pictures[0][0][0][0].item<float>(), 0);  // the margin
  EXPECT_FLOAT_EQ(batch.pictures[0][2][4][6].item<float>(), 201.0f / 255);
  const auto validation =
      PictureSampler::Create(packs, PictureSampler::Part::kValidation, 1, 6, torch::kCPU);
  EXPECT_EQ(validation->size(), 2);
}

TEST(PictureSampler, FlipsMirrorPicturesAndSeedsRepeat) {
  std::vector<Pack> packs;
  packs.push_back(LabelledPack(2));
  const auto s = PictureSampler::Create(packs, PictureSampler::Part::kTraining, 1, 6, torch::kCPU);
  at::Generator g = MakeGenerator(torch::kCPU);
  g.set_current_seed(5);
  const auto batch = s->Sample(200, true, g);
  int mirrored = 0;
  for (int i = 0; i < 200; ++i) {
    const bool bright_left = batch.pictures[i][0][0][0].item<float>() > 0.5f;
    mirrored += bright_left != (batch.labels[i].item<int>() == 0);
  }
  EXPECT_GT(mirrored, 60);
  EXPECT_LT(mirrored, 140);
  g.set_current_seed(5);
  EXPECT_TRUE(torch::equal(s->Sample(200, true, g).pictures, batch.pictures));
}

TEST(PictureSampler, RefusesPicturesThatDoNotFit) {
  std::vector<Pack> packs;
  packs.push_back(LabelledPack(4));
  for (const std::int64_t side : {4, 7}) {
    const auto s =
        PictureSampler::Create(packs, PictureSampler::Part::kTraining, 1, side, torch::kCPU);
    EXPECT_EQ(s.status().code(), StatusCode::kInvalidArgument);
    EXPECT_NE(s.status().message().find("6x6"), std::string::npos);
  }
}

TEST(ClassifierTask, LearnsTwoClassesAndIsExported) {
  const std::string dir = ::testing::TempDir() + "classifier_" + std::to_string(getpid());
  std::filesystem::create_directories(dir);
  const Pack pack = LabelledPack(60, false);
  std::ofstream(dir + "/p.hmnpack", std::ios::binary)
      .write(reinterpret_cast<const char*>(pack.bytes.data()),
             static_cast<std::streamsize>(pack.bytes.size()));
  TrainOptions o;
  o.recipe.name = "tiny-classifier";
  o.recipe.family = "classifier";
  o.recipe.model = {{"side", 8}, {"widths", {8, 16}}, {"features", 8}};
  o.recipe.batch = 16;
  o.recipe.warmup_steps = 5;
  o.recipe.learning_rate = 4e-3;
  o.recipe.ema = 0.8;
  o.packs = {dir + "/p.hmnpack"};
  o.out_dir = dir + "/run";
  o.budget.steps = 60;
  o.workers = 1;
  o.precision = "float32";
  double accuracy = 0;
  const Status status = Train(o, [&](const TrainProgress& p) {
    if (p.validation) accuracy = p.validation->figures[0].second;
    return true;
  });
  ASSERT_TRUE(status.ok()) << status.message();
  EXPECT_GT(accuracy, 0.95);
  const auto checkpoint = Checkpoint::Load(o.out_dir + "/checkpoint.pt");
  const auto bytes = ExportCheckpoint(*checkpoint, {{"name", "tiny"}});
  ASSERT_TRUE(bytes.ok()) << bytes.status().message();
  const auto file = runtime::WeightsFile::FromBytes(*bytes);
  EXPECT_EQ(*file->Metadata("architecture"), "classifier");
  EXPECT_EQ(FromMetadata<ClassifierConfig>(file->metadata())->classes.size(), 2u);
  std::filesystem::remove_all(dir);
}

}  // namespace
}  // namespace halfmoon::training
