// The shipped model through the program. Skips where there are no shipped weights.
#include <gtest/gtest.h>

#include <filesystem>
#include <nlohmann/json.hpp>

#include "codec/imageio/image_io.h"
#include "tests/cli/cli_runner.h"
#include "tests/codec/test_pictures.h"

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

// --tune ms-ssim takes another model, whose files say so, and which keeps more structure for its
// bits.
TEST(ShippedModel, TuneKeepsWhatItSays) {
  if (!std::filesystem::exists(HALFMOON_SOURCE_DIR
                               "/models/weights/ae-photo-ms-ssim.safetensors")) {
    GTEST_SKIP() << "models/weights holds no model tuned for MS-SSIM";
  }
  const TempFolder folder;
  // Texture is what the two models spend their bits on differently.
  const Image noise = MakePicture(256, 192, 3, Kind::kNoise);
  ASSERT_TRUE(WriteImageFile(folder / "in.png", noise.view(), {}, true).ok());
  nlohmann::json made[2];
  for (const int i : {0, 1}) {
    const CliResult result =
        RunCli({"compress", folder / "in.png", "-o", folder / "a.hmn", "--tune",
                i == 0 ? "psnr" : "ms-ssim", "--target-msssim", "0.7", "--json", "--force"});
    ASSERT_EQ(result.exit_code, 0) << result.err;
    made[i] = nlohmann::json::parse(result.out, nullptr, false);
    ASSERT_TRUE(made[i].is_object()) << result.out;
    const CliResult info = RunCli({"info", folder / "a.hmn", "--json"});
    EXPECT_EQ(nlohmann::json::parse(info.out).at("files").at(0).at("model_id"), i == 0 ? 1 : 2)
        << info.out;
  }
  EXPECT_EQ(made[1].at("model"), "ae-photo-ms-ssim");
  EXPECT_LT(made[1].at("output_bytes"), made[0].at("output_bytes"));
}

}  // namespace
}  // namespace halfmoon::testing
