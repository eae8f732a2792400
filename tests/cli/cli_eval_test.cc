// eval and compare as their users run them.
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <map>
#include <nlohmann/json.hpp>
#include <set>

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
  // A run that goes on takes what it knows.
  const CliResult again =
      RunCli(Eval({"--timing", "--timing-pictures", "1", "--repeats", "1", "--quality", "20,80",
                   "--matched-bpp", "0", "--resume", "--json"}));
  EXPECT_EQ(again.out, result.out) << again.err;
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
  EXPECT_NE(sizes.err.find("120x90 and 90x120; only pictures of equal size"), std::string::npos)
      << sizes.err;
}

// Writes the picture of `path` as another kind: alpha is opaque, grey must be grey.
void WriteAs(const std::string& path, const std::string& as, std::uint32_t channels,
             std::uint32_t bit_depth) {
  const Image in = *ReadImageFile(path);
  Image out = *Image::Create({in.width(), in.height(), channels, bit_depth});
  for (std::uint32_t y = 0; y < in.height(); ++y) {
    for (std::uint32_t i = 0; i < in.width() * channels; ++i) {
      const std::uint32_t c = i % channels;
      const bool alpha = (channels == 2 || channels == 4) && c == channels - 1;
      const std::uint32_t level =
          alpha ? 255 : in.row(y)[i / channels * in.channels() + (in.channels() == 1 ? 0 : c)];
      if (bit_depth == 16) {
        out.row16(y)[i] = static_cast<std::uint16_t>(257 * level);
      } else {
        out.row(y)[i] = static_cast<std::uint8_t>(level);
      }
    }
  }
  ASSERT_TRUE(WriteImageFile(as, out.view(), {}, true).ok());
}

TEST_F(CliEvalTest, TheSamePixelsInAnotherKindOfFileAreEqual) {
  const std::string rgb = folder_ / "pictures/one.png", grey = folder_ / "grey.png";
  WritePicture(grey, 120, 90, 1, 1);
  for (const std::uint32_t depth : {8u, 16u}) {
    for (std::uint32_t channels = 1; channels <= 4; ++channels) {
      const std::string other = folder_ / "other.png";
      for (const std::string& original : {grey, rgb}) {
        if (original == rgb && channels < 3) continue;
        WriteAs(original, other, channels, depth);
        for (const auto& pair : {std::pair(original, other), {other, original}, {other, other}}) {
          const CliResult result = RunCli({"compare", pair.first, pair.second});
          EXPECT_EQ(result.exit_code, 0) << result.err;
          for (const char* metric : {"PSNR (RGB)", "PSNR (Y)", "PSNR (Cb)", "PSNR (Cr)"}) {
            const auto at = result.out.find(metric);
            ASSERT_NE(at, std::string::npos) << result.out;
            EXPECT_NE(result.out.substr(at, 40).find("equal"), std::string::npos)
                << channels << " channels, " << depth << " bit: " << result.out;
          }
        }
      }
    }
  }
  const CliResult result = RunCli({"compare", rgb, folder_ / "other.png", "--json"});
  ASSERT_EQ(result.exit_code, 0) << result.err;
  EXPECT_EQ(json::parse(result.out).at("distorted_note"),
            "transparency over mid-grey, 16 bits rounded to 8");
}

TEST_F(CliEvalTest, CompareGreyWithRgb) {
  WritePicture(folder_ / "grey.png", 120, 90, 1, 1);
  const CliResult result = RunCli({"compare", folder_ / "pictures/one.png", folder_ / "grey.png"});
  EXPECT_EQ(result.exit_code, 0) << result.err;
}

