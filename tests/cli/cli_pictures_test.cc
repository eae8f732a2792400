// Kinds, regions and damage through the program, with the tiny model of tests/golden.
#include <gtest/gtest.h>
#include <signal.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cstdlib>
#include <nlohmann/json.hpp>
#include <sstream>

#include "bitstream/container.h"
#include "codec/imageio/image_io.h"
#include "codec/io/read_file.h"
#include "tests/cli/cli_runner.h"
#include "tests/codec/test_pictures.h"

namespace halfmoon::testing {
namespace {

using Json = nlohmann::json;

const std::string kModels = HALFMOON_SOURCE_DIR "/tests/golden/model";

CliResult Compress(std::vector<std::string> arguments) {
  arguments.insert(arguments.begin(), {"compress", "--model", "tiny", "--models-dir", kModels});
  return RunCli(arguments);
}

CliResult Decompress(std::vector<std::string> arguments) {
  arguments.insert(arguments.begin(), {"decompress", "--models-dir", kModels});
  return RunCli(arguments);
}

void WriteKind(const std::string& path, const PictureShape& shape) {
  const Image image = MakeKind(shape);
  ASSERT_TRUE(WriteImageFile(path, image.view(), {}, true).ok());
}

TEST(Report, VerboseAddsWhatAFileIsMadeOfAndWhereTheTimeWent) {
  const TempFolder folder;
  WriteKind(folder / "a.png", {90, 70, 4, 8});
  const CliResult plain = Compress({folder / "a.png"});
  ASSERT_EQ(plain.exit_code, 0) << plain.err;
  EXPECT_EQ(std::count(plain.out.begin(), plain.out.end(), '\n'), 1) << plain.out;
  const CliResult made = Compress({folder / "a.png", "-o", folder / "b.hmn", "--verbose"});
  ASSERT_EQ(made.exit_code, 0) << made.err;
  for (const char* part : {"model tiny, effort 3, 1 tile(s), ", "latent ", "alpha ", "analysis ",
                           "memory estimated at "}) {
    EXPECT_NE(made.out.find(part), std::string::npos) << part << "\n" << made.out;
  }
  const CliResult back = Decompress({folder / "a.hmn", "-o", folder / "b.png", "-v", "--json"});
  ASSERT_EQ(back.exit_code, 0) << back.err;
  const std::string hash = Json::parse(back.out).at("symbol_hash");
  const CliResult text = Decompress({folder / "a.hmn", "-o", folder / "c.png", "-v"});
  const std::vector<std::string> parts = {"1 tile(s), ", "hash " + hash, "synthesis ",
                                          "model read in "};
  for (const std::string& part : parts) {
    EXPECT_NE(text.out.find(part), std::string::npos) << part << "\n" << text.out;
  }
  EXPECT_EQ(Compress({folder / "a.png", "-o", folder / "c.hmn", "-v", "--quiet"}).exit_code, 2);
}

TEST(Kinds, AlphaAndSixteenBitGoThroughFilesAndBack) {
  const TempFolder folder;
  WriteKind(folder / "a.png", {90, 70, 4, 16});
  const CliResult made = Compress({folder / "a.png", "--json"});
  ASSERT_EQ(made.exit_code, 0) << made.err;
  EXPECT_GT(Json::parse(made.out).at("alpha_bytes").get<int>(), 0);
  ASSERT_EQ(Decompress({folder / "a.hmn", "-o", folder / "b.pam"}).exit_code, 0);
  const auto a = ReadImageFile(folder / "a.png"), b = ReadImageFile(folder / "b.pam");
  ASSERT_TRUE(a.ok() && b.ok());
  EXPECT_EQ(a->shape(), b->shape());

  // JPEG holds no alpha.
  const CliResult refused = Decompress({folder / "a.hmn", "-o", folder / "c.jpg"});
  EXPECT_EQ(refused.exit_code, 2);
  EXPECT_EQ(refused.err, "halfmoon: error: " + (folder / "c.jpg") +
                             ": the picture has alpha, which JPEG can't hold; give --background "
                             "R,G,B, or write a PNG\n");
  EXPECT_EQ(
      Decompress({folder / "a.hmn", "-o", folder / "c.jpg", "--background", "9,8,300"}).exit_code,
      2);
  EXPECT_EQ(folder.List(), (std::vector<std::string>{"a.hmn", "a.png", "b.pam"}));
  EXPECT_EQ(
      Decompress({folder / "a.hmn", "-o", folder / "c.jpg", "--background", "255,0,0"}).exit_code,
      0);
}

TEST(Kinds, AFileLargerThanItsPictureIsSaid) {
  const TempFolder folder;
  WritePicture(folder / "one.png", 1, 1);
  const CliResult made = Compress({folder / "one.png", "-q", "100"});
  EXPECT_EQ(made.exit_code, 0);
  const auto in = std::filesystem::file_size(folder / "one.png");
  const auto out = std::filesystem::file_size(folder / "one.hmn");
  EXPECT_EQ(made.err.find("is larger than the input") != std::string::npos, out > in) << made.err;
}

TEST(Regions, ReadOnlyTheirTiles) {
  const TempFolder folder;
  WritePicture(folder / "a.png", 640, 320);
  ASSERT_EQ(Compress({folder / "a.png", "--tile-size", "64"}).exit_code, 0);
  const CliResult part =
      Decompress({folder / "a.hmn", "-o", folder / "p.png", "--region", "300,128,70,33", "--json"});
  ASSERT_EQ(part.exit_code, 0) << part.err;
  EXPECT_LT(Json::parse(part.out).at("tiles").get<int>(), 20);
  const auto image = ReadImageFile(folder / "p.png");
  ASSERT_TRUE(image.ok());
  EXPECT_EQ(image->width(), 70u);
  EXPECT_EQ(image->height(), 33u);
  EXPECT_EQ(
      Decompress({folder / "a.hmn", "-o", folder / "q.png", "--region", "600,0,41,1"}).exit_code,
      2);
  EXPECT_EQ(Decompress({folder / "a.hmn", "-o", folder / "q.png", "--region", "1,2,3"}).exit_code,
            2);
  const CliResult tiles = RunCli({"info", "--tiles", "--json", folder / "a.hmn"});
  EXPECT_EQ(Json::parse(tiles.out).at("files").at(0).at("tiles").size(), 50u);
}

// What a search for a size holds may be more than the limit: nothing is left, not everything.
TEST(Limits, ALimitBelowWhatIsHeldIsNotWrappedAround) {
  const TempFolder folder;
  WriteKind(folder / "a.png", {500, 400, 3, 8});
  const CliResult refused =
      Compress({folder / "a.png", "--target-size", "3k", "--max-memory", "500000"});
  EXPECT_EQ(refused.exit_code, 6) << refused.err;
  EXPECT_NE(refused.err.find("of memory"), std::string::npos) << refused.err;
}

TEST(Limits, MemoryIsNamedInTheRefusal) {
  const TempFolder folder;
  WritePicture(folder / "a.png", 300, 200);
  const CliResult refused = Compress({folder / "a.png", "--max-memory", "20M"});
  EXPECT_EQ(refused.exit_code, 6);
  EXPECT_NE(refused.err.find("the work needs about "), std::string::npos) << refused.err;
  EXPECT_EQ(Compress({folder / "a.png", "--max-pixels", "59999"}).exit_code, 6);
  EXPECT_EQ(folder.List(), (std::vector<std::string>{"a.png"}));
}

TEST(Damage, AllowPartialHasACodeOfItsOwn) {
  const TempFolder folder;
  WritePicture(folder / "a.png", 200, 200);
  ASSERT_EQ(Compress({folder / "a.png", "--tile-size", "64"}).exit_code, 0);
  const std::string good = ReadText(folder / "a.hmn");
  WriteText(folder / "cut.hmn", good.substr(0, good.size() / 2));
  EXPECT_EQ(Decompress({folder / "cut.hmn"}).exit_code, 4);
  EXPECT_FALSE(std::filesystem::exists(folder / "cut.png"));
  const CliResult partial = Decompress({folder / "cut.hmn", "--allow-partial"});
  EXPECT_EQ(partial.exit_code, 8) << partial.err;
  EXPECT_NE(partial.err.find("tile(s) lost and filled with grey: "), std::string::npos)
      << partial.err;
  const auto image = ReadImageFile(folder / "cut.png");
  ASSERT_TRUE(image.ok());
  EXPECT_EQ(image->width(), 200u);
  EXPECT_EQ(Decompress({folder / "a.hmn", "--allow-partial", "-o", folder / "b.png"}).exit_code, 0);
}

TEST(SelfDescription, ManPagesAndCompletionsNameWhatHelpNames) {
  const CliResult man = RunCli({"man", "compress"});
  EXPECT_EQ(man.exit_code, 0);
  for (const char* word : {".TH HALFMOON\\-COMPRESS 1", ".SH OPTIONS", "\\-\\-tile\\-size"}) {
    EXPECT_NE(man.out.find(word), std::string::npos) << word << "\n" << man.out;
  }
  EXPECT_EQ(RunCli({"man", "frobnicate"}).exit_code, 2);
  for (const char* shell : {"bash", "zsh", "fish"}) {
    const CliResult script = RunCli({"completion", shell});
    EXPECT_EQ(script.exit_code, 0);
    for (const char* word : {"decompress", "allow-partial"}) {
      EXPECT_NE(script.out.find(word), std::string::npos) << shell << " " << word;
    }
  }
  const TempFolder folder;
  WriteText(folder / "c", RunCli({"completion", "bash"}).out);
  EXPECT_EQ(std::system(("bash -n " + (folder / "c")).c_str()), 0);
  // Values that are one of some words are completed as such.
  const std::string script = "bash -c '. " + (folder / "c") +
                             "; COMP_WORDS=(halfmoon compress --tune m); COMP_CWORD=3; _halfmoon; "
                             "test \"${COMPREPLY[*]}\" = ms-ssim'";
  EXPECT_EQ(std::system(script.c_str()), 0);
}

}  // namespace
}  // namespace halfmoon::testing
