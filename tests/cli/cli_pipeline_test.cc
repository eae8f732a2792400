// From a folder of pictures to a model to compressed files, all through the program: what a user
// does who trains a model of their own. The model is tiny and barely trained; quality is not
// tested.
#include <gtest/gtest.h>

#include <algorithm>
#include <nlohmann/json.hpp>

#include "codec/imageio/image_io.h"
#include "tests/cli/cli_runner.h"

namespace halfmoon::testing {
namespace {

using Json = nlohmann::json;

constexpr char kRecipe[] = R"({
  "name": "tiny",
  "model": {"block_channels": 16, "trunk_channels": 24, "analysis_blocks": 1,
            "synthesis_blocks": 1, "analysis_trunk_blocks": 1, "synthesis_trunk_blocks": 1,
            "latent_channels": 32, "hyper_channels": 8, "hyper_width": 16, "prior_h0": 16,
            "prior_h1": 16, "prior_features": 24, "prior_hidden": 32},
  "batch": 2, "crop": 64, "data_note": "synthetic waves", "licence": "CC0-1.0"
})";

Json ParseJson(const CliResult& result) {
  Json json = Json::parse(result.out, nullptr, false);
  EXPECT_TRUE(json.is_object()) << result.out << result.err;
  return json;
}

// One model for all tests of this file.
class Pipeline : public ::testing::Test {
 protected:
  static void SetUpTestSuite() {
    home_ = new TempFolder;
    std::filesystem::create_directory(*home_ / "pictures");
    for (int i = 0; i < 6; ++i) {
      WritePicture(*home_ / ("pictures/p" + std::to_string(i) + ".png"), 280, 264, i);
    }
    WriteText(*home_ / "pictures/broken.png", "no picture");
    WriteText(*home_ / "recipe.json", kRecipe);
    std::filesystem::create_directory(*home_ / "models");

    pack_ = RunCli({"pack", *home_ / "pictures", "-o", *home_ / "a.hmnpack", "--validation-every",
                    "3", "--json"});
    train_ = RunCli({"train", "--recipe", *home_ / "recipe.json", "--data", *home_ / "a.hmnpack",
                     "--out", *home_ / "run", "--steps", "4", "--threads", "1"});
    export_ =
        RunCli({"export", *home_ / "run/checkpoint.pt", "-o", *home_ / "models/tiny-1.safetensors",
                "--name", "tiny-1", "--id", "7", "--manifest", *home_ / "models/manifest.json",
                "--data", *home_ / "a.hmnpack", "--json"});
  }
  static void TearDownTestSuite() {
    delete home_;
    home_ = nullptr;
  }

  static std::string Models() { return *home_ / "models"; }
  static CliResult Compress(const std::string& in, const std::string& out,
                            std::vector<std::string> more = {}) {
    more.insert(more.begin(),
                {"compress", in, "-o", out, "--model", "tiny-1", "--models-dir", Models()});
    return RunCli(more);
  }

  static TempFolder* home_;
  static CliResult pack_, train_, export_;
};

TempFolder* Pipeline::home_ = nullptr;
CliResult Pipeline::pack_, Pipeline::train_, Pipeline::export_;

TEST_F(Pipeline, PackReportsWhatItTookAndLeftOut) {
  EXPECT_EQ(pack_.exit_code, 0) << pack_.err;
  const Json json = ParseJson(pack_);
  EXPECT_EQ(json.at("unreadable"), 1);
  EXPECT_EQ(json.at("pictures").get<int>() + json.at("duplicates").get<int>(), 6);
  EXPECT_GE(json.at("pictures").get<int>(), 3);
  EXPECT_GE(json.at("validation").get<int>(), 1);
  EXPECT_NE(pack_.err.find("halfmoon: warning: "), std::string::npos);
}

