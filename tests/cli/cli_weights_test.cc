// The shipped model through the program. Skips where there are no shipped weights.
#include <gtest/gtest.h>

#include <filesystem>
#include <nlohmann/json.hpp>

#include "tests/cli/cli_runner.h"

namespace halfmoon::testing {
namespace {

TEST(ShippedModel, QualityBuysPsnrWithBits) {
  if (!std::filesystem::exists(HALFMOON_SOURCE_DIR "/models/weights/manifest.json")) {
    GTEST_SKIP() << "models/weights holds no weights";
  }
  const TempFolder folder;
  WritePicture(folder / "in.png", 200, 150);
  double bpp = 0, psnr = 0;
  for (const char* quality : {"10", "50", "90"}) {
    const CliResult result = RunCli({"compress", folder / "in.png", "-o", folder / "a.hmn", "-q",
                                     quality, "--psnr", "--json", "--force"});
    ASSERT_EQ(result.exit_code, 0) << result.err;
    const auto json = nlohmann::json::parse(result.out, nullptr, false);
    ASSERT_TRUE(json.is_object()) << result.out;
    EXPECT_GT(json.at("bits_per_pixel").get<double>(), bpp) << quality;
    EXPECT_GT(json.at("psnr").get<double>(), psnr) << quality;
    bpp = json.at("bits_per_pixel");
    psnr = json.at("psnr");
  }
  EXPECT_GT(psnr, 35);  // a smooth picture at quality 90
}

}  // namespace
}  // namespace halfmoon::testing
