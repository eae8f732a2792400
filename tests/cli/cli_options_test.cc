// What holds of the options of all commands: which values they take, and how --help shows them.
#include <gtest/gtest.h>

#include <algorithm>
#include <nlohmann/json.hpp>
#include <regex>
#include <set>
#include <sstream>

#include "tests/cli/cli_runner.h"

namespace halfmoon::testing {
namespace {

std::vector<std::string> Lines(const std::string& text) {
  std::vector<std::string> lines;
  std::istringstream in(text);
  for (std::string line; std::getline(in, line);) lines.push_back(line);
  return lines;
}

struct ShownOption {
  std::string name, type;
};

// The options with a value that --help-all shows.
std::vector<ShownOption> ValueOptions(const std::string& command) {
  std::vector<ShownOption> options;
  static const std::regex kOption("^ +(?:-[A-Za-z0-9], )?(--[a-z0-9-]+) ([^ ]+)( .*)?$");
  for (const std::string& line : Lines(RunCli({command, "--help-all"}).out)) {
    if (line == "Examples:") break;
    std::smatch match;
    // Descriptions begin two columns behind a flag, values one.
    if (std::regex_match(line, match, kOption)) options.push_back({match[1], match[2]});
  }
  return options;
}

// Texts: whatever is not empty may be meant.
const std::set<std::string> kTextTypes = {"FILE",         "DIR", "NAME",    "TEXT",    "PACK",
                                          "MODEL",        "WxH", "CxR",     "I/N",     "NAMES",
                                          "COLUMN=VALUE", "A-B", "OUT.png", "X,Y,W,H", "R,G,B"};

class EveryOption : public ::testing::TestWithParam<const char*> {};

TEST_P(EveryOption, WithAValueRefusesAnEmptyOne) {
  const std::string command = GetParam();
  for (const ShownOption& o : ValueOptions(command)) {
    const CliResult result = RunCli({command, o.name, ""});
    EXPECT_EQ(result.exit_code, 2) << command << " " << o.name << " ''";
    EXPECT_EQ(result.err.rfind("halfmoon: error: " + o.name + ": is empty; ", 0), 0u) << result.err;
  }
}

// A new option whose type is not among the texts is taken for a number.
TEST_P(EveryOption, ThatIsANumberRefusesWhatIsNone) {
  const std::string command = GetParam();
  std::vector<const char*> values = {"nan", "5x",  ",",  "inf",   "-inf",
                                     "x",   "5 5", " 5", "0x1p3", "--"};
  for (const ShownOption& o : ValueOptions(command)) {
    if (kTextTypes.count(o.type) != 0) continue;
    for (const char* value : values) {
      const CliResult result = RunCli({command, o.name + "=" + value});
      EXPECT_EQ(result.exit_code, 2) << command << " " << o.name << " " << value;
      EXPECT_EQ(result.err.rfind("halfmoon: error: " + o.name + " '", 0), 0u) << result.err;
      EXPECT_NE(result.err.find("; legal are "), std::string::npos) << result.err;
    }
  }
}

TEST_P(EveryOption, IsShownWithinAHundredColumns) {
  const std::string command = GetParam();
  for (const char* help : {"--help", "--help-all"}) {
    const CliResult result = RunCli({command, help});
    EXPECT_EQ(result.exit_code, 0) << result.err;
    for (const std::string& line : Lines(result.out)) {
      EXPECT_LE(line.size(), 100u) << command << ": " << line;
    }
    for (const char* noise : {"Excludes", "Needs", " FLOAT", " INT", "REQUIRED", ":{"}) {
      EXPECT_EQ(result.out.find(noise), std::string::npos) << command << ": " << noise;
    }
  }
}

// What --help leaves to --help-all it names.
TEST_P(EveryOption, IsNamedByHelp) {
  const std::string command = GetParam();
  const std::string help = RunCli({command, "--help"}).out;
  for (const ShownOption& o : ValueOptions(command)) {
    EXPECT_NE(help.find(o.name), std::string::npos) << command << " " << o.name;
  }
}

INSTANTIATE_TEST_SUITE_P(Cli, EveryOption,
                         ::testing::Values("compress", "decompress", "info", "verify", "models",
                                           "eval", "compare", "plot", "sample", "interpolate",
                                           "reconstruct", "latent", "completion", "man", "help",
                                           "pack", "train", "export", "demo", "assess"));

// The walk above sees what it is meant to see.
TEST(Options, OfCompressAreFound) {
  std::set<std::string> names;
  for (const ShownOption& o : ValueOptions("compress")) names.insert(o.name + " " + o.type);
  for (const char* name : {"--quality Q", "--effort N", "--target-size SIZE", "--max-memory SIZE",
                           "--threads N", "--tune psnr|ms-ssim", "--output FILE"}) {
    EXPECT_EQ(names.count(name), 1u) << name;
  }
}

struct RefusedCase {
  const char *command, *option, *value, *message;
};

TEST(Options, SayWhatIsLegal) {
  for (const RefusedCase& c : std::vector<RefusedCase>{
           {"compress", "--quality", "101", "--quality 101 is out of range; legal are 0 to 100"},
           {"compress", "--quality", "1e999",
            "--quality 1e999 is out of range; legal are 0 to 100"},
           {"compress", "--effort", "3.5", "--effort '3.5' is no whole number; legal are 1 to 9"},
           {"compress", "--effort", "", "--effort: is empty; legal are 1 to 9"},
           {"compress", "--effort", "18446744073709551616",
            "--effort 18446744073709551616 is out of range; legal are 1 to 9"},
           {"compress", "--target-size", "0",
            "--target-size 0 is out of range; legal are 1 and more, with k, M, G (powers of 1000) "
            "or KiB, MiB, GiB (powers of 1024)"},
           {"compress", "--target-size", "5parsec",
            "--target-size '5parsec' is no size; legal are 1 and more, with k, M, G (powers of "
            "1000) or KiB, MiB, GiB (powers of 1024)"},
           {"compress", "--tune", "ssim", "--tune 'ssim' is unknown; legal are psnr, ms-ssim"},
           {"sample", "--seed", "-1", "--seed -1 is out of range; legal are 0 and more"},
           {"sample", "--seed", "18446744073709551616",
            "--seed 18446744073709551616 is out of range; legal are 0 and more"},
           {"eval", "--quality", "5,,6", "--quality '' is no number; legal are numbers"},
           {"eval", "--matched-bpp", "25",
            "--matched-bpp 25 is out of range; legal are 0 to 24"}}) {
    const CliResult result = RunCli({c.command, c.option, c.value});
    EXPECT_EQ(result.exit_code, 2) << c.command << " " << c.option << " " << c.value;
    EXPECT_EQ(result.err, "halfmoon: error: " + std::string(c.message) + "\n");
  }
}

TEST(Options, TakeTheWholeRangeOfSeeds) {
  const TempFolder folder;
  const CliResult result = RunCli({"sample", "--seed", "18446744073709551615", "--model", "none",
                                   "--models-dir", folder.path().string(), "-o", folder / "a.png"});
  EXPECT_EQ(result.exit_code, 5) << result.err;  // no such model, but a good seed
}

// --- Words that are not quite right
// ---------------------------------------------------------------

TEST(Program, SuggestsWhatWasMeant) {
  EXPECT_EQ(RunCli({"compres", "a.png"}).err,
            "halfmoon: error: unknown command 'compres'; did you mean 'compress'?\n");
  EXPECT_EQ(RunCli({"compress", "a.png", "--qualty", "5"}).err,
            "halfmoon: error: unknown option '--qualty'; did you mean --quality?\n");
  EXPECT_EQ(RunCli({"decompress", "a.hmn", "--jpegquality=5"}).err,
            "halfmoon: error: unknown option '--jpegquality'; did you mean --jpeg-quality?\n");
  const TempFolder folder;
  WriteText(folder / "a.png", "");
  EXPECT_EQ(RunCli({folder / "a.png"}).err,
            "halfmoon: error: unknown command '" + (folder / "a.png") +
                "'; to compress that file: 'halfmoon compress " + (folder / "a.png") + "'\n");
}

TEST(Program, HelpIsACommandToo) {
  EXPECT_EQ(RunCli({"help"}).out, RunCli({"--help"}).out);
  const CliResult help = RunCli({"help", "compress"});
  EXPECT_EQ(help.exit_code, 0);
  EXPECT_EQ(help.out, RunCli({"compress", "--help"}).out);
  EXPECT_EQ(RunCli({"help", "train"}).out, RunCli({"train", "--help"}).out);
  EXPECT_EQ(RunCli({"help", "trian"}).err,
            "halfmoon: error: unknown command 'trian'; did you mean 'train'?\n");
  EXPECT_EQ(RunCli({"-V"}).out, RunCli({"--version"}).out);
}

TEST(Program, HelpIsWithinAHundredColumns) {
  for (const char* option : {"--help", "--help-all"}) {
    for (const std::string& line : Lines(RunCli({option}).out)) {
      EXPECT_LE(line.size(), 100u) << line;
    }
  }
  EXPECT_NE(RunCli({"--help-all"}).out.find("--checkpoint-minutes"), std::string::npos);
}

TEST(Program, HelpOfCompressIsInGroups) {
  const std::string help = RunCli({"compress", "--help"}).out;
  const std::string all = RunCli({"compress", "--help-all"}).out;
  for (const char* group : {"\nOptions:\n", "\nOutput:\n", "\nMetadata:\n", "\nMany files:\n"}) {
    EXPECT_NE(help.find(group), std::string::npos) << group;
  }
  for (const char* group : {"\nLimits:\n", "\nExpert:\n"}) {
    EXPECT_EQ(help.find(group), std::string::npos) << group;
    EXPECT_NE(all.find(group), std::string::npos) << group;
  }
}

// --- Errors as JSON
// -------------------------------------------------------------------------------

TEST(Json, OfAFailureIsAnObject) {
  const TempFolder folder;
  const std::string none = folder / "none.png";
  const std::vector<std::pair<std::vector<std::string>, std::string>> cases = {
      {{"compress", none, "--json"}, "io"},
      {{"decompress", folder / "none.hmn", "--json"}, "io"},
      {{"compare", none, none, "--json"}, "io"},
      {{"eval", none, "--json"}, "io"},
      {{"compress", none, "--json", "-q", "101"}, "invalid-argument"},
      {{"compress", none, "--json", "--frob"}, "invalid-argument"}};
  for (const auto& [arguments, name] : cases) {
    const CliResult result = RunCli(arguments);
    EXPECT_NE(result.exit_code, 0);
    const auto json = nlohmann::json::parse(result.out, nullptr, false);
    ASSERT_TRUE(json.is_object()) << arguments[0] << ": " << result.out << result.err;
    EXPECT_EQ(json.at("ok"), false);
    EXPECT_EQ(json.at("error"), name) << json;
    EXPECT_EQ("halfmoon: error: " + json.at("message").get<std::string>() + "\n", result.err);
  }
}

}  // namespace
}  // namespace halfmoon::testing