TEST_F(Pipeline, TrainLeavesCheckpointLogAndRecipe) {
  EXPECT_EQ(train_.exit_code, 0) << train_.err;
  EXPECT_EQ(train_.out, (*home_ / "run/checkpoint.pt") + ": the run is complete\n");
  EXPECT_NE(train_.err.find("step 4 (100.0 %)"), std::string::npos) << train_.err;
  EXPECT_NE(train_.err.find("validation at step 4: score "), std::string::npos) << train_.err;
  for (const char* name : {"run/checkpoint.pt", "run/log.jsonl", "run/recipe.json"}) {
    EXPECT_TRUE(std::filesystem::exists(*home_ / name)) << name;
  }
  const CliResult plot = RunCli({"plot", *home_ / "run/log.jsonl", "-o", *home_ / "run/c.svg"});
  EXPECT_EQ(plot.exit_code, 0) << plot.err;
}

TEST_F(Pipeline, TrainDoesNotOverwriteAnotherRun) {
  const std::string before = ReadText(*home_ / "run/checkpoint.pt");
  const CliResult result =
      RunCli({"train", "--recipe", *home_ / "recipe.json", "--data", *home_ / "a.hmnpack", "--out",
              *home_ / "run", "--steps", "4", "--threads", "1"});
  EXPECT_EQ(result.exit_code, 7);
  EXPECT_EQ(result.err, "halfmoon: error: " + (*home_ / "run") +
                            ": holds the checkpoint of another run; continue it with --resume, "
                            "name another folder, or replace it with --force\n");
  EXPECT_EQ(ReadText(*home_ / "run/checkpoint.pt"), before);
}

TEST_F(Pipeline, CtrlCStopsWithACheckpointThatResumes) {
  const std::vector<std::string> train = {"train",
                                          "--recipe",
                                          *home_ / "recipe.json",
                                          "--data",
                                          *home_ / "a.hmnpack",
                                          "--out",
                                          *home_ / "stopped",
                                          "--threads",
                                          "1"};
  std::vector<std::string> endless = train;
  endless.insert(endless.end(), {"--steps", "100000000"});
  const CliResult stopped = RunCliAndInterrupt(endless, *home_ / "stopped/recipe.json");
  EXPECT_EQ(stopped.exit_code, 130) << stopped.err;
  EXPECT_NE(stopped.out.find("--resume continues the run"), std::string::npos) << stopped.out;
  ASSERT_TRUE(std::filesystem::exists(*home_ / "stopped/checkpoint.pt"));
  // A budget that is already spent: loads the checkpoint and ends.
  std::vector<std::string> resumed = train;
  resumed.insert(resumed.end(), {"--steps", "1", "--resume"});
  const CliResult again = RunCli(resumed);
  EXPECT_EQ(again.exit_code, 0) << again.err;
}

TEST_F(Pipeline, ExportWritesWeightsAndManifest) {
  EXPECT_EQ(export_.exit_code, 0) << export_.err;
  const Json json = ParseJson(export_);
  EXPECT_EQ(json.at("sha256").get<std::string>().size(), 64u);
  EXPECT_EQ(json.at("integer_path").at("levels").size(), 6u);
  const Json manifest = Json::parse(ReadText(Models() + "/manifest.json"), nullptr, false);
  ASSERT_EQ(manifest.size(), 1u);
  EXPECT_EQ(manifest[0].at("id"), 7);
  EXPECT_EQ(manifest[0].at("file"), "tiny-1.safetensors");
  EXPECT_EQ(manifest[0].at("identity"), json.at("hash"));
  EXPECT_EQ(manifest[0].at("licence"), "CC0-1.0");
  EXPECT_EQ(manifest[0].at("data"), "synthetic waves");
}

