// Pictures from prompts and classes, with the shipped models, as their users draw them.
#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>
#include <nlohmann/json.hpp>

#include "codec/imageio/image_io.h"
#include "tests/cli/cli_runner.h"

namespace halfmoon::testing {
namespace {

std::vector<std::uint8_t> Pixels(const std::string& path) {
  const auto image = ReadImageFile(path);
  EXPECT_TRUE(image.ok()) << image.status().message();
  if (!image.ok()) return {};
  return {image->samples().begin(), image->samples().end()};
}

TEST(Generation, APromptIsDrawnAndItsUnknownWordsAreNamed) {
  const TempFolder folder;
  const CliResult drawn = RunCli({"sample", "--model", "vqvae-emoji", "--prompt", "Red heart flurb",
                                  "--count", "4", "--seed", "3", "-o", folder / "hearts.png"});
  ASSERT_EQ(drawn.exit_code, 0) << drawn.err;
  EXPECT_NE(drawn.err.find("words this model never saw: 'flurb'"), std::string::npos) << drawn.err;
  EXPECT_NE(drawn.out.find("4 pictures from vqvae-emoji, seed 3"), std::string::npos) << drawn.out;
  // Hearts are red: more so than what is drawn without a prompt.
  const CliResult any = RunCli({"sample", "--model", "vqvae-emoji", "--count", "4", "--seed", "3",
                                "--quiet", "-o", folder / "any.png"});
  ASSERT_EQ(any.exit_code, 0) << any.err;
  auto red = [&](const std::string& name) {
    const std::vector<std::uint8_t> p = Pixels(folder / name);
    double count = 0;
    for (std::size_t i = 0; i + 2 < p.size(); i += 3)
      count += p[i] > 160 && p[i + 1] < 90 && p[i + 2] < 90;
    return count / (static_cast<double>(p.size()) / 3);
  };
  EXPECT_GT(red("hearts.png"), red("any.png") + 0.02);
}

TEST(Generation, ASampleAsAFileIsTheSamePicture) {
  const TempFolder folder;
  for (const auto& [model, option, value] : {std::tuple{"vqvae-emoji", "--prompt", "yellow face"},
                                             {"vqvae-fashion", "--class", "sneaker"}}) {
    const std::vector<std::string> what = {"sample", "--model", model, option,
                                           value,    "--seed",  "5",   "--force"};
    auto with = [&](std::vector<std::string> more) {
      more.insert(more.begin(), what.begin(), what.end());
      return RunCli(more);
    };
    CliResult result = with({"-o", folder / "x.hmn"});
    ASSERT_EQ(result.exit_code, 0) << result.err;
    result = with({"--count", "2", "--out-dir", folder / "all"});
    ASSERT_EQ(result.exit_code, 0) << result.err;
    result = RunCli({"decompress", folder / "x.hmn", "-o", folder / "x.png", "--force"});
    ASSERT_EQ(result.exit_code, 0) << result.err;
    EXPECT_EQ(Pixels(folder / "x.png"), Pixels(folder / "all/seed5-000.png")) << model;
    EXPECT_NE(Pixels(folder / "x.png"), Pixels(folder / "all/seed5-001.png")) << model;
    EXPECT_LT(std::filesystem::file_size(folder / "x.hmn"), 160u);
  }
}

// The pictures are the VAE's own samples, so its samples (of another seed) must look like them,
// more so from the prior that drew them.
TEST(Generation, AssessSaysWhatSamplesWereDrawnFromAndHowGoodTheyAre) {
  const TempFolder folder;
  CliResult result = RunCli({"sample", "--model", "vae-fashion", "--count", "200", "--seed", "2",
                             "--quiet", "--out-dir", folder / "drawn"});
  ASSERT_EQ(result.exit_code, 0) << result.err;
  std::ofstream csv(folder / "names.csv");
  csv << "file,class\n";
  for (const auto& entry : std::filesystem::directory_iterator(folder / "drawn")) {
    csv << entry.path().filename().string() << ",any\n";
  }
  csv.close();
  result = RunCli({"pack", folder / "drawn", "--csv", folder / "names.csv", "--validation-every",
                   "2", "-o", folder / "drawn.hmnpack"});
  ASSERT_EQ(result.exit_code, 0) << result.err;
  auto assess = [&](const std::string& prior) {
    std::vector<std::string> line = {
        "assess",       "vae-fashion",        "--data",    folder / "drawn.hmnpack",
        "--classifier", "classifier-fashion", "--samples", "100",
        "--json"};
    if (!prior.empty()) line.insert(line.end(), {"--prior", prior});
    const CliResult r = RunCli(line);
    EXPECT_EQ(r.exit_code, 0) << r.err;
    return nlohmann::json::parse(r.out, nullptr, false);
  };
  const auto unsaid = assess(""), mixture = assess("mixture"), normal = assess("normal");
  EXPECT_EQ(unsaid.at("prior"), "mixture");
  EXPECT_EQ(unsaid.at("frechet"), mixture.at("frechet"));
  EXPECT_EQ(normal.at("prior"), "normal");
  EXPECT_LT(mixture.at("frechet").get<double>(), 0.8 * normal.at("frechet").get<double>());
  EXPECT_EQ(mixture.at("test_pictures"), 100);
  EXPECT_GT(mixture.at("psnr").get<double>(), 24);  // its own pictures are easy to rebuild
  result = RunCli({"assess", "vae-fashion", "--data", folder / "drawn.hmnpack", "--classifier",
                   "classifier-fashion", "--prior", "uniform"});
  EXPECT_NE(result.exit_code, 0);
  EXPECT_NE(result.err.find("mixture"), std::string::npos) << result.err;
}

}  // namespace
}  // namespace halfmoon::testing
