// eval, compare and bench as their users run them.
#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

#include "codec/imageio/image_io.h"
#include "tests/cli/cli_runner.h"

namespace halfmoon::testing {
namespace {

using nlohmann::json;

class CliEvalTest : public ::testing::Test {
 protected:
  void SetUp() override {
    std::filesystem::create_directories(folder_ / "pictures");
    WritePicture(folder_ / "pictures/one.png", 120, 90, 1);
    WritePicture(folder_ / "pictures/two.png", 90, 120, 2);
  }

  std::vector<std::string> Eval(const std::vector<std::string>& more) const {
    std::vector<std::string> a = {"eval",
                                  "--dataset",
                                  folder_ / "pictures",
                                  "--codec",
                                  "jpeg",
                                  "--codec",
                                  "jpeg:progressive",
                                  "--out",
                                  folder_ / "report"};
    a.insert(a.end(), more.begin(), more.end());
    return a;
  }

  TempFolder folder_;
};

TEST_F(CliEvalTest, ReportsAndResumes) {
  const CliResult first = RunCli(Eval({}));
  EXPECT_EQ(first.exit_code, 0) << first.err;
  EXPECT_NE(first.out.find("SSIMULACRA2"), std::string::npos) << first.out;
  EXPECT_NE(first.out.find("jpeg:progressive  jpeg"), std::string::npos) << first.out;
  const std::string results = ReadText(folder_ / "report/results.json");
  const json r = json::parse(results);
  EXPECT_EQ(r.at("codecs").size(), 2u);
  // The result doesn't know where it lies or how many jobs it took.
  EXPECT_EQ(results.find("\"--out\""), std::string::npos);
  EXPECT_EQ(results.find("\"--jobs\""), std::string::npos);

  const CliResult again = RunCli(Eval({}));
  EXPECT_EQ(again.exit_code, 7);
  EXPECT_NE(again.err.find("is not empty; give --resume"), std::string::npos) << again.err;

  const CliResult resumed = RunCli(Eval({"--resume", "--jobs", "1", "--json"}));
  EXPECT_EQ(resumed.exit_code, 0) << resumed.err;
  EXPECT_EQ(ReadText(folder_ / "report/results.json"), results);
  EXPECT_EQ(resumed.out, results);
}

TEST_F(CliEvalTest, TimingComesFromProcessesOfTheirOwn) {
  const CliResult result = RunCli(Eval({"--timing", "--timing-pictures", "1", "--repeats", "1",
                                        "--quality", "20,80", "--matched-bpp", "0", "--json"}));
  ASSERT_EQ(result.exit_code, 0) << result.err;
  const json r = json::parse(result.out);
  EXPECT_EQ(r.at("timing").at("pictures"), json::array({0}));
  const json& rows = r.at("codecs").at(0).at("timing");
  ASSERT_EQ(rows.size(), 2 * r.at("timing").at("threads").size());
  for (const json& row : rows) {
    EXPECT_GT(row.at("encode_seconds"), 0) << row;
    EXPECT_GT(row.at("decode_seconds"), 0) << row;
    EXPECT_GT(row.at("encode_memory_bytes"), 0) << row;
  }
  const json curve = json::parse(ReadText(folder_ / "report/codecs/jpeg.json"));
  EXPECT_EQ(curve.at("results").at("encoding_time").size(), 2u);
}

TEST_F(CliEvalTest, FailingPictureIsReportedAndTheRestDone) {
  WriteText(folder_ / "pictures/torn.png", "no picture");
  const CliResult result = RunCli(Eval({"--quality", "50", "--matched-bpp", "0"}));
  EXPECT_EQ(result.exit_code, 3);
  EXPECT_NE(result.err.find("torn.png: not a picture of a known format"), std::string::npos);
  const json r = json::parse(ReadText(folder_ / "report/results.json"));
  EXPECT_EQ(r.at("codecs").at(0).at("pictures").size(), 2u);
}

TEST_F(CliEvalTest, Compare) {
  const std::string a = folder_ / "pictures/one.png", b = folder_ / "pictures/two.png";
  WritePicture(folder_ / "other.png", 120, 90, 3);
  const CliResult text = RunCli({"compare", a, folder_ / "other.png"});
  EXPECT_EQ(text.exit_code, 0) << text.err;
  EXPECT_NE(text.out.find("MS-SSIM"), std::string::npos);
  EXPECT_NE(text.out.find("n/a"), std::string::npos);  // too small for MS-SSIM

  const CliResult equal = RunCli({"compare", a, a, "--json", "--heatmap", folder_ / "map.png"});
  ASSERT_EQ(equal.exit_code, 0) << equal.err;
  const json j = json::parse(equal.out);
  EXPECT_TRUE(j.at("metrics").at("psnr_rgb").is_null());
  EXPECT_EQ(j.at("metrics").at("ssim"), 1.0);
  EXPECT_FALSE(j.at("metrics").contains("ms_ssim"));
  const auto map = ReadImageFile(folder_ / "map.png");
  ASSERT_TRUE(map.ok());
  EXPECT_EQ(map->width(), 120u);
  for (std::size_t i = 0; i < map->samples().size(); ++i) ASSERT_LE(map->samples()[i], 4);

  const CliResult sizes = RunCli({"compare", a, b});
  EXPECT_EQ(sizes.exit_code, 2);
  EXPECT_NE(sizes.err.find("120x90 RGB and 90x120 RGB; only pictures of equal size"),
            std::string::npos)
      << sizes.err;
}

TEST_F(CliEvalTest, CompareGreyWithRgb) {
  WritePicture(folder_ / "grey.png", 120, 90, 1, 1);
  const CliResult result = RunCli({"compare", folder_ / "pictures/one.png", folder_ / "grey.png"});
  EXPECT_EQ(result.exit_code, 0) << result.err;
}

TEST_F(CliEvalTest, Bench) {
  const CliResult result =
      RunCli({"bench", "--codec", "jpeg", "--sizes", "0.01,0.02", "--repeats", "1", "--json"});
  ASSERT_EQ(result.exit_code, 0) << result.err;
  const json j = json::parse(result.out);
  ASSERT_EQ(j.at("rows").size(), 2u);
  for (const json& row : j.at("rows")) {
    EXPECT_GT(row.at("encode").at("megapixels_per_second"), 0);
    EXPECT_GT(row.at("decode").at("seconds"), 0);
  }
  EXPECT_GT(j.at("startup_seconds").at("jpeg"), 0);
}

}  // namespace
}  // namespace halfmoon::testing
