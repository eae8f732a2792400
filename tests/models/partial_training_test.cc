// Families that train a part of the AE codec, the rest frozen.
#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>

#include "models/networks/ae_weights.h"
#include "models/networks/vqvae_weights.h"
#include "models/training/families.h"
#include "models/training/loop/checkpoint.h"
#include "tests/models/trainer_fixture.h"

namespace halfmoon::training {
namespace {

struct Part {
  const char* name;
  const char* codec;                 // the family that the part belongs to
  const char* family;                // and the one that trains it
  std::vector<std::string> trained;  // how the names of its parameters begin
};

void WriteFile(const std::string& path, const std::vector<std::uint8_t>& bytes) {
  std::ofstream(path, std::ios::binary)
      .write(reinterpret_cast<const char*>(bytes.data()),
             static_cast<std::streamsize>(bytes.size()));
}

class PartialTrainingTest : public testing::TrainerTest,
                            public ::testing::WithParamInterface<Part> {
 protected:
  PartialTrainingTest() {
    at::set_num_threads(1);
    WriteFile(dir_ + "/large.hmnpack", testing::TestPack(5, 320).bytes);
  }

  TrainOptions CodecOptions(const std::string& out, std::int64_t steps) const {
    TrainOptions o = Options(out, steps);
    o.packs = {dir_ + "/large.hmnpack"};
    o.recipe.family = GetParam().codec;
    if (o.recipe.family == "vqvae") o.recipe.model = ToJson(testing::TinyVqvaeConfig());
    return o;
  }

  // A codec that knows a little, as a weights file without a refinement.
  void TrainCodec() {
    const Status status = Train(CodecOptions("codec", 40), Ignore());
    ASSERT_TRUE(status.ok()) << status.message();
    const auto codec = Checkpoint::Load(dir_ + "/codec/checkpoint.pt");
    const auto bytes = ExportCheckpoint(*codec, {{"training", "{\"steps\":40}"}});
    ASSERT_TRUE(bytes.ok()) << bytes.status().message();
    WriteFile(Weights(), *bytes);
  }

  std::string Weights() const { return dir_ + "/weights.safetensors"; }

  TrainOptions PartOptions(const std::string& out, std::int64_t steps) const {
    TrainOptions o = CodecOptions(out, steps);
    o.recipe.family = GetParam().family;
    o.recipe.model["refine_blocks"] = 1;
    o.recipe.model["refine_channels"] = 16;
    o.recipe.loss["pool"] = 16;
    o.recipe.ema = 0.5;
    o.init = Weights();
    return o;
  }

  torch::OrderedDict<std::string, torch::Tensor> FileParameters() const {
    const auto file = runtime::WeightsFile::FromFile(Weights());
    if (GetParam().codec == std::string("vqvae"))
      return (*networks::ImportVqvae(*file))->named_parameters();
    return (*networks::ImportAutoencoder(*file))->named_parameters();
  }

  static bool IsTrained(const std::string& name) {
    for (const std::string& prefix : GetParam().trained)
      if (name.starts_with(prefix)) return true;
    return false;
  }
};

// Nothing but the part changes, pictures get better at the same bits, and a resumed run makes its
// pool of crops again.
TEST_P(PartialTrainingTest, APartLearnsAlone) {
  TrainCodec();
  std::vector<ValidationReport> reports;
  double gain_db = 0;  // of the crops that were trained on last
  auto note = [&](const TrainProgress& p) {
    if (p.validation) reports.push_back(*p.validation);
    for (const auto& [name, value] : p.figures)
      if (name == "gain_db") gain_db = value;
    return true;
  };
  ASSERT_TRUE(Train(PartOptions("start", 1), note).ok());
  EXPECT_NEAR(gain_db, 0, 1e-6);  // a new refinement is the identity
  const TrainOptions whole = PartOptions("whole", 60);
  const Status status = Train(whole, note);
  ASSERT_TRUE(status.ok()) << status.message();
  EXPECT_GT(gain_db, 0.03);
  ASSERT_EQ(reports.size(), 2u);
  for (std::size_t i = 0; i < reports[0].points.size(); ++i)
    EXPECT_DOUBLE_EQ(reports[1].points[i].bpp, reports[0].points[i].bpp);

  const auto started = Checkpoint::Load(dir_ + "/start/checkpoint.pt");
  const auto trained = Checkpoint::Load(whole.out_dir + "/checkpoint.pt");
  ASSERT_TRUE(started.ok());
  ASSERT_TRUE(trained.ok());
  EXPECT_EQ(trained->metadata.at("before"), "{\"steps\":40}");
  int frozen = 0, changed = 0;
  for (const auto& [name, tensor] : started->tensors) {
    const std::string prefix = "model.";  // parameters and, of a VQ-VAE, codebooks
    if (!name.starts_with(prefix)) continue;
    const bool same = torch::equal(tensor, trained->tensors.at(name));
    if (IsTrained(name.substr(prefix.size()))) {
      changed += same ? 0 : 1;
    } else {
      EXPECT_TRUE(same) << name;
      ++frozen;
    }
  }
  EXPECT_GT(frozen, 50);
  EXPECT_GT(changed, 10);
  // And what is frozen is what the file holds, in the averaged weights as well.
  int averaged = 0;
  for (const auto& p : FileParameters()) {
    ++averaged;
    EXPECT_TRUE(torch::equal(p.value(), trained->tensors.at("average." + p.key()))) << p.key();
  }
  EXPECT_GT(averaged, 50);

  TrainOptions half = PartOptions("half", 60);
  half.validate_minutes = 0;  // a report, and so a chance to stop, after every step
  int calls = 0;
  ASSERT_TRUE(Train(half, [&](const TrainProgress&) { return ++calls < 5; }).ok());
  half.validate_minutes = 5;
  half.resume = true;
  half.init.clear();
  ASSERT_TRUE(Train(half, Ignore()).ok());
  const auto resumed = Checkpoint::Load(half.out_dir + "/checkpoint.pt");
  ASSERT_TRUE(resumed.ok());
  EXPECT_EQ(resumed->metadata.at("before"), "{\"steps\":40}");
  for (const auto& [name, tensor] : trained->tensors)
    EXPECT_TRUE(torch::equal(tensor, resumed->tensors.at(name))) << name;
}

// Of the AE codec alone; the VQ-VAE codec's recipes can't add blocks.
class GrowingTest : public PartialTrainingTest {};

// Blocks that a recipe adds to a trained refinement change nothing in the beginning.
TEST_P(GrowingTest, TheRefinementGrowsFromWhatItIs) {
  TrainCodec();
  double score = 0;
  auto note = [&](const TrainProgress& p) {
    if (p.validation) score = p.validation->score;
    return true;
  };
  TrainOptions o = PartOptions("part", 60);
  ASSERT_TRUE(Train(o, note).ok());
  const double trained = score;
  const auto bytes = ExportCheckpoint(*Checkpoint::Load(o.out_dir + "/checkpoint.pt"), {});
  ASSERT_TRUE(bytes.ok()) << bytes.status().message();
  WriteFile(Weights(), *bytes);
  o = PartOptions("grown", 1);
  o.recipe.model["refine_blocks"] = 3;
  o.recipe.learning_rate = 1e-9;
  o.recipe.final_learning_rate = 0;
  const Status status = Train(o, note);
  ASSERT_TRUE(status.ok()) << status.message();
  EXPECT_NEAR(score, trained, 2e-4);
}

// Decoding the pool takes minutes of a real run; stopping must not wait for it.
TEST_P(PartialTrainingTest, ARunCanBeStoppedWhileItPrepares) {
  TrainCodec();
  TrainOptions o = PartOptions("stopped", 5);
  o.recipe.loss["pool"] = 2000;
  o.report_seconds = 0;
  std::vector<double> prepared;
  ASSERT_TRUE(Train(o, [&](const TrainProgress& p) {
                prepared.push_back(p.prepared);
                return false;
              }).ok());
  ASSERT_FALSE(prepared.empty());
  EXPECT_LT(prepared.front(), 0.02);
  EXPECT_GT(prepared.front(), 0);
  const auto stopped = Checkpoint::Load(o.out_dir + "/checkpoint.pt");
  ASSERT_TRUE(stopped.ok());
  EXPECT_EQ(stopped->metadata.at("step"), "0");
}

TEST_P(PartialTrainingTest, BadInput) {
  TrainOptions bad = PartOptions("bad", 1);
  bad.recipe.loss["pool"] = 3;
  EXPECT_NE(Train(bad, Ignore()).message().find("'pool'"), std::string::npos);
  bad = PartOptions("bad", 1);
  bad.recipe.loss["lake"] = 20;
  EXPECT_NE(Train(bad, Ignore()).message().find("'lake'"), std::string::npos);
  bad = PartOptions("bad", 1);
  bad.recipe.late_crop_from = 0.5;
  EXPECT_NE(Train(bad, Ignore()).message().find("'late_crop_from'"), std::string::npos);
  bad = PartOptions("bad", 1);
  bad.init.clear();
  EXPECT_NE(Train(bad, Ignore()).message().find("--init"), std::string::npos);
  bad = PartOptions("bad", 1);
  bad.recipe.model["refine_blocks"] = 0;
  EXPECT_NE(Train(bad, Ignore()).message().find("'refine_blocks'"), std::string::npos);
}

const Part kRefinement = {"Refinement", "ae", "ae-refinement", {"g_s.refine."}};
const Part kVqvaeRefinement = {"VqvaeRefinement", "vqvae", "vqvae-refinement", {"g_s.refine."}};

std::string PartName(const ::testing::TestParamInfo<Part>& part) { return part.param.name; }

INSTANTIATE_TEST_SUITE_P(Families, PartialTrainingTest,
                         ::testing::Values(kRefinement, kVqvaeRefinement), PartName);
INSTANTIATE_TEST_SUITE_P(Families, GrowingTest, ::testing::Values(kRefinement), PartName);

}  // namespace
}  // namespace halfmoon::training