TEST_F(Pipeline, ExportFitsTheTablesOfAWeightsFile) {
  EXPECT_TRUE(ParseJson(export_).at("tables_percent").is_number());
  const TempFolder folder;
  const std::string weights = Models() + "/tiny-1.safetensors";
  const CliResult again = RunCli({"export", weights, "-o", folder / "b.safetensors", "--name", "b",
                                  "--data", *home_ / "a.hmnpack", "--json"});
  ASSERT_EQ(again.exit_code, 0) << again.err;
  // The same pictures, the same tables.
  EXPECT_EQ(ParseJson(again).at("hash"), ParseJson(export_).at("hash"));
  const CliResult alone =
      RunCli({"export", weights, "-o", folder / "c.safetensors", "--name", "c"});
  EXPECT_EQ(alone.exit_code, 2);
  EXPECT_NE(alone.err.find("--data PACK"), std::string::npos) << alone.err;
  EXPECT_EQ(folder.List(), std::vector<std::string>{"b.safetensors"});
}

TEST_F(Pipeline, TrainStartsFromAWeightsFile) {
  const CliResult result =
      RunCli({"train", "--recipe", *home_ / "recipe.json", "--data", *home_ / "a.hmnpack", "--out",
              *home_ / "tuned", "--init", Models() + "/tiny-1.safetensors", "--steps", "1",
              "--threads", "1", "--quiet"});
  EXPECT_EQ(result.exit_code, 0) << result.err;
  EXPECT_EQ(result.out + result.err, "");
  EXPECT_TRUE(std::filesystem::exists(*home_ / "tuned/checkpoint.pt"));
}