// A transparent pixel is mid-grey, whatever its colour; the map of differences says so, too.
TEST_F(CliEvalTest, TransparencyIsComparedOverMidGrey) {
  Image clear = *Image::Create({16, 8, 4, 8}), grey = *Image::Create(16, 8, 1);
  for (std::uint32_t y = 0; y < 8; ++y) {
    for (std::uint32_t x = 0; x < 16; ++x) {
      for (std::uint32_t c = 0; c < 3; ++c) {
        clear.row(y)[4 * x + c] = static_cast<std::uint8_t>(x * 16);
      }
      clear.row(y)[4 * x + 3] = x < 8 ? 0 : 255;
      grey.row(y)[x] = static_cast<std::uint8_t>(x < 8 ? 128 : x * 16);
    }
  }
  ASSERT_TRUE(WriteImageFile(folder_ / "clear.png", clear.view(), {}, true).ok());
  grey.row(3)[12] = static_cast<std::uint8_t>(grey.row(3)[12] + 32);
  ASSERT_TRUE(WriteImageFile(folder_ / "grey.png", grey.view(), {}, true).ok());
  const CliResult result = RunCli({"compare", folder_ / "clear.png", folder_ / "grey.png", "--json",
                                   "--heatmap", folder_ / "map.png"});
  ASSERT_EQ(result.exit_code, 0) << result.err;
  // One pixel of 128 is 32 levels off.
  EXPECT_NEAR(json::parse(result.out).at("metrics").at("psnr_rgb").get<double>(),
              10 * std::log10(255.0 * 255 / (32.0 * 32 / 128)), 1e-9);
  const Image map = *ReadImageFile(folder_ / "map.png");
  for (std::uint32_t y = 0; y < 8; ++y) {
    for (std::uint32_t x = 0; x < 16; ++x) {
      EXPECT_EQ(map.row(y)[3 * x] > 200, x == 12 && y == 3) << x << ", " << y;
    }
  }
}

TEST_F(CliEvalTest, CompareTakesHmnOnEitherSide) {
  const std::string golden = HALFMOON_GOLDEN_DIR;
  const std::string hmn = golden + "/picture/scene_q30.hmn";
  const std::string png = golden + "/picture/scene_q30.png";
  for (const auto& pair : {std::pair(hmn, png), {png, hmn}, {hmn, hmn}}) {
    const CliResult result =
        RunCli({"compare", pair.first, pair.second, "--json", "--models-dir", golden + "/model"});
    ASSERT_EQ(result.exit_code, 0) << result.err;
    EXPECT_TRUE(json::parse(result.out).at("metrics").at("psnr_rgb").is_null()) << result.out;
  }
}

// A folder as people have it: 8 and 16 bit, grey and transparent pictures, a blank page.
TEST_F(CliEvalTest, EvalTakesEveryKindOfPicture) {
  const std::string one = folder_ / "pictures/one.png";
  WriteAs(one, folder_ / "pictures/alpha.png", 4, 8);
  WriteAs(one, folder_ / "pictures/wide.png", 3, 16);
  WritePicture(folder_ / "grey.png", 120, 90, 1, 1);
  WriteAs(folder_ / "grey.png", folder_ / "pictures/grey-alpha.png", 2, 16);
  Image white = *Image::Create(64, 64, 3);
  std::fill(white.samples().begin(), white.samples().end(), std::uint8_t{255});
  ASSERT_TRUE(WriteImageFile(folder_ / "pictures/white.png", white.view(), {}, true).ok());
  const CliResult result = RunCli(Eval({"--title", "All kinds", "--matched-bpp", "0"}));
  ASSERT_EQ(result.exit_code, 0) << result.err;
  EXPECT_EQ(result.out.find(" inf "), std::string::npos) << result.out;
  EXPECT_NE(result.out.find(" psnr_rgb "), std::string::npos) << result.out;
  EXPECT_NE(result.err.find("white.png: decoded without error"), std::string::npos) << result.err;
  EXPECT_NE(result.err.find("alpha.png: transparency over mid-grey"), std::string::npos)
      << result.err;
  const json r = json::parse(ReadText(folder_ / "report/results.json"));
  EXPECT_EQ(r.at("dataset").at("name"), "All kinds");
  std::map<std::string, json> first;  // of jpeg at its lowest quality
  for (const json& row : r.at("codecs").at(0).at("pictures")) {
    if (row.at("point") != 0) continue;
    first[r.at("dataset").at("pictures").at(row.at("picture").get<std::size_t>()).at("name")] =
        row.at("metrics");
  }
  EXPECT_EQ(first.at("alpha.png"), first.at("one.png"));
  EXPECT_EQ(first.at("wide.png"), first.at("one.png"));
}

