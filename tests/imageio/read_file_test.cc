#include "codec/io/read_file.h"

#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cstdlib>
#include <fstream>
#include <thread>

#include "tests/imageio/test_pictures.h"

namespace halfmoon {
namespace {

using testing::TempFolder;
using testing::Text;

std::string WriteText(const std::string& path, std::string_view text) {
  std::ofstream(path, std::ios::binary) << text;
  return path;
}

TEST(ReadFile, ReturnsAllBytes) {
  const TempFolder folder;
  std::string text(200'001, 'x');
  text[100'000] = '\0';
  const auto bytes = ReadFile(WriteText(folder.File("a"), text));
  ASSERT_TRUE(bytes.ok()) << bytes.status().message();
  EXPECT_EQ(Text(*bytes), text);
}

TEST(ReadFile, EmptyFileIsNoError) {
  const TempFolder folder;
  const auto bytes = ReadFile(WriteText(folder.File("a"), ""));
  ASSERT_TRUE(bytes.ok());
  EXPECT_TRUE(bytes->empty());
}

TEST(ReadFile, LimitIsInclusive) {
  const TempFolder folder;
  const std::string path = WriteText(folder.File("a"), "12345");
  EXPECT_TRUE(ReadFile(path, 5).ok());
  const auto refused = ReadFile(path, 4);
  EXPECT_EQ(refused.status().code(), StatusCode::kLimitExceeded);
  EXPECT_NE(refused.status().message().find(path), std::string::npos);
}

TEST(ReadFile, TheLargestLimitIsNone) {
  const TempFolder folder;
  const std::string path = WriteText(folder.File("a"), std::string(300000, 'x'));
  const std::string pipe = "cat '" + path + "' > '" + folder.File("pipe") + "' &";
  ASSERT_EQ(::mkfifo(folder.File("pipe").c_str(), 0600), 0);
  ASSERT_EQ(std::system(pipe.c_str()), 0);
  const auto bytes = ReadFile(folder.File("pipe"), UINT64_MAX);
  ASSERT_TRUE(bytes.ok()) << bytes.status().message();
  EXPECT_EQ(bytes->size(), 300000u);
}

TEST(ReadFile, SaysWhatIsWrong) {
  const TempFolder folder;
  const auto missing = ReadFile(folder.File("nothing.png"));
  EXPECT_EQ(missing.status().code(), StatusCode::kIo);
  EXPECT_EQ(missing.status().message(), folder.File("nothing.png") + ": no such file");
  const auto directory = ReadFile(folder.File(""));
  EXPECT_EQ(directory.status().code(), StatusCode::kIo);
  EXPECT_NE(directory.status().message().find("is a directory"), std::string::npos);
  const auto below_a_file = ReadFile(WriteText(folder.File("a"), "1") + "/b");
  EXPECT_EQ(below_a_file.status().code(), StatusCode::kIo);
}

TEST(ReadFile, NamesMissingPermission) {
  if (::geteuid() == 0) GTEST_SKIP() << "the superuser may read everything";
  const TempFolder folder;
  const std::string path = WriteText(folder.File("a"), "1");
  ASSERT_EQ(::chmod(path.c_str(), 0), 0);
  const auto refused = ReadFile(path);
  EXPECT_EQ(refused.status().code(), StatusCode::kIo);
  EXPECT_NE(refused.status().message().find("no permission"), std::string::npos);
}

TEST(ReadFile, ReadsFilesWithoutASize) {
  // /proc files claim to have 0 bytes.
  const auto status = ReadFile("/proc/self/status");
  if (!status.ok()) GTEST_SKIP() << "no /proc here";
  EXPECT_NE(Text(*status).find("Pid:"), std::string::npos);
  // A device without an end stops at the limit.
  EXPECT_EQ(ReadFile("/dev/zero", 1'000'000).status().code(), StatusCode::kLimitExceeded);
}

TEST(ReadDescriptor, ReadsAPipeToItsEnd) {
  int ends[2];
  ASSERT_EQ(::pipe(ends), 0);
  const std::string text(300'000, 'p');  // more than a pipe holds
  std::thread writer([&] {
    std::size_t done = 0;
    while (done < text.size()) {
      const ssize_t wrote = ::write(ends[1], text.data() + done, text.size() - done);
      if (wrote <= 0) break;
      done += static_cast<std::size_t>(wrote);
    }
    ::close(ends[1]);
  });
  const auto bytes = ReadDescriptor(ends[0], "standard input");
  writer.join();
  ::close(ends[0]);
  ASSERT_TRUE(bytes.ok()) << bytes.status().message();
  EXPECT_EQ(Text(*bytes), text);
}

TEST(ReadDescriptor, NamesTheSource) {
  const auto refused = ReadDescriptor(-1, "standard input");
  EXPECT_EQ(refused.status().code(), StatusCode::kIo);
  EXPECT_EQ(refused.status().message().rfind("standard input: ", 0), 0u);
}

}  // namespace
}  // namespace halfmoon
