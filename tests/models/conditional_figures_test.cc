// Figures of pictures drawn from classes: pictures whose figures are known beforehand.
#include "models/training/generative/conditional_figures.h"

#include <gtest/gtest.h>
#include <torch/torch.h>

#include <fstream>
#include <memory>

#include "models/networks/classifier.h"
#include "models/training/families.h"
#include "models/training/loop/checkpoint.h"

namespace halfmoon::training {
namespace {

constexpr int kSide = 12;

class ConditionalFiguresTest : public ::testing::Test {
 protected:
  void SetUp() override {
    PackWriter writer;
    for (int i = 0; i < 60; ++i) {
      PackEntry entry;
      entry.width = entry.height = kSide;
      entry.grey = true;
      entry.label = i % 3;
      entry.validation = i % 2 == 0;
      std::vector<std::uint8_t> samples;
      for (int k = 0; k < kSide * kSide; ++k) {
        samples.push_back(
            static_cast<std::uint8_t>((k * (entry.label + 2) + i * 7 + k * k % 13) % 256));
      }
      (entry.validation ? held_out_ : learnt_).push_back(samples);
      if (entry.validation) labels_.push_back(kNames[static_cast<std::size_t>(entry.label)]);
      ASSERT_TRUE(writer.Add(entry, samples, "").ok());
    }
    writer.SetClasses({kNames.begin(), kNames.end()});
    const std::string path = ::testing::TempDir() + "conditional.hmnpack";
    const std::vector<std::uint8_t> bytes = writer.Finish();
    std::ofstream(path, std::ios::binary)
        .write(reinterpret_cast<const char*>(bytes.data()),
               static_cast<std::streamsize>(bytes.size()));
    packs_.push_back(*Pack::Read(path));

    torch::manual_seed(8);
    ClassifierConfig c;
    c.pyramid.side = kSide;
    c.pyramid.widths = {8, 8};
    c.features = 6;
    c.classes = {kNames.begin(), kNames.end()};
    networks::Classifier classifier(c);
    Checkpoint checkpoint;
    checkpoint.metadata = ToMetadata(c);
    checkpoint.metadata["family"] = "classifier";
    for (const auto& p : classifier->named_parameters()) {
      checkpoint.tensors["average." + p.key()] = p.value().detach();
    }
    const auto file = ExportCheckpoint(checkpoint, {});
    ASSERT_TRUE(file.ok()) << file.status().message();
    classifier_ = std::make_unique<runtime::WeightsFile>(*runtime::WeightsFile::FromBytes(*file));
  }

  DrawnPictures Drawn(std::vector<std::vector<std::uint8_t>> pictures,
                      std::vector<std::string> classes) {
    return {kSide, 1, std::move(pictures), std::move(classes)};
  }

  inline static const std::vector<std::string> kNames = {"one", "two", "three"};
  std::vector<std::vector<std::uint8_t>> held_out_, learnt_;
  std::vector<std::string> labels_;  // of held_out_
  std::vector<Pack> packs_;
  std::unique_ptr<runtime::WeightsFile> classifier_;
};

TEST_F(ConditionalFiguresTest, TheTestPicturesThemselvesAreAsGoodAsTheTestPictures) {
  const auto f = MeasureConditional(Drawn(held_out_, labels_), classifier_.get(), packs_, 4);
  ASSERT_TRUE(f.ok()) << f.status().message();
  EXPECT_DOUBLE_EQ(f->accuracy, f->classifier_accuracy);
  EXPECT_NEAR(f->spread, 1, 1e-6);
  EXPECT_NEAR(f->frechet, 0, 1e-6);
  EXPECT_GT(f->frechet_training, f->frechet);
  ASSERT_EQ(f->neighbour_distances.size(), 4u);
  EXPECT_GT(f->neighbour_distances[0], 1);
  EXPECT_EQ(f->shown[2], held_out_[2]);
}

TEST_F(ConditionalFiguresTest, CopiesAndRepetitionsAreSeen) {
  std::vector<std::vector<std::uint8_t>> same(10, learnt_[3]);
  const auto f = MeasureConditional(Drawn(same, std::vector<std::string>(10, "two")),
                                    classifier_.get(), packs_, 2);
  ASSERT_TRUE(f.ok()) << f.status().message();
  EXPECT_LT(f->neighbour_distances[0], 0.1);
  EXPECT_EQ(f->neighbours[1], learnt_[3]);
  EXPECT_GT(f->validation_distance, 1);
  EXPECT_NEAR(f->class_spread[1], 0, 1e-3);
  EXPECT_TRUE(f->accuracy == 0 || f->accuracy == 1);
  EXPECT_EQ(f->class_accuracy[1], f->accuracy);
  EXPECT_EQ(f->class_accuracy[0], 0);
}

TEST_F(ConditionalFiguresTest, WithoutAClassifierOnlyTheNeighbours) {
  const auto f = MeasureConditional(Drawn(held_out_, {}), nullptr, packs_, 3);
  ASSERT_TRUE(f.ok()) << f.status().message();
  EXPECT_TRUE(f->classes.empty());
  EXPECT_EQ(f->neighbours.size(), 3u);
}

TEST_F(ConditionalFiguresTest, ErrorsSayWhatDoesNotFit) {
  auto labels = labels_;
  labels[4] = "four";
  const auto unknown = MeasureConditional(Drawn(held_out_, labels), classifier_.get(), packs_, 0);
  EXPECT_NE(unknown.status().message().find("'four'"), std::string::npos)
      << unknown.status().message();
  EXPECT_FALSE(
      MeasureConditional(Drawn({held_out_[0]}, {"one"}), classifier_.get(), packs_, 0).ok());
}

}  // namespace
}  // namespace halfmoon::training