TEST_F(CliEvalTest, AnchorsOfAnotherDataSetAreNamedAndNotListed) {
  const std::string anchors = std::string(HALFMOON_SOURCE_DIR) + "/eval/anchors/kodak.json";
  const CliResult result = RunCli(Eval({"--anchors", anchors, "--matched-bpp", "0"}));
  ASSERT_EQ(result.exit_code, 0) << result.err;
  EXPECT_NE(result.err.find("belong to Kodak (24 pictures of 768x512), this data set has 2 "
                            "pictures"),
            std::string::npos)
      << result.err;
  EXPECT_EQ(result.out.find("VTM"), std::string::npos) << result.out;
  EXPECT_NE(result.out.find("16 published curves, which are of other pictures: in results.json"),
            std::string::npos)
      << result.out;
}

// Pictures as arguments, nothing written.
class CliEvalShortTest : public CliEvalTest {
 protected:
  CliResult Short(const std::vector<std::string>& arguments) const {
    std::vector<std::string> a = {"eval", "--codec", "ae:model=tiny", "--models-dir",
                                  HALFMOON_GOLDEN_DIR "/model"};
    a.insert(a.end(), arguments.begin(), arguments.end());
    return RunCli(a);
  }
  const std::string anchors_ = std::string(HALFMOON_SOURCE_DIR) + "/eval/anchors/kodak.json";
};

TEST_F(CliEvalShortTest, PrintsATableAndWritesNothing) {
  const CliResult result = Short({"-q", "20,80", folder_ / "pictures"});
  ASSERT_EQ(result.exit_code, 0) << result.err;
  EXPECT_NE(result.out.find("ae:model=tiny     80.0"), std::string::npos) << result.out;
  EXPECT_NE(result.out.find("\npictures: means over 2 pictures\n"), std::string::npos)
      << result.out;
  EXPECT_EQ(folder_.List(), (std::vector<std::string>{"pictures"}));
}

TEST_F(CliEvalShortTest, PrintsASummaryAsJson) {
  const CliResult result = Short({"-q", "20,40,60,80", folder_ / "pictures/one.png", "--codec",
                                  "jpeg", "--anchors", anchors_, "--json"});
  ASSERT_EQ(result.exit_code, 0) << result.err;
  const json r = json::parse(result.out);
  EXPECT_EQ(r.at("dataset"), (json{{"name", "one.png"}, {"count", 1}}));
  const json& points = r.at("codecs").at(0).at("points");
  ASSERT_EQ(points.size(), 4u);
  EXPECT_EQ(points.at(3).at("quality"), 80.0);
  EXPECT_GT(points.at(3).at("bpp"), points.at(0).at("bpp"));
  EXPECT_GT(points.at(3).at("metrics").at("psnr_rgb"), points.at(0).at("metrics").at("psnr_rgb"));
  EXPECT_LT(points.at(0).at("estimated_bpp"), points.at(0).at("bpp"));
  EXPECT_FALSE(r.at("codecs").at(1).at("points").at(0).contains("estimated_bpp"));
  std::set<std::string> anchors;
  for (const json& bd : r.at("bd")) anchors.insert(bd.at("anchor").get<std::string>());
  EXPECT_EQ(anchors.size(), 17u) << "16 published curves and the first codec";
  EXPECT_EQ(folder_.List(), (std::vector<std::string>{"pictures"}));
}

