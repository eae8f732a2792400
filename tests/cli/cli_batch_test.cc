// Batches through the program, with the tiny model of tests/golden: what is done, what is left out
// and said, what an interrupted or broken process leaves.
#include <gtest/gtest.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cstdlib>
#include <filesystem>
#include <nlohmann/json.hpp>
#include <sstream>

#include "bitstream/container.h"
#include "cli/batch_journal.h"
#include "codec/imageio/image_io.h"
#include "codec/io/read_file.h"
#include "halfmoon/decoder.h"
#include "tests/cli/cli_runner.h"

namespace halfmoon::testing {
namespace {

namespace fs = std::filesystem;
using cli::BatchJournal;
using Json = nlohmann::json;
using Names = std::vector<std::string>;

const std::string kModels = HALFMOON_SOURCE_DIR "/tests/golden/model";

CliResult Compress(std::vector<std::string> arguments) {
  arguments.insert(arguments.begin(), {"compress", "--model", "tiny", "--models-dir", kModels});
  return RunCli(arguments);
}

CliResult Decompress(std::vector<std::string> arguments) {
  arguments.insert(arguments.begin(), {"decompress", "--models-dir", kModels});
  return RunCli(arguments);
}

std::vector<Json> Lines(const std::string& text) {
  std::vector<Json> lines;
  std::istringstream in(text);
  for (std::string line; std::getline(in, line);)
    lines.push_back(Json::parse(line, nullptr, false));
  return lines;
}

class Batch : public ::testing::Test {
 protected:
  Batch() {
    std::filesystem::create_directories(folder_ / "in/deep");
    for (int i = 0; i < 4; ++i)
      WritePicture(folder_ / ("in/p" + std::to_string(i) + ".png"), 40, 30, i);
    WritePicture(folder_ / "in/deep/q.png", 30, 40);
    WriteText(folder_ / "in/notes.txt", "no picture");
  }
  std::vector<std::string> Results(const std::string& below) const {
    std::vector<std::string> names;
    for (const auto& e : std::filesystem::recursive_directory_iterator(folder_ / below)) {
      if (e.is_regular_file() && e.path().filename() != BatchJournal::kFileName) {
        names.push_back(e.path().lexically_relative(folder_ / below).string());
      }
    }
    std::sort(names.begin(), names.end());
    return names;
  }
  // The program by a shell, as `command` with $H for it and $F for the folder.
  int Shell(const std::string& command) const {
    WriteText(folder_ / "run.sh", "H='" HALFMOON_PROGRAM "'; F='" + folder_.path().string() +
                                      "'; M='--models-dir " + kModels + "'\n" + command + "\n");
    const int status = std::system(("bash " + (folder_ / "run.sh")).c_str());
    return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
  }
  Json Summary(const CliResult& result) const {
    const std::vector<Json> lines = Lines(result.out);
    return lines.empty() ? Json() : lines.back();
  }