// A recipe with a base makes an update of it, which is a model like any other.
TEST_F(Pipeline, ExportMakesAnUpdateOfTheRecipesBase) {
  const TempFolder folder;
  Json recipe = Json::parse(kRecipe);
  recipe["model"]["weight_bits"] = 8;
  WriteText(folder / "base.json", recipe.dump());
  const auto train = [&](const std::string& name) {
    return RunCli({"train", "--recipe", folder / (name + ".json"), "--data", *home_ / "a.hmnpack",
                   "--out", folder / name, "--steps", "2", "--threads", "1", "--quiet"});
  };
  const auto make = [&](const std::string& name, const std::string& to, const char* id) {
    return RunCli({"export", folder / (name + "/checkpoint.pt"), "-o", to, "--name", name, "--id",
                   id, "--manifest", std::filesystem::path(to).parent_path() / "manifest.json",
                   "--json"});
  };
  std::filesystem::create_directory(folder / "models");
  ASSERT_EQ(train("base").exit_code, 0);
  const CliResult base = make("base", folder / "models/base.safetensors", "1");
  ASSERT_EQ(base.exit_code, 0) << base.err;
  recipe["base"] = folder / "models/base.safetensors";
  recipe["base_steps"] = {{"g_a", 0}, {"g_s.linear", 0}};
  WriteText(folder / "update.json", recipe.dump());
  const CliResult trained =
      RunCli({"train", "--recipe", folder / "update.json", "--data", *home_ / "a.hmnpack", "--out",
              folder / "update", "--init", folder / "models/base.safetensors", "--steps", "2",
              "--threads", "1", "--quiet"});
  ASSERT_EQ(trained.exit_code, 0) << trained.err;
  const CliResult update = make("update", folder / "models/update.safetensors", "2");
  ASSERT_EQ(update.exit_code, 0) << update.err;
  EXPECT_LT(ParseJson(update).at("bytes"), ParseJson(base).at("bytes"));
  EXPECT_NE(ParseJson(update).at("hash"), ParseJson(base).at("hash"));
  const Json manifest = Json::parse(ReadText(folder / "models/manifest.json"));
  EXPECT_EQ(manifest.at(1).at("format_version"), 3);

  WritePicture(folder / "in.png", 70, 45);
  const CliResult coded = RunCli({"compress", folder / "in.png", "-o", folder / "a.hmn", "--model",
                                  "update", "--models-dir", folder / "models"});
  ASSERT_EQ(coded.exit_code, 0) << coded.err;
  const CliResult back =
      RunCli({"decompress", folder / "a.hmn", "--models-dir", folder / "models"});
  EXPECT_EQ(back.exit_code, 0) << back.err;

  // Listed as previous weights, the base decodes its files under the update's id; replacing the
  // entry by another export keeps the list.
  Json listed = manifest;
  Json renewed = listed.at(1);
  renewed["id"] = 1;
  renewed["previous"] = Json::array({{{"file", "base.safetensors"},
                                      {"sha256", listed.at(0).at("sha256")},
                                      {"identity", listed.at(0).at("identity")},
                                      {"format_version", 2}}});
  const CliResult old = RunCli({"compress", folder / "in.png", "-o", folder / "old.hmn", "--model",
                                "base", "--models-dir", folder / "models"});
  ASSERT_EQ(old.exit_code, 0) << old.err;
  const CliResult before = RunCli({"decompress", folder / "old.hmn", "-o", folder / "before.png",
                                   "--models-dir", folder / "models"});
  ASSERT_EQ(before.exit_code, 0) << before.err;
  WriteText(folder / "models/manifest.json", Json::array({renewed}).dump());
  const CliResult again = RunCli({"export", folder / "update/checkpoint.pt", "-o",
                                  folder / "models/update.safetensors", "--name", "update", "--id",
                                  "1", "--manifest", folder / "models/manifest.json", "--force"});
  ASSERT_EQ(again.exit_code, 0) << again.err;
  const Json models = ParseJson(RunCli({"models", "--json", "--models-dir", folder / "models"}));
  EXPECT_EQ(models.at("models").at(0).at("previous_hashes"),
            Json::array({listed.at(0).at("identity")}));
  const CliResult after = RunCli({"decompress", folder / "old.hmn", "-o", folder / "after.png",
                                  "--models-dir", folder / "models"});
  ASSERT_EQ(after.exit_code, 0) << after.err;
  EXPECT_EQ(ReadText(folder / "after.png"), ReadText(folder / "before.png"));
  WriteText(folder / "models/manifest.json", listed.dump());

  std::filesystem::create_directory(folder / "elsewhere");
  const CliResult elsewhere = make("update", folder / "elsewhere/update.safetensors", "2");
  EXPECT_EQ(elsewhere.exit_code, 2);
  EXPECT_NE(elsewhere.err.find("same folder"), std::string::npos) << elsewhere.err;
  EXPECT_TRUE(std::filesystem::is_empty(folder / "elsewhere"));
  // Without its base an update is an error that names it.
  std::filesystem::remove(folder / "models/base.safetensors");
  const CliResult gone = RunCli(
      {"decompress", folder / "a.hmn", "-o", folder / "b.png", "--models-dir", folder / "models"});
  EXPECT_NE(gone.exit_code, 0);
  EXPECT_NE(gone.err.find("base.safetensors"), std::string::npos) << gone.err;
}

TEST_F(Pipeline, ExportKeepsOtherModelsAndAsksBeforeReplacing) {
  const TempFolder folder;
  const std::string other = R"([{"id": 3, "name": "other", "note": "kept as it is"}])";
  WriteText(folder / "manifest.json", other);
  std::vector<std::string> arguments = {"export",     *home_ / "run/checkpoint.pt",
                                        "-o",         folder / "b.safetensors",
                                        "--name",     "b",
                                        "--id",       "3",
                                        "--manifest", folder / "manifest.json"};
  const CliResult taken = RunCli(arguments);
  EXPECT_EQ(taken.exit_code, 7);
  EXPECT_NE(taken.err.find("id 3 is taken"), std::string::npos) << taken.err;
  EXPECT_EQ(ReadText(folder / "manifest.json"), other);
  EXPECT_EQ(folder.List(), std::vector<std::string>{"manifest.json"});
}