// Also of a picture that no codec gets as it is.
TEST_F(CliEvalShortTest, TimesTheStagesOfCodecsThatTell) {
  WriteAs(folder_ / "pictures/one.png", folder_ / "alpha.png", 4, 16);
  const std::vector<std::string> arguments = {
      folder_ / "alpha.png", "--codec", "jpeg", "-q", "50", "--timing", "--repeats", "2"};
  const CliResult text = Short(arguments);
  ASSERT_EQ(text.exit_code, 0) << text.err;
  EXPECT_NE(text.out.find("\nae:model=tiny  encode  analysis "), std::string::npos) << text.out;
  EXPECT_NE(text.out.find("\nae:model=tiny  decode  synthesis "), std::string::npos) << text.out;
  EXPECT_NE(text.out.find(": medians of 2 runs; "), std::string::npos) << text.out;
  std::vector<std::string> as_json = arguments;
  as_json.push_back("--json");
  const CliResult result = Short(as_json);
  ASSERT_EQ(result.exit_code, 0) << result.err;
  const json codecs = json::parse(result.out).at("codecs");
  for (const json& row : codecs.at(0).at("timing")) {
    double stages = 0;
    for (const json& seconds : row.at("encode_stages")) stages += seconds.get<double>();
    EXPECT_GT(stages, 0);
    EXPECT_EQ(row.at("decode_stages").size(), 3u) << row;
  }
  for (const json& row : codecs.at(1).at("timing")) EXPECT_TRUE(row.at("encode_stages").empty());
}

TEST_F(CliEvalShortTest, DepthAndAlphaDoNotChangeTheNumbers) {
  const std::string one = folder_ / "pictures/one.png";
  WriteAs(one, folder_ / "wide.png", 3, 16);
  const CliResult a = Short({"-q", "40", "--json", one});
  const CliResult b = Short({"-q", "40", "--json", folder_ / "wide.png"});
  ASSERT_EQ(a.exit_code, 0) << a.err;
  ASSERT_EQ(b.exit_code, 0) << b.err;
  EXPECT_EQ(json::parse(a.out).at("codecs").at(0).at("points"),
            json::parse(b.out).at("codecs").at(0).at("points"));
}

TEST_F(CliEvalShortTest, FewQualitiesAreOneWarning) {
  const CliResult result = Short(
      {"-q", "30,60", "--codec", "jpeg", "--anchors", anchors_, folder_ / "pictures/one.png"});
  ASSERT_EQ(result.exit_code, 0) << result.err;
  const std::string warning =
      "halfmoon: warning: no BD-rates: they take at least 4 qualities, 2 are given\n";
  const auto at = result.err.find(warning);
  ASSERT_NE(at, std::string::npos) << result.err;
  EXPECT_EQ(result.err.substr(at), warning) << "the last";
  EXPECT_EQ(result.out.find("against"), std::string::npos) << result.out;
}

TEST_F(CliEvalShortTest, AnchorsOfAnotherDataSetAreNamed) {
  const CliResult result =
      Short({"-q", "20,40,60,80", "--anchors", anchors_, folder_ / "pictures"});
  ASSERT_EQ(result.exit_code, 0) << result.err;
  EXPECT_NE(result.err.find("belong to Kodak (24 pictures of 768x512), this data set has 2 "
                            "pictures"),
            std::string::npos)
      << result.err;
  EXPECT_NE(result.out.find("16 published curves, which are of other pictures: with --json\n"),
            std::string::npos)
      << result.out;
}

// Every curve, where no report has the rest; a curve that names no data set fits any.
TEST_F(CliEvalShortTest, ListsAllPublishedCurves) {
  const CliResult first = RunCli(Eval({"--matched-bpp", "0"}));
  ASSERT_EQ(first.exit_code, 0) << first.err;
  json curves = {{"codecs", json::array()}};
  for (int i = 0; i < 10; ++i) {
    json curve = json::parse(ReadText(folder_ / "report/codecs/jpeg.json"));
    curve["name"] = "earlier " + std::to_string(i);
    curves["codecs"].push_back(curve);
  }
  WriteText(folder_ / "earlier.json", curves.dump());
  const CliResult result = RunCli(
      {"eval", folder_ / "pictures", "--codec", "jpeg", "--anchors", folder_ / "earlier.json"});
  ASSERT_EQ(result.exit_code, 0) << result.err;
  EXPECT_NE(result.out.find("\nearlier 9   "), std::string::npos) << result.out;
  EXPECT_NE(result.out.find("   0.0 %\n"), std::string::npos) << result.out;
}

