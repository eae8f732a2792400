// compress and decompress: which argument is what, names of results, formats, targets, and models
// by file; with the tiny model of tests/golden.
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <filesystem>
#include <nlohmann/json.hpp>

#include "codec/imageio/image_io.h"
#include "tests/cli/cli_runner.h"

namespace halfmoon::testing {
namespace {

namespace fs = std::filesystem;
using Json = nlohmann::json;

const std::string kModels = HALFMOON_SOURCE_DIR "/tests/golden/model";

class Arguments : public ::testing::Test {
 protected:
  Arguments() {
    WritePicture(In("a.png"), 40, 30, 1);
    WritePicture(In("b.png"), 40, 30, 2);
    EXPECT_EQ(Run({"compress", In("a.png"), In("a.hmn")}).exit_code, 0);
    EXPECT_EQ(Run({"compress", In("b.png"), In("b.hmn")}).exit_code, 0);
    fs::create_directory(In("folder"));
    original_ = ReadText(In("a.png"));
    file_ = ReadText(In("a.hmn"));
  }
  std::string In(const std::string& name) const { return folder_ / name; }

  // With the tiny model.
  static CliResult Run(std::vector<std::string> arguments, const std::string& input = "") {
    const bool encodes = arguments[0] == "compress";
    arguments.insert(arguments.end(), {"--models-dir", kModels});
    if (encodes) arguments.insert(arguments.end(), {"--model", "tiny"});
    return RunCli(arguments, {}, input);
  }
  // Runs it and returns what is there afterwards that was not there before.
  std::vector<std::string> Made(const std::vector<std::string>& arguments, int exit_code = 0) {
    const std::vector<std::string> before = All();
    result_ = Run(arguments);
    EXPECT_EQ(result_.exit_code, exit_code) << result_.out << result_.err;
    std::vector<std::string> made;
    for (const std::string& name : All()) {
      if (std::find(before.begin(), before.end(), name) == before.end()) made.push_back(name);
    }
    // Whatever the arguments, no input is touched.
    EXPECT_EQ(ReadText(In("a.png")), original_);
    EXPECT_EQ(ReadText(In("a.hmn")), file_);
    return made;
  }
  std::vector<std::string> All() const {
    std::vector<std::string> names;
    for (const auto& e : fs::recursive_directory_iterator(folder_.path())) {
      names.push_back(e.path().lexically_relative(folder_.path()).string());
    }
    std::sort(names.begin(), names.end());
    return names;
  }

