// Pictures from prompts and classes, with the shipped models, as their users draw them.
#include <gtest/gtest.h>

#include <filesystem>
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
  const CliResult drawn = RunCli({"sample", "--model", "vqvae-emoji", "--prompt", "Red heart flurb", "--count", "4",
                                  "--seed", "3", "-o", folder / "hearts.png"});
  ASSERT_EQ(drawn.exit_code, 0) << drawn.err;
  EXPECT_NE(drawn.err.find("words this model never saw: 'flurb'"), std::string::npos) << drawn.err;
  EXPECT_NE(drawn.out.find("4 pictures from vqvae-emoji, seed 3"), std::string::npos) << drawn.out;
  // Hearts are red: more so than what is drawn without a prompt.
  const CliResult any = RunCli({"sample", "--model", "vqvae-emoji", "--count", "4", "--seed", "3", "--quiet", "-o",
                                folder / "any.png"});
  ASSERT_EQ(any.exit_code, 0) << any.err;
  auto red = [&](const std::string& name) {
    const std::vector<std::uint8_t> p = Pixels(folder / name);
    double count = 0;
    for (std::size_t i = 0; i + 2 < p.size(); i += 3) count += p[i] > 160 && p[i + 1] < 90 && p[i + 2] < 90;
    return count / (static_cast<double>(p.size()) / 3);
  };
  EXPECT_GT(red("hearts.png"), red("any.png") + 0.02);
}

TEST(Generation, ASampleAsAFileIsTheSamePicture) {
  const TempFolder folder;
  for (const auto& [model, option, value] :
       {std::tuple{"vqvae-emoji", "--prompt", "yellow face"}, {"vqvae-fashion", "--class", "sneaker"}}) {
    const std::vector<std::string> what = {"sample", "--model", model, option, value, "--seed", "5", "--force"};
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

}  // namespace
}  // namespace halfmoon::testing