TEST_F(CliEvalShortTest, WhatBelongsToAReportNeedsOne) {
  for (const char* option : {"--resume", "--force"}) {
    const CliResult result = Short({option, folder_ / "pictures"});
    EXPECT_EQ(result.exit_code, 2);
    EXPECT_EQ(result.err, "halfmoon: error: " + std::string(option) +
                              " requires --out; see 'halfmoon eval --help'\n");
  }
  const CliResult none = Short({});
  EXPECT_EQ(none.exit_code, 2);
  EXPECT_EQ(none.err, "halfmoon: error: no pictures; name PNG or JPEG files, or folders of them\n");
}

// What a run of each family logs (models/training/*_task.cc); `plot` must know none of them.
TEST_F(CliEvalTest, PlotDrawsTheFiguresOfEveryFamily) {
  const std::pair<const char*, std::vector<const char*>> families[] = {
      {R"({"step": 10, "loss": 2.5, "score": 1.5, "bpp": 0.5, "psnr": 30, "distortion": 9,
           "validation_ms_ssim_db": 14, "validation": [
             {"level": 0, "bpp": 0.2, "psnr": 28, "loss": 3},
             {"level": 9, "bpp": 0.9, "psnr": 35, "loss": 4}]})",
       {"Bits per pixel by level, validation", "PSNR in dB by level, validation", "Distortion",
        "MS-SSIM in dB", ">level 9<"}},
      {R"({"step": 10, "loss": 2.5, "score": 3.1, "reconstruction_bits": 2.9, "psnr": 20,
           "kl_bits": 0.2, "beta": 0.5, "validation_reconstruction_bits": 3,
           "validation_psnr": 19})",
       {"Reconstruction, bits per dimension", "KL divergence, bits per dimension",
        "Beta, the weight of the KL", ">validation<"}},
      {R"({"step": 10, "loss": 2.5, "score": 3.1, "psnr": 20, "commitment": 0.1,
           "bits_per_index": 6, "validation_usage": 0.9})",
       {"Commitment loss", "Bits per index", "Codebook usage"}},
      {R"({"step": 10, "loss": 2.5, "accuracy": 0.8, "score": 0.2, "validation_accuracy": 0.7})",
       {"Accuracy"}},
      {R"({"step": 10, "loss": 2.5, "something_new": 0.8})", {"something new"}}};
  for (const auto& [line, titles] : families) {
    const std::string text = json::parse(line).dump();
    WriteText(folder_ / "log.jsonl", text + "\n");
    const CliResult result = RunCli({"plot", folder_ / "log.jsonl", "--force"});
    ASSERT_EQ(result.exit_code, 0) << result.err;
    EXPECT_NE(result.out.find("1 report, "), std::string::npos) << result.out;
    const std::string svg = ReadText(folder_ / "log.svg");
    EXPECT_NE(svg.find(">Training loss<"), std::string::npos);
    EXPECT_NE(svg.find("class=\"point\""), std::string::npos) << "one report is a mark";
    EXPECT_EQ(svg.find("no data yet"), std::string::npos);
    for (const char* title : titles) EXPECT_NE(svg.find(title), std::string::npos) << title;
  }
}

TEST_F(CliEvalTest, PlotWritesPngToo) {
  WriteText(folder_ / "log.jsonl", "{\"step\": 1, \"loss\": 2}\n{\"step\": 2, \"loss\": 1}\n");
  const CliResult result = RunCli({"plot", folder_ / "log.jsonl", "-o", folder_ / "log.png"});
  if (result.exit_code == 3) GTEST_SKIP() << result.err;
  ASSERT_EQ(result.exit_code, 0) << result.err;
  const auto image = ReadImageFile(folder_ / "log.png");
  ASSERT_TRUE(image.ok()) << image.status().message();
  EXPECT_EQ(image->width(), 2240u);
  const CliResult other = RunCli({"plot", folder_ / "log.jsonl", "-o", folder_ / "log.pdf"});
  EXPECT_EQ(other.exit_code, 2);
  EXPECT_NE(other.err.find("use .svg or .png"), std::string::npos) << other.err;
}

}  // namespace
}  // namespace halfmoon::testing