  using Names = std::vector<std::string>;
  TempFolder folder_;
  std::string original_, file_;
  CliResult result_;
};

TEST_F(Arguments, TheSecondOfTwoIsTheOutput) {
  EXPECT_EQ(Made({"compress", In("a.png"), In("c.hmn")}), Names{"c.hmn"});
  EXPECT_EQ(Made({"decompress", In("a.hmn"), In("c.ppm")}), Names{"c.ppm"});
  EXPECT_EQ(Made({"compress", In("a.png"), In("folder")}), Names{"folder/a.hmn"});
  EXPECT_EQ(Made({"decompress", In("a.hmn"), In("folder")}), Names{"folder/a.png"});
  EXPECT_EQ(Made({"decompress", In("a.hmn"), In("folder"), "--format", "jpg"}),
            Names{"folder/a.jpg"});
  EXPECT_EQ(Made({"compress", In("a.png"), "/dev/null"}), Names{});
  // -o stays.
  EXPECT_EQ(Made({"compress", In("a.png"), "-o", In("d.hmn")}), Names{"d.hmn"});
}

TEST_F(Arguments, TheSecondOfTwoIsAnInputWhereItCanBeOne) {
  EXPECT_EQ(Made({"compress", In("a.png"), In("b.png"), "--force"}), Names{});  // a.hmn, b.hmn
  EXPECT_NE(result_.out.find("files"), std::string::npos);
  EXPECT_EQ(Made({"decompress", In("a.hmn"), In("b.hmn"), "--format", "pam"}),
            (Names{"a.pam", "b.pam"}));
  // With --out-dir everything is an input.
  EXPECT_EQ(Made({"compress", In("a.png"), In("folder"), "--out-dir", In("out")}),
            (Names{"out", "out/a.hmn"}));
}

TEST_F(Arguments, ThreeAreInputs) {
  WritePicture(In("c.png"), 20, 20, 3);
  EXPECT_EQ(Made({"compress", In("c.png"), In("a.png"), In("b.png"), "--out-dir", In("out")}),
            (Names{"out", "out/a.hmn", "out/b.hmn", "out/c.hmn"}));
  EXPECT_EQ(Made({"compress", In("c.png"), In("a.png"), "-o", In("d.hmn")}, 2), Names{});
}

TEST_F(Arguments, WhatWouldBeAGuessIsRefused) {
  fs::create_directory(In("other"));
  const std::vector<std::pair<Names, std::string>> cases = {
      {{"compress", In("folder"), In("other")}, "are both folders"},
      {{"compress", In("folder"), In("new")}, "--out-dir " + In("new")},
      {{"compress", In("a.png"), In("none.png")}, "no such file"},
      {{"decompress", In("a.hmn"), In("none.hmn")}, "no such file"},
      {{"compress", In("a.png"), In("new")}, "no file name ending"},
      {{"decompress", In("a.hmn"), In("new")}, "give --format"}};
  for (const auto& [arguments, part] : cases) {
    EXPECT_EQ(Made(arguments, 2), Names{});
    EXPECT_NE(result_.err.find(part), std::string::npos) << result_.err;
  }
}

TEST_F(Arguments, StreamsAreNamedByAHyphen) {
  const CliResult made = Run({"compress", "-", "-"}, original_);
  EXPECT_EQ(made.exit_code, 0) << made.err;
  EXPECT_EQ(made.out, file_);
  EXPECT_EQ(Run({"compress", In("a.png"), "-"}).out, file_);
  EXPECT_EQ(Run({"compress", "-", In("c.hmn")}, original_).exit_code, 0);
  EXPECT_EQ(ReadText(In("c.hmn")), file_);
  EXPECT_EQ(Run({"decompress", "-", In("c.png")}, file_).exit_code, 0);
  EXPECT_EQ(ReadText(In("c.png")).substr(1, 3), "PNG");
}

// --- Names of results
// -----------------------------------------------------------------------------

TEST_F(Arguments, DecompressTakesAFreeNameBesideTheOriginal) {
  EXPECT_EQ(Made({"decompress", In("a.hmn")}), Names{"a.decoded.png"});
  EXPECT_NE(
      result_.err.find(In("a.png") + ": exists and is kept; the result is " + In("a.decoded.png")),
      std::string::npos)
      << result_.err;
  EXPECT_NE(result_.out.find("-> " + In("a.decoded.png")), std::string::npos) << result_.out;
  EXPECT_EQ(Made({"decompress", In("a.hmn"), "--json"}), Names{"a.decoded-2.png"});
  EXPECT_EQ(Json::parse(result_.out).at("output"), In("a.decoded-2.png"));
  EXPECT_EQ(Made({"decompress", In("a.hmn"), In("b.hmn")}),
            (Names{"a.decoded-3.png", "b.decoded.png"}));
  EXPECT_EQ(Made({"decompress", In("a.hmn"), "--format", "jpg"}), Names{"a.jpg"});
}

// Nobody is talked into replacing a file that may be the only original.
TEST_F(Arguments, ForceIsProposedForHalfmoonFilesAlone) {
  for (const std::vector<std::string>& arguments :
       {Names{"decompress", In("a.hmn"), "-o", In("a.png")},
        Names{"decompress", In("a.hmn"), In("a.png")},
        Names{"decompress", In("a.hmn"), In("b.hmn"), "--out-dir", folder_.path().string()}}) {
    EXPECT_EQ(Made(arguments, 7), Names{});
    EXPECT_NE(result_.err.find("the file exists; give another name"), std::string::npos)
        << result_.err;
    EXPECT_EQ(result_.err.find("--force"), std::string::npos) << result_.err;
  }
  EXPECT_EQ(Made({"compress", In("a.png")}, 7), Names{});
  EXPECT_NE(result_.err.find("a.hmn: the file exists; use --force to replace it"),
            std::string::npos)
      << result_.err;
  WriteText(In("c.hmn"), "somebody's notes");
  EXPECT_EQ(Made({"compress", In("a.png"), In("c.hmn")}, 7), Names{});
  EXPECT_EQ(result_.err.find("--force"), std::string::npos) << result_.err;
  EXPECT_EQ(ReadText(In("c.hmn")), "somebody's notes");
}

// --- Formats
// --------------------------------------------------------------------------------------

TEST_F(Arguments, FormatRulesStreamsAndNamesWithoutAnEnding) {
  EXPECT_EQ(Run({"decompress", In("a.hmn"), "-o", "-"}).out.substr(1, 3), "PNG");
  EXPECT_EQ(Run({"decompress", In("a.hmn"), "-o", "-", "--format", "jpg"}).out.substr(0, 3),
            "\xff\xd8\xff");
  EXPECT_EQ(Run({"decompress", In("a.hmn"), "-", "--format", "ppm"}).out.substr(0, 3), "P6\n");
  EXPECT_EQ(Made({"decompress", In("a.hmn"), "-o", In("thumb"), "--format", "png"}),
            Names{"thumb"});
  EXPECT_EQ(ReadText(In("thumb")).substr(1, 3), "PNG");
  EXPECT_EQ(Made({"decompress", In("a.hmn"), "-o", In("x.tmp"), "--format", "jpeg"}),
            Names{"x.tmp"});
  EXPECT_EQ(ReadText(In("x.tmp")).substr(0, 3), "\xff\xd8\xff");
  EXPECT_EQ(Made({"decompress", In("a.hmn"), In("c.jpeg"), "--format", "jpg"}), Names{"c.jpeg"});
  EXPECT_EQ(Made({"decompress", In("a.hmn"), "-o", In("d.png"), "--format", "jpg"}, 2), Names{});
  EXPECT_NE(result_.err.find("d.png: the name says PNG, --format says JPEG"), std::string::npos)
      << result_.err;
}

// --- Sizes
// ----------------------------------------------------------------------------------------

TEST_F(Arguments, KIsAThousandAndKibAThousandAndTwentyFour) {
  const auto refused = [&](const std::string& limit) {
    EXPECT_EQ(Made({"compress", In("a.png"), In("c.hmn"), "--max-memory", limit}, 6), Names{});
    const std::size_t at = result_.err.find("the limit is set to ");
    EXPECT_NE(at, std::string::npos) << result_.err;
    return result_.err.substr(at + 20, result_.err.find(';', at) - at - 20);
  };
  for (const char* ten : {"10M", "10MB", "10 MB", "10mb", "1e7", "10000k", "0.01G"}) {
    EXPECT_EQ(refused(ten), "10 MB") << ten;
  }
  EXPECT_EQ(refused("10MiB"), "11 MB");  // rounded up
  EXPECT_EQ(Made({"compress", In("a.png"), In("c.hmn"), "--max-pixels", "1.199k"}, 6), Names{});
  EXPECT_EQ(Made({"compress", In("a.png"), In("c.hmn"), "--max-pixels", "1.2k"}), Names{"c.hmn"});
}

TEST_F(Arguments, HugeSizesAreNoLimit) {
  EXPECT_EQ(Made({"compress", In("a.png"), In("c.hmn"), "--target-size", "1e30", "--json"}),
            Names{"c.hmn"});
  EXPECT_EQ(Json::parse(result_.out).at("quality"), 100);
  EXPECT_EQ(Made({"compress", In("a.png"), In("d.hmn"), "--target-size", "1G"}), Names{"d.hmn"});
  EXPECT_EQ(ReadText(In("c.hmn")), ReadText(In("d.hmn")));
  EXPECT_EQ(Made({"compress", In("a.png"), In("e.hmn"), "--max-memory", "1e30", "--max-pixels",
                  "99999999999999999999G", "--target-size", "18446744073709551616"}),
            Names{"e.hmn"});
  EXPECT_EQ(Made({"decompress", In("a.hmn"), In("e.png"), "--max-memory", "1e300"}),
            Names{"e.png"});
}

// --- Targets and metrics
// --------------------------------------------------------------------------

TEST_F(Arguments, TargetsSayWhatTheyReached) {
  WritePicture(In("large.png"), 200, 180, 1);
  const Json best = Json::parse(
      Run({"compress", In("large.png"), In("best.hmn"), "-q", "100", "--metrics", "--json"}).out);
  for (const char* key : {"psnr", "ms_ssim", "ssimulacra2"}) EXPECT_TRUE(best.contains(key)) << key;
  struct TargetCase {
    std::string option, key, text;
    double asked;
  };
  const double psnr = best.at("psnr"), ms_ssim = best.at("ms_ssim"), score = best.at("ssimulacra2");
  for (const TargetCase& c :
       {TargetCase{"--target-psnr", "psnr", "PSNR ", psnr - 1},
        TargetCase{"--target-msssim", "ms_ssim", "MS-SSIM ", ms_ssim - 0.01},
        TargetCase{"--target-ssimulacra2", "ssimulacra2", "SSIMULACRA 2 ", score - 5}}) {
    const std::string asked = std::to_string(c.asked), out = In(c.key + ".hmn");
    const CliResult made = Run({"compress", In("large.png"), out, c.option, asked, "--json"});
    ASSERT_EQ(made.exit_code, 0) << made.err;
    const Json json = Json::parse(made.out);
    EXPECT_EQ(json.at("target").at("of"), c.key);
    EXPECT_NEAR(json.at("target").at("asked").get<double>(), c.asked, 1e-6);
    EXPECT_GE(json.at(c.key).get<double>(), c.asked - 1e-6);
    EXPECT_EQ(json.at("target").at("reached"), json.at(c.key));
    EXPECT_LT(json.at("quality").get<double>(), 100);
    // It is what the file gives back.
    const CliResult text = Run({"compress", In("large.png"), out, c.option, asked, "--force"});
    EXPECT_NE(text.out.find(", " + c.text), std::string::npos) << text.out;
    const Json again = Json::parse(
        Run({"compress", In("large.png"), In("again.hmn"), "-q",
             std::to_string(json.at("quality").get<double>()), "--metrics", "--json", "--force"})
            .out);
    EXPECT_NEAR(again.at(c.key).get<double>(), json.at(c.key).get<double>(), 1e-3);
  }
  const CliResult refused =
      Run({"compress", In("large.png"), In("no.hmn"), "--target-ssimulacra2", "100"});
  EXPECT_EQ(refused.exit_code, 2);
  EXPECT_NE(refused.err.find("--target-ssimulacra2: 100.00 can't be reached"), std::string::npos)
      << refused.err;
  EXPECT_EQ(Run({"compress", In("a.png"), In("no.hmn"), "--target-ssimulacra2", "50"}).exit_code,
            2);  // too small a picture to have one
  const CliResult size = Run({"compress", In("large.png"), In("size.hmn"), "--target-size", "2k"});
  EXPECT_EQ(size.exit_code, 0) << size.err;
  EXPECT_NE(size.out.find(" for at most 2 kB"), std::string::npos) << size.out;
  const CliResult rate =
      Run({"compress", In("large.png"), In("rate.hmn"), "--target-bpp", "0.5", "--json"});
  const Json json = Json::parse(rate.out);
  EXPECT_LE(json.at("target").at("reached").get<double>(), 0.5);
  EXPECT_NEAR(json.at("target").at("reached").get<double>(), json.at("bits_per_pixel"), 1e-9);
}

TEST_F(Arguments, MetricsAreThoseOfCompare) {
  WritePicture(In("large.png"), 200, 180, 1);
  const Json said =
      Json::parse(Run({"compress", In("large.png"), In("l.hmn"), "--metrics", "--json"}).out);
  ASSERT_EQ(Run({"decompress", In("l.hmn"), In("back.png")}).exit_code, 0);
  const Json compared =
      Json::parse(RunCli({"compare", In("large.png"), In("back.png"), "--json"}).out).at("metrics");
  EXPECT_NEAR(said.at("psnr").get<double>(), compared.at("psnr_rgb").get<double>(), 1e-9);
  EXPECT_NEAR(said.at("ms_ssim").get<double>(), compared.at("ms_ssim").get<double>(), 1e-9);
  EXPECT_NEAR(said.at("ssimulacra2").get<double>(), compared.at("ssimulacra2").get<double>(), 1e-9);
  const CliResult text = Run({"compress", In("large.png"), In("m.hmn"), "--metrics"});
  for (const char* part : {", PSNR ", ", MS-SSIM ", ", SSIMULACRA 2 "}) {
    EXPECT_NE(text.out.find(part), std::string::npos) << text.out;
  }
}

// --- A model of one's own
// -------------------------------------------------------------------------

TEST_F(Arguments, AWeightsFileIsAModel) {
  const std::string weights = kModels + "/tiny.safetensors";
  // Installed: the same file as by name.
  EXPECT_EQ(
      RunCli({"compress", In("a.png"), In("c.hmn"), "--model", weights, "--models-dir", kModels})
          .exit_code,
      0);
  EXPECT_EQ(ReadText(In("c.hmn")), file_);
  // Not installed: the decoder must be told.
  const std::string none = In("folder");
  const CliResult made =
      RunCli({"compress", In("a.png"), In("d.hmn"), "--model", weights, "--models-dir", none});
  EXPECT_EQ(made.exit_code, 0) << made.err;
  const CliResult lost = RunCli({"decompress", In("d.hmn"), In("d.png"), "--models-dir", none});
  EXPECT_EQ(lost.exit_code, 5);
  for (const std::string command : {"decompress", "verify"}) {
    std::vector<std::string> arguments = {command, In("d.hmn"), "--models-dir",
                                          none,    "--model",   weights};
    if (command == "decompress") arguments.push_back(In("d.png"));
    const CliResult found = RunCli(arguments);
    EXPECT_EQ(found.exit_code, 0) << command << found.err;
  }
  // An installed model of these weights will do, whatever its id.
  EXPECT_EQ(Run({"decompress", In("d.hmn"), In("e.png")}).exit_code, 0);
  EXPECT_EQ(ReadText(In("d.png")), ReadText(In("e.png")));
  const CliResult broken =
      RunCli({"compress", In("a.png"), In("f.hmn"), "--model", In("none.safetensors")});
  EXPECT_EQ(broken.exit_code, 7);
  EXPECT_NE(broken.err.find("none.safetensors"), std::string::npos) << broken.err;
}

TEST_F(Arguments, InfoNamesTheModel) {
  const Environment tiny = {{"HALFMOON_MODELS_DIR", kModels}};
  EXPECT_NE(RunCli({"info", In("a.hmn")}, tiny).out.find("\n  model    tiny, id "),
            std::string::npos);
  EXPECT_EQ(
      Json::parse(RunCli({"info", "--json", In("a.hmn")}, tiny).out).at("files").at(0).at("model"),
      "tiny");
  const Environment none = {{"HALFMOON_MODELS_DIR", In("folder")}};
  EXPECT_TRUE(Json::parse(RunCli({"info", "--json", In("a.hmn")}, none).out)
                  .at("files")
                  .at(0)
                  .at("model")
                  .is_null());
}

}  // namespace
}  // namespace halfmoon::testing