  TempFolder folder_;
};

TEST_F(Batch, OneBadFileDoesNotStopTheOthers) {
  WriteText(folder_ / "in/p1.png", "broken");
  const CliResult result =
      Compress({folder_ / "in", "-r", "--out-dir", folder_ / "out", "-j", "2", "--json"});
  EXPECT_EQ(result.exit_code, 3) << result.err;
  EXPECT_EQ(Results("out"), (std::vector<std::string>{"deep/q.hmn", "p0.hmn", "p2.hmn", "p3.hmn"}));
  const std::vector<Json> lines = Lines(result.out);
  ASSERT_EQ(lines.size(), 6u);
  EXPECT_EQ(lines.back().at("done"), 4);
  EXPECT_EQ(lines.back().at("failed"), 1);
  EXPECT_EQ(std::count_if(lines.begin(), lines.end() - 1,
                          [](const Json& j) { return j.at("ok") == true; }),
            4);

  // And back, one line of summary for people.
  const CliResult back =
      Decompress({folder_ / "out", "-r", "--out-dir", folder_ / "back", "--format", "ppm"});
  EXPECT_EQ(back.exit_code, 0) << back.err;
  EXPECT_EQ(Results("back"),
            (std::vector<std::string>{"deep/q.ppm", "p0.ppm", "p2.ppm", "p3.ppm"}));
  EXPECT_EQ(back.out.rfind("files  done  failed", 0), 0u) << back.out;
}

TEST_F(Batch, ResumeSkipsWhatIsIntactAndRedoesTheRest) {
  ASSERT_EQ(Compress({folder_ / "in", "--out-dir", folder_ / "out", "--quiet"}).exit_code, 0);
  const std::string good = ReadText(folder_ / "out/p2.hmn");
  WriteText(folder_ / "out/p2.hmn", good.substr(0, good.size() - 1));
  std::filesystem::remove(folder_ / "out/p3.hmn");
  const CliResult without = Compress({folder_ / "in", "--out-dir", folder_ / "out"});
  EXPECT_EQ(without.exit_code, 7);
  std::filesystem::remove(folder_ / "out/p3.hmn");
  const CliResult resumed =
      Compress({folder_ / "in", "--out-dir", folder_ / "out", "--resume", "--json"});
  EXPECT_EQ(resumed.exit_code, 0) << resumed.err;
  const Json summary = Lines(resumed.out).back();
  EXPECT_EQ(summary.at("skipped"), 2);
  EXPECT_EQ(summary.at("done"), 2);
  EXPECT_EQ(ReadText(folder_ / "out/p2.hmn"), good);
}

TEST_F(Batch, ShardsShareTheListWithoutOverlap) {
  for (const char* shard : {"1/2", "2/2"}) {
    ASSERT_EQ(
        Compress({folder_ / "in", "-r", "--out-dir", folder_ / "out", "--shard", shard, "--quiet"})
            .exit_code,
        0);
  }
  EXPECT_EQ(Results("out").size(), 5u);
  for (const char* shard : {"0/2", "3/2", "x", "1/", "1/2/3"}) {
    EXPECT_EQ(Compress({folder_ / "in", "--shard", shard}).exit_code, 2) << shard;
  }
}

TEST_F(Batch, UnderGnuParallel) {
  if (std::system("parallel --version > /dev/null 2>&1") != 0)
    GTEST_SKIP() << "no GNU parallel here";
  const std::string command = "parallel -j 2 " + std::string(HALFMOON_PROGRAM) +
                              " compress --model tiny --models-dir " + kModels + " -r " +
                              (folder_ / "in") + " --out-dir " + (folder_ / "out") +
                              " --quiet --shard {}/2 ::: 1 2";
  EXPECT_EQ(std::system(command.c_str()), 0);
  EXPECT_EQ(Results("out").size(), 5u);
}

TEST_F(Batch, WhatCannotWorkIsRefusedBeforeAnyWork) {
  const std::string in = folder_ / "in";
  EXPECT_EQ(Compress({in, "-o", folder_ / "a.hmn"}).exit_code, 2);
  EXPECT_EQ(Compress({in, "-"}).exit_code, 2);
  EXPECT_EQ(Decompress({in}).exit_code, 2);
  EXPECT_FALSE(std::filesystem::exists(folder_ / "out"));
}

TEST_F(Batch, AFolderThatCannotBeWrittenLosesNothing) {
  if (::geteuid() == 0) {
    // Root may write anywhere; a file where a folder should be stops root, too.
    WriteText(folder_ / "out", "precious");
  } else {
    std::filesystem::create_directory(folder_ / "out");
    ::chmod((folder_ / "out").c_str(), 0500);
  }
  const CliResult result = Compress({folder_ / "in", "--out-dir", folder_ / "out"});
  EXPECT_EQ(result.exit_code, 7);
  EXPECT_NE(result.err.find(folder_ / "out"), std::string::npos) << result.err;
  if (::geteuid() == 0) {
    EXPECT_EQ(ReadText(folder_ / "out"), "precious");
  }
}

// A file system of 64 KiB, mounted where only the program under test sees it.
TEST_F(Batch, AFullDiskLosesNothing) {
  if (std::system("unshare -m true > /dev/null 2>&1") != 0) GTEST_SKIP() << "may not mount here";
  std::filesystem::create_directory(folder_ / "small");
  ASSERT_EQ(Compress({folder_ / "in/p0.png"}).exit_code, 0);
  const std::string inner = "mount -t tmpfs -o size=64k tmpfs " + (folder_ / "small") +
                            " && head -c 63k /dev/zero > " + (folder_ / "small/filler") + "; " +
                            HALFMOON_PROGRAM + " decompress --models-dir " + kModels + " " +
                            (folder_ / "in/p0.hmn") + " -o " + (folder_ / "small/p0.ppm") + " 2> " +
                            (folder_ / "err") + "; code=$?; ls -A " + (folder_ / "small") + " > " +
                            (folder_ / "list") + "; exit $code";
  WriteText(folder_ / "run.sh", inner);
  const int status = std::system(("unshare -m sh " + (folder_ / "run.sh")).c_str());
  EXPECT_EQ(WEXITSTATUS(status), 7) << ReadText(folder_ / "err");
  EXPECT_NE(ReadText(folder_ / "err").find("No space left on device"), std::string::npos)
      << ReadText(folder_ / "err");
  EXPECT_EQ(ReadText(folder_ / "list"), "filler\n");
}

// Killed at any moment: results are whole or absent, and --resume makes the rest.
TEST_F(Batch, KilledAtAnyMomentLeavesWholeFilesOnly) {
  const std::string out = folder_ / "out";
  for (int i = 0; i < 12; ++i) {
    RunCliAndKill({"compress", "--model", "tiny", "--models-dir", kModels, folder_ / "in", "-r",
                   "--out-dir", out, "--resume", "-j", "2"},
                  std::chrono::milliseconds(300 + 70 * i));
    if (!std::filesystem::exists(out)) continue;
    for (const std::string& name : Results("out")) {
      if (std::filesystem::path(name).filename().string().starts_with(".halfmoon-")) continue;
      const auto bytes = ReadFile(out + "/" + name);
      ASSERT_TRUE(bytes.ok());
      EXPECT_TRUE(Parse(*bytes).ok()) << name;
    }
  }
  ASSERT_EQ(Compress({folder_ / "in", "-r", "--out-dir", out, "--resume"}).exit_code, 0);
  std::size_t whole = 0;
  for (const std::string& name : Results("out")) whole += name.ends_with(".hmn") ? 1 : 0;
  EXPECT_EQ(whole, 5u);
}

// --- What is left out is said

TEST_F(Batch, WhatFoldersHoldBesideIsCounted) {
  for (const char* name : {"a.gif", "b.gif", "c.TIFF", "README", ".hidden.png", "old.hmn"}) {
    WriteText(folder_ / ("in/" + std::string(name)), "x");
  }
  fs::create_directory(folder_ / "in/.thumbs");
  WritePicture(folder_ / "in/.thumbs/t.png", 20, 20);
  fs::create_directory_symlink("deep", folder_ / "in/link");
  fs::create_directory_symlink("loop", folder_ / "in/loop");
  fs::create_symlink("gone.png", folder_ / "in/broken.png");
  fs::create_symlink("p0.png", folder_ / "in/again.png");  // a file of its own
  ASSERT_EQ(::mkfifo((folder_ / "in/pipe.png").c_str(), 0600), 0);
  const CliResult flat = Compress({folder_ / "in", "--out-dir", folder_ / "out"});
  EXPECT_EQ(flat.exit_code, 0) << flat.err;
  EXPECT_EQ(Results("out"), (Names{"again.hmn", "p0.hmn", "p1.hmn", "p2.hmn", "p3.hmn"}));
  EXPECT_NE(flat.out.find("passed over: without ending 1, .gif 2, .tiff 1, .txt 1: not a kind this "
                          "command reads; hidden 2; links to folders or to nothing 3; pipes and "
                          "devices 1; folders 1 (--recursive goes into them)\n"),
            std::string::npos)
      << flat.out;
  const CliResult deep = Compress({folder_ / "in", "-r", "--out-dir", folder_ / "out2", "--json"});
  EXPECT_EQ(deep.exit_code, 0) << deep.err;
  EXPECT_EQ(Results("out2").size(), 6u);
  EXPECT_EQ(Summary(deep).at("passed_over"),
            (Json{{"endings", {{"", 1}, {".gif", 2}, {".tiff", 1}, {".txt", 1}}},
                  {"hidden", 2},
                  {"links", 3},
                  {"special", 1},
                  {"folders", 0}}));
  // Nothing to do is an error that says what was there.
  fs::create_directory(folder_ / "none");
  WriteText(folder_ / "none/a.webp", "x");
  const CliResult none = Compress({folder_ / "none"});
  EXPECT_EQ(none.exit_code, 2);
  EXPECT_NE(none.err.find("passed over: .webp 1"), std::string::npos) << none.err;
}

TEST_F(Batch, EveryEndingThatCanBeReadIsTaken) {
  fs::create_directory(folder_ / "all");
  std::size_t count = 0;
  for (const std::string& ending : ReadableEndings()) {
    std::string name = "x" + std::to_string(count++) + ending;
    if (count % 2 == 0) std::transform(name.begin(), name.end(), name.begin(), ::toupper);
    fs::copy(folder_ / "in/p0.png", folder_ / ("all/" + name));  // what it is, its content says
  }
  const CliResult result = Compress({folder_ / "all", "--out-dir", folder_ / "out", "--json"});
  EXPECT_EQ(result.exit_code, 0) << result.err;
  EXPECT_EQ(Summary(result).at("done"), count);
  EXPECT_TRUE(Summary(result).at("passed_over").at("endings").empty());
  const std::vector<std::string> endings = ReadableEndings();
  for (const char* common : {".jfif", ".jpe", ".pbm", ".jpeg", ".pam"}) {
    EXPECT_NE(std::find(endings.begin(), endings.end(), common), endings.end()) << common;
  }
}

TEST_F(Batch, AFolderThatCannotBeListedIsAnErrorAndTheOthersAreDone) {
  std::string as = "";
  if (::geteuid() == 0) {
    if (std::system("runuser -u nobody -- true > /dev/null 2>&1") != 0)
      GTEST_SKIP() << "root may read everything, and there is no runuser here";
    as = "runuser -u nobody -- ";
  }
  fs::create_directory(folder_ / "in/locked");
  WritePicture(folder_ / "in/locked/x.png", 20, 20);
  EXPECT_EQ(
      Shell("chmod 755 $F; chmod -R a+rX $F/in; chmod 0 $F/in/locked; mkdir -m 777 $F/out; " + as +
            "$H compress --model tiny $M -r $F/in --out-dir $F/out --json > $F/o 2> $F/e; "
            "r=$?; chmod 700 $F/in/locked; exit $r"),
      7);
  EXPECT_EQ(Results("out"), (Names{"deep/q.hmn", "p0.hmn", "p1.hmn", "p2.hmn", "p3.hmn"}));
  const std::string err = ReadText(folder_ / "e");
  EXPECT_NE(err.find("in/locked: cannot list the folder, what is in it is left out: Permission "
                     "denied"),
            std::string::npos)
      << err;
  const Json folders = Lines(ReadText(folder_ / "o")).back().at("unreadable_folders");
  ASSERT_EQ(folders.size(), 1u);
  EXPECT_NE(folders[0].get<std::string>().find("locked"), std::string::npos);
}

TEST_F(Batch, TwoFilesWithOneResultAreRefusedAndTheOthersDone) {
  WritePicture(folder_ / "in/p0.ppm", 20, 20);
  const CliResult result = Compress({folder_ / "in", "--out-dir", folder_ / "out", "--json"});
  EXPECT_EQ(result.exit_code, 2);
  EXPECT_EQ(Results("out"), (Names{"p1.hmn", "p2.hmn", "p3.hmn"}));
  EXPECT_EQ(Summary(result).at("failed"), 2);
  for (const char* name : {"p0.png", "p0.ppm"}) {
    EXPECT_NE(result.err.find(folder_ / ("in/" + std::string(name)) + ": is left out, because"),
              std::string::npos)
        << result.err;
  }
  EXPECT_NE(result.err.find("rename one"), std::string::npos) << result.err;
}

TEST_F(Batch, AFileThatIsNamedTwiceIsDoneOnce) {
  const std::string in = folder_ / "in";
  fs::create_directory_symlink("in", folder_ / "in2");
  const CliResult result =
      Compress({in + "/p0.png", in + "/./p0.png", in + "/deep/../p0.png", folder_ / "in2/p0.png",
                in, "--out-dir", folder_ / "out", "--json"});
  EXPECT_EQ(result.exit_code, 0) << result.err;
  EXPECT_EQ(Summary(result).at("files"), 4);
  EXPECT_EQ(Results("out").size(), 4u);
}

// --- --resume

class Resume : public Batch {
 protected:
  CliResult Again(std::vector<std::string> more = {}) {
    more.insert(more.begin(), {folder_ / "in", "--out-dir", folder_ / "out", "--resume", "--json"});
    return Compress(more);
  }
  static std::string Reason(const CliResult& result, const std::string& name) {
    for (const Json& line : Lines(result.out)) {
      if (line.value("input", "").ends_with(name)) return line.value("remade", "");
    }
    return "no such file";
  }
  static void SetTime(const std::string& path, int seconds) {
    fs::last_write_time(path, fs::last_write_time(path) + std::chrono::seconds(seconds));
  }
  std::uint32_t Width(const std::string& path) const {
    const auto bytes = ReadFile(path);
    EXPECT_TRUE(bytes.ok());
    const auto info = ReadInfo(*bytes);
    return info.ok() ? info->width : 0;
  }
};

TEST_F(Resume, WhatIsUpToDateIsSkipped) {
  ASSERT_EQ(Compress({folder_ / "in", "--out-dir", folder_ / "plain", "--quiet"}).exit_code, 0);
  EXPECT_FALSE(fs::exists(folder_ / ("plain/" + std::string(BatchJournal::kFileName))));
  ASSERT_EQ(Again().exit_code, 0);
  EXPECT_TRUE(fs::exists(folder_ / ("out/" + std::string(BatchJournal::kFileName))));
  EXPECT_EQ(Summary(Again()).at("skipped"), 4);
  // A copy of the folder has other times and is the same.
  for (int i = 0; i < 4; ++i)
    SetTime(folder_ / ("in/p" + std::to_string(i) + ".png"), 100 - 60 * i);
  const CliResult same = Again();
  EXPECT_EQ(Summary(same).at("skipped"), 4) << same.out;
  EXPECT_EQ(Summary(same).at("remade"), 0);
}

TEST_F(Resume, ChangedSourcesAreDoneAgain) {
  ASSERT_EQ(Again().exit_code, 0);
  WritePicture(folder_ / "in/p0.png", 90, 60, 7);
  WritePicture(folder_ / "in/p1.png", 80, 60, 7);
  SetTime(folder_ / "in/p1.png", -100000);  // older, and of another size
  fs::copy_file(folder_ / "in/p3.png", folder_ / "in/p4.png");
  const CliResult again = Again();
  EXPECT_EQ(again.exit_code, 0) << again.err;
  EXPECT_EQ(Reason(again, "p0.png"), "the source has another size");
  EXPECT_EQ(Reason(again, "p1.png"), "the source has another size");
  EXPECT_EQ(Width(folder_ / "out/p0.hmn"), 90u);
  EXPECT_EQ(Width(folder_ / "out/p1.hmn"), 80u);
  EXPECT_EQ(Summary(again).at("remade"), 2);
  EXPECT_EQ(Summary(again).at("done"), 3);
  EXPECT_EQ(Summary(again).at("skipped"), 2);
  // The same number of bytes, other content, an older time.
  WritePicture(folder_ / "in/p5.ppm", 40, 30, 1);
  ASSERT_EQ(Again().exit_code, 0);
  WritePicture(folder_ / "in/p5.ppm", 40, 30, 2);
  SetTime(folder_ / "in/p5.ppm", -100000);
  EXPECT_EQ(Reason(Again(), "p5.ppm"), "the source has changed");
  EXPECT_EQ(Summary(Again()).at("skipped"), 6);
}

TEST_F(Resume, OtherOptionsDoItAgain) {
  ASSERT_EQ(Again({"-q", "30"}).exit_code, 0);
  const CliResult better = Again({"-q", "80"});
  EXPECT_EQ(Summary(better).at("remade"), 4) << better.out;
  EXPECT_EQ(Reason(better, "p0.png"), "quality was 30.0, is 80.0");
  EXPECT_EQ(Reason(Again({"-q", "80", "-e", "1"}), "p0.png"), "effort was 3, is 1");
  EXPECT_EQ(Reason(Again({"-q", "80", "-e", "1", "--tile-size", "64"}), "p0.png"),
            "tile_size is 64");
  EXPECT_EQ(Reason(Again({"-q", "80", "-e", "1"}), "p0.png"), "tile_size was 64");
  // What decides nothing about the file.
  const CliResult same = Again({"-q", "80", "-e", "1", "--threads", "1", "-j", "2"});
  EXPECT_EQ(Summary(same).at("skipped"), 4) << same.out;
  const CliResult text = Compress({folder_ / "in", "--out-dir", folder_ / "out", "--resume"});
  EXPECT_NE(text.out.find("made again: 4 files, effort was 1, is 3\n"), std::string::npos)
      << text.out;
}

TEST_F(Resume, WithoutAJournalResultsSpeakForThemselves) {
  ASSERT_EQ(Again({"-q", "30"}).exit_code, 0);
  fs::remove(folder_ / ("out/" + std::string(BatchJournal::kFileName)));
  EXPECT_EQ(Summary(Again({"-q", "30"})).at("skipped"), 4);
  WritePicture(folder_ / "in/p0.png", 90, 60, 7);
  SetTime(folder_ / "in/p0.png", 60);
  WritePicture(folder_ / "in/p1.png", 80, 60, 7);
  SetTime(folder_ / "in/p1.png", -100000);
  const CliResult again = Again({"-q", "30"});
  EXPECT_EQ(Reason(again, "p0.png"), "the source is newer");
  EXPECT_EQ(Reason(again, "p1.png"), "the source is another picture");
  EXPECT_EQ(Reason(Again({"-q", "80"}), "p3.png"), "quality was 30, is 80");
}

TEST_F(Resume, ADamagedJournalDoesNoHarm) {
  ASSERT_EQ(Again().exit_code, 0);
  const std::string path = folder_ / ("out/" + std::string(BatchJournal::kFileName));
  const std::string whole = ReadText(path);
  EXPECT_EQ(std::count(whole.begin(), whole.end(), '\n'), 4);
  for (std::size_t length = 0; length <= whole.size(); length += 97) {
    WriteText(path, "garbage\n" + whole.substr(0, length));
    const CliResult again = Again();
    EXPECT_EQ(again.exit_code, 0) << again.err;
    EXPECT_EQ(Summary(again).at("skipped"), 4) << length;
  }
  // What is added after a cut line is found again.
  WriteText(path, whole.substr(0, whole.size() - 3));
  WritePicture(folder_ / "in/p9.png", 30, 30, 9);
  ASSERT_EQ(Again().exit_code, 0);
  WritePicture(folder_ / "in/p9.png", 30, 33, 9);
  EXPECT_EQ(Reason(Again(), "p9.png"), "the source has another size");
}

TEST_F(Resume, DecompressIsTheSame) {
  ASSERT_EQ(Again().exit_code, 0);
  const auto back = [&](std::vector<std::string> more) {
    more.insert(more.begin(),
                {folder_ / "out", "--out-dir", folder_ / "back", "--resume", "--json"});
    return Decompress(more);
  };
  ASSERT_EQ(back({}).exit_code, 0);
  EXPECT_EQ(Summary(back({})).at("skipped"), 4);
  WritePicture(folder_ / "in/p0.png", 90, 60, 7);
  ASSERT_EQ(Again().exit_code, 0);
  const CliResult newer = back({});
  EXPECT_EQ(Summary(newer).at("remade"), 1);
  EXPECT_EQ(ReadImageFile(folder_ / "back/p0.png")->width(), 90u);
  EXPECT_EQ(Reason(back({"--region", "0,0,8,8"}), "p1.hmn"), "region is \"0,0,8,8\"");
  EXPECT_EQ(ReadImageFile(folder_ / "back/p1.png")->width(), 8u);
}

// Beside its .hmn file lies what was compressed.
TEST_F(Resume, OriginalsAreNeverReplaced) {
  ASSERT_EQ(Compress({folder_ / "in", "--quiet"}).exit_code, 0);
  const std::string original = ReadText(folder_ / "in/p0.png");
  const CliResult result = Decompress({folder_ / "in", "--resume", "--json"});
  EXPECT_EQ(result.exit_code, 7);
  EXPECT_EQ(ReadText(folder_ / "in/p0.png"), original);
  EXPECT_NE(result.err.find("p0.png: is kept, because nothing says that it was made from"),
            std::string::npos)
      << result.err;
}

// Looking at a source for the journal must not empty it.
TEST_F(Resume, PipesAreReadOnce) {
  EXPECT_EQ(Shell("$H compress --model tiny $M <(cat $F/in/p0.png) $F/in/p1.png --out-dir $F/out "
                  "--resume --quiet"),
            0);
  EXPECT_EQ(Results("out").size(), 2u);
}

// --- Processes

// A closed descriptor must not become a result's, into which reports are written.
TEST_F(Batch, ClosedStandardStreamsDamageNothing) {
  for (int i = 4; i < 12; ++i)
    fs::copy(folder_ / "in/p0.png", folder_ / ("in/p" + std::to_string(i) + ".png"));
  ASSERT_EQ(Compress({folder_ / "in", "--out-dir", folder_ / "whole", "--quiet"}).exit_code, 0);
  ASSERT_EQ(Decompress({folder_ / "whole", "--out-dir", folder_ / "png", "--quiet"}).exit_code, 0);
  for (const char* closed : {"<&-", ">&-", "2>&-", "<&- >&- 2>&-"}) {
    const int code = Shell(
        "rm -rf $F/a $F/b; exec 2> /dev/null; $H compress --model tiny $M $F/in --out-dir $F/a -j "
        "4 "
        "--json > /dev/null " +
        std::string(closed) +
        "; $H decompress $M $F/whole --out-dir $F/b -j 4 "
        "--json > /dev/null " +
        std::string(closed) +
        "; rm -f $F/*/.halfmoon-batch.jsonl; diff -r $F/a $F/whole && diff -r $F/b $F/png");
    EXPECT_EQ(code, 0) << closed;
  }
  // Output that nobody can get is an error, of which nothing is left.
  EXPECT_EQ(Shell("$H decompress $M $F/whole/p0.hmn -o - >&- 2> /dev/null"), 7);
  EXPECT_EQ(Shell("$H compress $M --model tiny - -o $F/x.hmn <&- 2> /dev/null"), 7);
  EXPECT_FALSE(fs::exists(folder_ / "x.hmn"));
}

TEST_F(Batch, AClosedPipeStopsItAndLeavesNothingUnfinished) {
  ASSERT_EQ(Compress({folder_ / "in", "--out-dir", folder_ / "hmn", "--quiet"}).exit_code, 0);
  EXPECT_EQ(
      Shell("{ $H decompress $M $F/hmn --out-dir $F/out --json 2> $F/err; echo $? > $F/code; }"
            " | exec sleep 0 <&-; while [ ! -s $F/code ]; do sleep 0.1; done; exit $(cat $F/code)"),
      7);
  for (const std::string& name : Results("out")) {
    EXPECT_TRUE(name.ends_with(".png")) << name;
    EXPECT_TRUE(ReadImageFile(folder_ / "out/" + name).ok()) << name;
  }
  // Who closes a pipe needs no message.
  EXPECT_EQ(Shell("{ $H info $F/hmn/*.hmn 2> $F/err; echo $? > $F/code; } | sleep 0 <&-; exit 0"),
            0);
  EXPECT_EQ(ReadText(folder_ / "err"), "");
}

TEST_F(Batch, AFileSizeLimitIsAnErrorAndLeavesNothing) {
  WritePicture(folder_ / "big.png", 200, 200, 3);
  ASSERT_EQ(Compress({folder_ / "big.png"}).exit_code, 0);
  EXPECT_EQ(
      Shell("mkdir $F/out; ulimit -f 8; $H decompress $M $F/big.hmn -o $F/out/big.ppm 2> $F/err"),
      7);
  EXPECT_TRUE(Results("out").empty());
  EXPECT_NE(ReadText(folder_ / "err").find("File too large"), std::string::npos)
      << ReadText(folder_ / "err");
}

TEST_F(Batch, TerminationFinishesTheFilesInWork) {
  for (int i = 0; i < 30; ++i) {
    WritePicture(folder_ / ("in/t" + std::to_string(i) + ".png"), 300, 300, i);
  }
  for (const char* signal : {"TERM", "HUP", "INT"}) {
    const std::string out = std::string("out") + signal;
    EXPECT_EQ(Shell("set -m; $H compress --model tiny $M $F/in --out-dir $F/" + out +
                    " -j 2 --json > $F/o 2> /dev/null & while [ ! -s $F/o ]; do sleep 0.01; done; "
                    "kill -" +
                    std::string(signal) + " $!; wait $!; r=$?; rm $F/o; exit $r"),
              130)
        << signal;
    for (const std::string& name : Results(out)) {
      const auto bytes = ReadFile(folder_ / out + "/" + name);
      EXPECT_TRUE(bytes.ok() && Parse(*bytes).ok()) << name;
    }
  }
}

#if !defined(__SANITIZE_ADDRESS__) && !defined(__SANITIZE_THREAD__)
// Memory and threads that the system does not give are errors of the files that wanted them.
TEST_F(Batch, ScarceMemoryIsAnErrorNotACrash) {
  for (int i = 4; i < 24; ++i)
    fs::copy(folder_ / "in/p0.png", folder_ / ("in/p" + std::to_string(i) + ".png"));
  int enough = 0;
  for (const int kilobytes : {150000, 200000, 300000, 500000, 2000000}) {
    fs::remove_all(folder_ / "out");
    const int code =
        Shell("ulimit -v " + std::to_string(kilobytes) +
              "; $H compress --model tiny $M $F/in --out-dir $F/out -j 64 > $F/o 2>&1");
    EXPECT_TRUE(code == 0 || code == 6) << kilobytes << " KB: " << code << "\n"
                                        << ReadText(folder_ / "o");
    enough += code == 0 ? 1 : 0;
    if (!fs::exists(folder_ / "out")) continue;
    for (const std::string& name : Results("out")) {
      const auto bytes = ReadFile(folder_ / "out/" + name);
      EXPECT_TRUE(bytes.ok() && Parse(*bytes).ok()) << name;
    }
  }
  EXPECT_GE(enough, 1);
}
#endif

}  // namespace
}  // namespace halfmoon::testing
