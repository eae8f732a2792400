// Curves as files: CompressAI's layout in and out, and what is wrong with bad ones.
#include "eval/curve_files.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <nlohmann/json.hpp>

namespace halfmoon::eval {
namespace {

std::string WriteTemp(const std::string& text) {
  const std::string path = ::testing::TempDir() + "curve_files_test.json";
  std::ofstream(path) << text;
  return path;
}

// The layout of CompressAI's eval_model and of its result files, indentation included.
constexpr char kCompressAi[] = R"json({
  "name": "bmshj2018-factorized-mse",
  "description": "Inference (ans)",
  "results": {
    "psnr-rgb": [28.1, 26.9, 31.0, 33.5],
    "ms-ssim-rgb": [0.93, 0.91, 0.96, 0.98],
    "bpp": [0.19, 0.12, 0.42, 0.7],
    "encoding_time": [0.2, 0.1, 0.3, 0.4],
    "decoding_time": [0.02, 0.01, 0.03, 0.04]
  }
})json";

TEST(CurveFilesTest, ReadsCompressAiAndSortsByRate) {
  const auto curves = ReadCurves(WriteTemp(kCompressAi));
  ASSERT_TRUE(curves.ok()) << curves.status().message();
  ASSERT_EQ(curves->curves.size(), 1u);
  const CurveFile& c = curves->curves.front();
  EXPECT_EQ(c.name, "bmshj2018-factorized-mse");
  EXPECT_EQ(c.description, "Inference (ans)");
  EXPECT_EQ(c.bpp, (std::vector<double>{0.12, 0.19, 0.42, 0.7}));
  EXPECT_EQ(c.psnr_rgb, (std::vector<double>{26.9, 28.1, 31.0, 33.5}));
  EXPECT_EQ(c.ms_ssim_rgb, (std::vector<double>{0.91, 0.93, 0.96, 0.98}));
  EXPECT_EQ(c.encoding_time.front(), 0.1);
  EXPECT_EQ(c.decoding_time.front(), 0.01);
}

TEST(CurveFilesTest, WritesTheSameKeys) {
  const auto curves = ReadCurves(WriteTemp(kCompressAi));
  ASSERT_TRUE(curves.ok());
  const auto ours = nlohmann::json::parse(CurveToJson(curves->curves.front()));
  const auto theirs = nlohmann::json::parse(kCompressAi);
  ASSERT_EQ(ours.size(), theirs.size());
  for (const auto& [key, value] : theirs.items()) EXPECT_TRUE(ours.contains(key)) << key;
  ASSERT_EQ(ours.at("results").size(), theirs.at("results").size());
  for (const auto& [key, value] : theirs.at("results").items()) {
    EXPECT_EQ(ours.at("results").at(key).size(), 4u) << key;
  }
  const auto again = ReadCurves(WriteTemp(CurveToJson(curves->curves.front())));
  ASSERT_TRUE(again.ok());
  EXPECT_EQ(again->curves.front().psnr_rgb, curves->curves.front().psnr_rgb);
}

TEST(CurveFilesTest, ReadsTheShippedAnchors) {
  const auto curves = ReadCurves(HALFMOON_ANCHORS);
  ASSERT_TRUE(curves.ok()) << curves.status().message();
  EXPECT_EQ(curves->curves.size(), 16u);
  for (const CurveFile& c : curves->curves) {
    EXPECT_NE(c.description.find("CompressAI"), std::string::npos) << c.name;
    EXPECT_TRUE(std::is_sorted(c.bpp.begin(), c.bpp.end())) << c.name;
  }
}

TEST(CurveFilesTest, TheShippedAnchorsNameTheirDataSet) {
  const auto published = ReadCurves(HALFMOON_ANCHORS);
  ASSERT_TRUE(published.ok()) << published.status().message();
  const CurveDataset& kodak = published->dataset;
  EXPECT_EQ(kodak.name, "Kodak");
  // 18 lying and 6 upright pictures.
  std::vector<std::pair<std::uint32_t, std::uint32_t>> sizes(18, {768, 512});
  sizes.resize(24, {512, 768});
  EXPECT_EQ(OtherDataset(kodak, sizes), "");
  sizes.pop_back();
  EXPECT_EQ(OtherDataset(kodak, sizes),
            "the published curves belong to Kodak (24 pictures of 768x512), this data set has 23 "
            "pictures; differences against them mean little");
  sizes.push_back({768, 511});
  EXPECT_NE(OtherDataset(kodak, sizes).find("has one of 768x511"), std::string::npos);
  EXPECT_NE(OtherDataset(kodak, {{768, 512}}).find("has 1 picture;"), std::string::npos);
}

TEST(CurveFilesTest, WhatAFileDoesNotSayIsNotHeldAgainstAPicture) {
  const std::string curve = R"("codecs": [{"name": "x", "results": {"bpp": [1]}}]})";
  const auto named = ReadCurves(WriteTemp(R"({"dataset": "Mine, some pictures", )" + curve));
  ASSERT_TRUE(named.ok()) << named.status().message();
  EXPECT_EQ(named->dataset.name, "Mine, some pictures");
  EXPECT_EQ(OtherDataset(named->dataset, {{1, 1}}), "");
  const auto counted =
      ReadCurves(WriteTemp(R"({"dataset": {"name": "Mine", "pictures": 2}, )" + curve));
  ASSERT_TRUE(counted.ok()) << counted.status().message();
  EXPECT_EQ(OtherDataset(counted->dataset, {{1, 1}, {7, 9}}), "");
  EXPECT_NE(OtherDataset(counted->dataset, {{1, 1}}), "");
}

TEST(CurveFilesTest, SaysWhatIsWrong) {
  auto problem = [](const std::string& text) {
    const Status s = ReadCurves(WriteTemp(text)).status();
    EXPECT_EQ(s.code(), StatusCode::kCorrupt) << text;
    return s.message();
  };
  EXPECT_NE(problem("{").find("curve_files_test.json"), std::string::npos);
  problem("[]");
  problem(R"({"name": "x"})");
  EXPECT_NE(problem(R"({"name": "x", "results": {"psnr-rgb": [1]}})").find("no \"bpp\""),
            std::string::npos);
  EXPECT_NE(problem(R"({"name": "x", "results": {"bpp": [1, 2], "psnr-rgb": [1]}})")
                .find("\"psnr-rgb\" has 1 entries"),
            std::string::npos);
  problem(R"({"name": "x", "results": {"bpp": ["a"]}})");
  EXPECT_NE(problem(R"({"dataset": {"name": "d", "sizes": ["8"]}, "codecs": []})")
                .find("size \"8\" is not of the form 768x512"),
            std::string::npos);
  problem(R"({"dataset": {"pictures": 3}, "codecs": []})");
  EXPECT_EQ(ReadCurves("/nowhere/none.json").status().code(), StatusCode::kIo);
}

}  // namespace
}  // namespace halfmoon::eval