TEST_F(Pipeline, ModelsListsTheExportedModel) {
  const CliResult text = RunCli({"models", "--models-dir", Models()});
  EXPECT_EQ(text.exit_code, 0) << text.err;
  EXPECT_NE(text.out.find("tiny-1"), std::string::npos) << text.out;
  EXPECT_NE(text.out.find("--model overfitted"), std::string::npos) << text.out;
  const Json json = ParseJson(RunCli({"models", "--json", "--models-dir", Models()}));
  const Json& model = json.at("models").at(0);
  EXPECT_EQ(model.at("id"), 7);
  EXPECT_EQ(model.at("training").at("steps"), 4);
  EXPECT_GT(model.at("synthesis_kmac_per_pixel").get<double>(), 0);
}

TEST_F(Pipeline, RoundTripReportsMatchTheFiles) {
  const TempFolder folder;
  WritePicture(folder / "in.png", 70, 45);
  const CliResult result = Compress(folder / "in.png", folder / "a.hmn", {"--json", "--psnr"});
  ASSERT_EQ(result.exit_code, 0) << result.err;
  const Json json = ParseJson(result);
  const auto bytes = std::filesystem::file_size(folder / "a.hmn");
  EXPECT_EQ(json.at("output_bytes"), bytes);
  EXPECT_EQ(json.at("width"), 70);
  EXPECT_NEAR(json.at("bits_per_pixel").get<double>(), 8.0 * static_cast<double>(bytes) / (70 * 45),
              1e-9);

  const CliResult back =
      RunCli({"decompress", folder / "a.hmn", "--models-dir", Models(), "--json"});
  ASSERT_EQ(back.exit_code, 0) << back.err;
  EXPECT_EQ(ParseJson(back).at("output"), folder / "a.png");
  const auto image = ReadImageFile(folder / "a.png");
  ASSERT_TRUE(image.ok()) << image.status().message();
  EXPECT_EQ(image->width(), 70u);
  EXPECT_EQ(image->height(), 45u);

  // verify sees the same symbols as decompress.
  const CliResult verify =
      RunCli({"verify", "--symbols", folder / "a.hmn", "--models-dir", Models()});
  EXPECT_EQ(verify.exit_code, 0) << verify.err;
  EXPECT_EQ(verify.out, ParseJson(back).at("symbol_hash").get<std::string>() + "  " +
                            (folder / "a.hmn") + "\n");
  EXPECT_EQ(folder.List(), (std::vector<std::string>{"a.hmn", "a.png", "in.png"}));
}

TEST_F(Pipeline, HumanReportIsOneLine) {
  const TempFolder folder;
  WritePicture(folder / "in.png", 64, 64, 2, /*channels=*/1);
  const CliResult result = Compress(folder / "in.png", folder / "a.hmn", {"--psnr", "-q", "70"});
  ASSERT_EQ(result.exit_code, 0) << result.err;
  EXPECT_EQ(result.out.rfind((folder / "in.png") + " -> " + (folder / "a.hmn") + ": 64x64, ", 0),
            0u);
  EXPECT_NE(result.out.find(" bpp, PSNR "), std::string::npos) << result.out;
  EXPECT_EQ(std::count(result.out.begin(), result.out.end(), '\n'), 1);

  const CliResult quiet =
      Compress(folder / "in.png", folder / "a.hmn", {"--quiet", "--force", "-q", "70"});
  EXPECT_EQ(quiet.exit_code, 0);
  EXPECT_EQ(quiet.out + quiet.err, "");
}

TEST_F(Pipeline, ExistingFileIsReplacedOnlyWithForce) {
  const TempFolder folder;
  WritePicture(folder / "in.png", 64, 64);
  WriteText(folder / "in.hmn", "precious");
  EXPECT_EQ(Compress(folder / "in.png", folder / "in.hmn").exit_code, 7);
  EXPECT_EQ(ReadText(folder / "in.hmn"), "precious");
  EXPECT_EQ(Compress(folder / "in.png", folder / "in.hmn", {"-f"}).exit_code, 0);
  EXPECT_NE(ReadText(folder / "in.hmn"), "precious");
}

