#include "codec/io/atomic_file.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <signal.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <filesystem>

#include "codec/io/read_file.h"
#include "tests/imageio/test_pictures.h"

namespace halfmoon {
namespace {

using testing::AsBytes;
using testing::TempFolder;
using testing::Text;
using Names = std::vector<std::string>;

std::string Content(const std::string& path) {
  const auto bytes = ReadFile(path);
  return bytes.ok() ? Text(*bytes) : bytes.status().message();
}

mode_t Mode(const std::string& path) {
  struct stat info = {};
  EXPECT_EQ(::stat(path.c_str(), &info), 0);
  return info.st_mode & 0777;
}

TEST(AtomicFile, AppearsOnlyWithCommit) {
  const TempFolder folder;
  const std::string path = folder.File("out.bin");
  auto file = AtomicFile::Create(path, false);
  ASSERT_TRUE(file.ok()) << file.status().message();
  ASSERT_TRUE(file->Write(AsBytes("half")).ok());
  ASSERT_TRUE(file->Write(AsBytes("moon")).ok());
  EXPECT_FALSE(std::filesystem::exists(path));
  ASSERT_TRUE(file->Commit().ok());
  EXPECT_EQ(Content(path), "halfmoon");
  EXPECT_EQ(folder.Entries(), Names{"out.bin"});
}

TEST(AtomicFile, UncommittedLeavesNothing) {
  const TempFolder folder;
  {
    auto file = AtomicFile::Create(folder.File("out"), false);
    ASSERT_TRUE(file.ok());
    ASSERT_TRUE(file->Write(AsBytes("lost")).ok());
    EXPECT_FALSE(std::filesystem::exists(folder.File("out")));
  }
  EXPECT_EQ(folder.Entries(), Names{});
  {
    auto file = AtomicFile::Create(folder.File("out"), false);
    ASSERT_TRUE(file.ok());
    file->Discard();
    EXPECT_EQ(folder.Entries(), Names{});
    EXPECT_EQ(file->Write(AsBytes("x")).code(), StatusCode::kInvalidArgument);
    EXPECT_EQ(file->Commit().code(), StatusCode::kInvalidArgument);
  }
  EXPECT_EQ(folder.Entries(), Names{});
}

TEST(AtomicFile, UncommittedKeepsTheOldFile) {
  const TempFolder folder;
  const std::string path = folder.File("out");
  ASSERT_TRUE(WriteFile(path, AsBytes("old"), false).ok());
  {
    auto file = AtomicFile::Create(path, true);
    ASSERT_TRUE(file.ok());
    ASSERT_TRUE(file->Write(AsBytes("new and longer")).ok());
  }
  EXPECT_EQ(Content(path), "old");
  EXPECT_EQ(folder.Entries(), Names{"out"});
}

// Whether files without a name can be made there.
bool HasUnnamedFiles(const TempFolder& folder) {
  const int file = ::open(folder.File(".").c_str(), O_WRONLY | O_TMPFILE | O_CLOEXEC, 0600);
  if (file >= 0) ::close(file);
  return file >= 0 && std::filesystem::exists("/proc/self/fd");
}

TEST(AtomicFile, AKilledProcessLeavesTheOldFile) {
  for (const auto temporary :
       {AtomicFile::Temporary::kUnnamedIfPossible, AtomicFile::Temporary::kNamed}) {
    const TempFolder folder;
    const std::string path = folder.File("out");
    ASSERT_TRUE(WriteFile(path, AsBytes("old"), false).ok());
    const pid_t child = ::fork();
    ASSERT_GE(child, 0);
    if (child == 0) {
      auto file = AtomicFile::Create(path, true, temporary);
      if (!file.ok() || !file->Write(AsBytes("half a new fi")).ok()) ::_exit(1);
      ::kill(::getpid(), SIGKILL);
    }
    int status = 0;
    ASSERT_EQ(::waitpid(child, &status, 0), child);
    ASSERT_TRUE(WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL);
    EXPECT_EQ(Content(path), "old");
    const bool unnamed =
        temporary == AtomicFile::Temporary::kUnnamedIfPossible && HasUnnamedFiles(folder);
    EXPECT_EQ(folder.Entries().size(), unnamed ? 1u : 2u);
    // What is left does not stand in the way.
    EXPECT_TRUE(WriteFile(path, AsBytes("new"), true).ok());
    EXPECT_EQ(Content(path), "new");
  }
}

// File systems without unnamed files (NFS, FAT, ...): the same, by way of a name.
TEST(AtomicFile, NamedTemporaryFilesDoTheSame) {
  const TempFolder folder;
  const std::string path = folder.File("out");
  const auto create = [&](bool overwrite) {
    auto file = AtomicFile::Create(path, overwrite, AtomicFile::Temporary::kNamed);
    EXPECT_TRUE(file.ok() && file->Write(AsBytes(overwrite ? "new" : "old")).ok());
    return file;
  };
  {
    auto dropped = create(false);
    EXPECT_EQ(folder.Entries().size(), 1u);  // beside the target
  }
  EXPECT_EQ(folder.Entries(), Names{});
  auto first = create(false), second = create(false);
  EXPECT_TRUE(first->Commit().ok());
  EXPECT_EQ(second->Commit().code(), StatusCode::kFileExists);
  EXPECT_EQ(Content(path), "old");
  EXPECT_TRUE(create(true)->Commit().ok());
  EXPECT_EQ(Content(path), "new");
  EXPECT_EQ(folder.Entries(), Names{"out"});
}

TEST(AtomicFile, ReplacesOnlyWhenTold) {
  const TempFolder folder;
  const std::string path = folder.File("out");
  ASSERT_TRUE(WriteFile(path, AsBytes("old"), false).ok());
  const Status refused = WriteFile(path, AsBytes("new"), false);
  EXPECT_EQ(refused.code(), StatusCode::kFileExists);
  // Not "--force": it may be the only copy of somebody's picture.
  EXPECT_NE(refused.message().find("give another name, or move it away"), std::string::npos);
  EXPECT_NE(refused.message().find(path), std::string::npos);
  EXPECT_EQ(Content(path), "old");
  EXPECT_TRUE(WriteFile(path, AsBytes("new"), true).ok());
  EXPECT_EQ(Content(path), "new");
  EXPECT_EQ(folder.Entries(), Names{"out"});
}

TEST(AtomicFile, DoesNotReplaceAFileThatAppearedMeanwhile) {
  const TempFolder folder;
  const std::string path = folder.File("out");
  auto file = AtomicFile::Create(path, false);
  ASSERT_TRUE(file.ok());
  ASSERT_TRUE(file->Write(AsBytes("late")).ok());
  ASSERT_TRUE(WriteFile(path, AsBytes("first"), false).ok());
  EXPECT_EQ(file->Commit().code(), StatusCode::kFileExists);
  EXPECT_EQ(Content(path), "first");
  EXPECT_EQ(folder.Entries(), Names{"out"});
}

TEST(AtomicFile, CommitTwiceIsRefusedAndHarmless) {
  const TempFolder folder;
  auto file = AtomicFile::Create(folder.File("out"), false);
  ASSERT_TRUE(file.ok());
  ASSERT_TRUE(file->Commit().ok());
  EXPECT_EQ(file->Commit().code(), StatusCode::kInvalidArgument);
  EXPECT_EQ(folder.Entries(), Names{"out"});
}

TEST(AtomicFile, MovesKeepOneOwner) {
  const TempFolder folder;
  auto first = AtomicFile::Create(folder.File("a"), false);
  auto second = AtomicFile::Create(folder.File("b"), false);
  ASSERT_TRUE(first.ok() && second.ok());
  AtomicFile file = std::move(*first);
  file = std::move(*second);  // drops what was to become "a"
  ASSERT_TRUE(file.Write(AsBytes("b")).ok());
  ASSERT_TRUE(file.Commit().ok());
  EXPECT_EQ(folder.Entries(), Names{"b"});
}

TEST(AtomicFile, PermissionsFollowUmask) {
  const TempFolder folder;
  const mode_t old = ::umask(027);
  const Status written = WriteFile(folder.File("out"), AsBytes("x"), false);
  ::umask(old);
  ASSERT_TRUE(written.ok());
  EXPECT_EQ(Mode(folder.File("out")), 0640u);
}

TEST(AtomicFile, ReplacingKeepsPermissions) {
  const TempFolder folder;
  const std::string path = folder.File("out");
  ASSERT_TRUE(WriteFile(path, AsBytes("secret"), false).ok());
  ASSERT_EQ(::chmod(path.c_str(), 0600), 0);
  ASSERT_TRUE(WriteFile(path, AsBytes("still secret"), true).ok());
  EXPECT_EQ(Mode(path), 0600u);
}

TEST(AtomicFile, FollowsASymbolicLink) {
  const TempFolder folder;
  std::filesystem::create_directory(folder.File("deep"));
  ASSERT_TRUE(WriteFile(folder.File("deep/real"), AsBytes("old"), false).ok());
  std::filesystem::create_symlink("deep/real", folder.File("link"));
  EXPECT_EQ(WriteFile(folder.File("link"), AsBytes("new"), false).code(), StatusCode::kFileExists);
  ASSERT_TRUE(WriteFile(folder.File("link"), AsBytes("new"), true).ok());
  EXPECT_TRUE(std::filesystem::is_symlink(folder.File("link")));
  EXPECT_EQ(Content(folder.File("deep/real")), "new");
  // A link to nothing is not overwritten by accident either.
  std::filesystem::create_symlink("gone", folder.File("dangling"));
  EXPECT_EQ(WriteFile(folder.File("dangling"), AsBytes("new"), false).code(),
            StatusCode::kFileExists);
}

TEST(AtomicFile, RefusesFolders) {
  const TempFolder folder;
  const std::string path = folder.File("sub");
  std::filesystem::create_directory(path);
  for (const std::string& name : {path, path + "/", std::string()}) {
    const auto refused = AtomicFile::Create(name, true);
    ASSERT_FALSE(refused.ok()) << name;
    EXPECT_EQ(refused.status().code(), StatusCode::kIo);
    EXPECT_NE(refused.status().message().find("file name is expected"), std::string::npos);
  }
  EXPECT_TRUE(std::filesystem::is_directory(path));
  EXPECT_TRUE(std::filesystem::is_empty(path));
}

TEST(AtomicFile, NamesAMissingFolder) {
  const TempFolder folder;
  const auto refused = AtomicFile::Create(folder.File("no/such/out"), false);
  ASSERT_FALSE(refused.ok());
  EXPECT_EQ(refused.status().code(), StatusCode::kIo);
  EXPECT_NE(refused.status().message().find("does not exist; create it first"), std::string::npos);
  ASSERT_TRUE(WriteFile(folder.File("plain"), AsBytes("x"), false).ok());
  const auto below_a_file = AtomicFile::Create(folder.File("plain/out"), false);
  EXPECT_EQ(below_a_file.status().code(), StatusCode::kIo);
  EXPECT_NE(below_a_file.status().message().find("is not a folder"), std::string::npos);
}

TEST(AtomicFile, NamesAFolderThatCannotBeWritten) {
  if (::geteuid() == 0) {
    // The superuser may write in any folder of a disk, but nobody makes files in /proc.
    if (!std::filesystem::exists("/proc/self")) GTEST_SKIP() << "no /proc here";
    const auto refused = AtomicFile::Create("/proc/halfmoon.bin", false);
    ASSERT_FALSE(refused.ok());
    EXPECT_EQ(refused.status().code(), StatusCode::kIo);
    EXPECT_EQ(refused.status().message().rfind("/proc/halfmoon.bin: ", 0), 0u);
    return;
  }
  const TempFolder folder;
  std::filesystem::create_directory(folder.File("locked"));
  ASSERT_EQ(::chmod(folder.File("locked").c_str(), 0500), 0);
  const auto refused = AtomicFile::Create(folder.File("locked/out"), false);
  ASSERT_EQ(::chmod(folder.File("locked").c_str(), 0700), 0);
  ASSERT_FALSE(refused.ok());
  EXPECT_EQ(refused.status().code(), StatusCode::kIo);
  EXPECT_NE(refused.status().message().find("no permission"), std::string::npos);
}

TEST(AtomicFile, DevicesAreWrittenNotReplaced) {
  struct stat info = {};
  ASSERT_EQ(::stat("/dev/null", &info), 0);
  EXPECT_TRUE(WriteFile("/dev/null", AsBytes("gone"), false).ok());
  EXPECT_TRUE(WriteFile("/dev/null", AsBytes("gone"), true).ok());
  ASSERT_EQ(::stat("/dev/null", &info), 0);
  EXPECT_TRUE(S_ISCHR(info.st_mode));
}

TEST(AtomicFile, AFullDiskIsAnError) {
  struct stat info = {};
  if (::stat("/dev/full", &info) != 0) GTEST_SKIP() << "no /dev/full here";
  auto file = AtomicFile::Create("/dev/full", false);
  ASSERT_TRUE(file.ok()) << file.status().message();
  const Status full = file->Write(AsBytes("x"));
  EXPECT_EQ(full.code(), StatusCode::kIo);
  EXPECT_NE(full.message().find("No space left"), std::string::npos) << full.message();
  EXPECT_EQ(file->Commit().code(), StatusCode::kIo);
}

TEST(AtomicFile, LongestNamesWork) {
  const TempFolder folder;
  const std::string name(255, 'n');
  EXPECT_TRUE(WriteFile(folder.File(name), AsBytes("x"), false).ok());
  EXPECT_EQ(folder.Entries(), Names{name});
  const Status refused = WriteFile(folder.File(name + "n"), AsBytes("x"), false);
  EXPECT_EQ(refused.code(), StatusCode::kIo);
  EXPECT_EQ(folder.Entries(), Names{name});
}

}  // namespace
}  // namespace halfmoon
