// The commands that README.md begins with work as they stand, one after the other.
#include <gtest/gtest.h>
#include <sys/wait.h>

#include <algorithm>
#include <cstdlib>

#include "tests/cli/cli_runner.h"

namespace halfmoon::testing {
namespace {

// The first shell block of a page.
std::string FirstBlock(const std::string& page) {
  const std::string fence = "```sh\n";
  const std::size_t begin = page.find(fence);
  if (begin == std::string::npos) return "";
  const std::size_t from = begin + fence.size();
  return page.substr(from, page.find("```", from) - from);
}

TEST(Readme, ItsFirstCommandsRunFromTopToBottom) {
  const std::string block = FirstBlock(ReadText(HALFMOON_SOURCE_DIR "/README.md"));
  ASSERT_NE(block.find("halfmoon compress photo.png"), std::string::npos) << block;
  ASSERT_NE(block.find("halfmoon decompress photo.hmn"), std::string::npos) << block;

  const TempFolder folder;
  WritePicture(folder / "photo.png", 320, 240);
  const std::string original = ReadText(folder / "photo.png");
  // Outside the folder: nothing but what the commands make is in there.
  const TempFolder program;
  std::filesystem::create_symlink(HALFMOON_PROGRAM, program / "halfmoon");
  WriteText(program / "block.sh", block);
  const std::string command = "cd '" + folder.path().string() + "' && PATH='" +
                              program.path().string() + "':\"$PATH\" sh -e '" +
                              (program / "block.sh") + "' > '" + (program / "log") + "' 2>&1";
  const int status = std::system(command.c_str());
  EXPECT_EQ(WEXITSTATUS(status), 0) << ReadText(program / "log");

  EXPECT_EQ(ReadText(folder / "photo.png"), original);
  const std::vector<std::string> files = folder.List();
  for (const char* name : {"photo.hmn", "back.png", "photo.decoded.png"}) {
    EXPECT_NE(std::find(files.begin(), files.end(), name), files.end()) << name;
  }
}

}  // namespace
}  // namespace halfmoon::testing