TEST_F(Pipeline, StandardStreamsCarryPictures) {
  const TempFolder folder;
  WritePicture(folder / "in.png", 33, 65);
  const CliResult file =
      RunCli({"compress", "-", "-o", "-", "--model", "7", "--models-dir", Models()}, {},
             ReadText(folder / "in.png"));
  ASSERT_EQ(file.exit_code, 0) << file.err;
  EXPECT_EQ(file.out.substr(0, 4), "\x8DHMN");
  EXPECT_EQ(file.err.rfind("- -> -: 33x65, ", 0), 0u) << file.err;
  const CliResult picture =
      RunCli({"decompress", "-", "-o", "-", "--models-dir", Models(), "--quiet"}, {}, file.out);
  ASSERT_EQ(picture.exit_code, 0) << picture.err;
  EXPECT_EQ(picture.out.substr(1, 3), "PNG");
}

TEST_F(Pipeline, DamagedFileLeavesNoPicture) {
  const TempFolder folder;
  WritePicture(folder / "in.png", 64, 64);
  ASSERT_EQ(Compress(folder / "in.png", folder / "a.hmn").exit_code, 0);
  std::filesystem::remove(folder / "in.png");
  const std::string good = ReadText(folder / "a.hmn");

  std::string flipped = good;
  flipped[flipped.size() - 5] = static_cast<char>(flipped[flipped.size() - 5] ^ 4);
  WriteText(folder / "flipped.hmn", flipped);
  WriteText(folder / "cut.hmn", good.substr(0, good.size() - 3));
  for (const char* name : {"flipped.hmn", "cut.hmn"}) {
    const CliResult result = RunCli({"decompress", folder / name, "--models-dir", Models()});
    EXPECT_EQ(result.exit_code, 4) << result.err;
    EXPECT_EQ(result.err.rfind("halfmoon: error: " + (folder / name) + ": ", 0), 0u) << result.err;
  }
  const CliResult verify = RunCli(
      {"verify", folder / "flipped.hmn", folder / "a.hmn", "--json", "--models-dir", Models()});
  EXPECT_EQ(verify.exit_code, 4);
  const Json json = ParseJson(verify);
  EXPECT_EQ(json.at("files").at(0).at("ok"), false);
  EXPECT_EQ(json.at("files").at(1).at("ok"), true);
  EXPECT_EQ(folder.List(), (std::vector<std::string>{"a.hmn", "cut.hmn", "flipped.hmn"}));

  const CliResult cut_info = RunCli({"info", folder / "cut.hmn"});
  EXPECT_EQ(cut_info.exit_code, 0);
  EXPECT_NE(cut_info.err.find("the header is good, what follows is damaged or cut off"),
            std::string::npos);
}

TEST_F(Pipeline, FileOfAModelThatIsNotInstalledIsRefused) {
  const TempFolder folder;
  WritePicture(folder / "in.png", 64, 64);
  ASSERT_EQ(Compress(folder / "in.png", folder / "a.hmn").exit_code, 0);
  const CliResult missing =
      RunCli({"decompress", folder / "a.hmn"}, {{"HALFMOON_MODELS_DIR", folder.path().string()}});
  EXPECT_EQ(missing.exit_code, 5);
  EXPECT_EQ(folder.List(), (std::vector<std::string>{"a.hmn", "in.png"}));
}

TEST_F(Pipeline, EvalMeasuresTheModel) {
  const CliResult result =
      RunCli({"eval", *home_ / "pictures/p1.png", "--quality", "20,80", "--codec",
              "ae:model=tiny-1", "--models-dir", Models(), "--json"});
  ASSERT_EQ(result.exit_code, 0) << result.err;
  const Json points = ParseJson(result).at("codecs").at(0).at("points");
  ASSERT_EQ(points.size(), 2u);
  EXPECT_EQ(points.at(1).at("quality"), 80.0);
  EXPECT_GT(points.at(0).at("bpp").get<double>(), 0);
}

}  // namespace
}  // namespace halfmoon::testing
