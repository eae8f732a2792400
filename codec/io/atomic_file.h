// AtomicFile: a file appears whole or not at all. Knows nothing about pictures or containers.
//
// Read me first. Bytes go to a temporary file in the target's own folder (a name can be given only
// within one file system). Commit flushes it to the disk and gives it its name. Whatever happens
// before that, even a crash, leaves an existing target as it was. The temporary file has no name
// where the file system knows such files (O_TMPFILE: ext4, XFS, Btrfs, tmpfs, ...), so that even a
// killed process leaves nothing. Elsewhere it is ".halfmoon-<number>.tmp": an AtomicFile that goes
// away uncommitted removes it, a killed process leaves it.
#pragma once

#include <cstdint>
#include <span>
#include <string>

#include "codec/io/posix.h"
#include "halfmoon/status.h"

namespace halfmoon {

// Thread-safety: one thread at a time per object; different objects are independent.
class AtomicFile {
 public:
  // Starts to write `path`. The file system decides about permissions as for any new file (umask);
  // a file that replaces another takes over its permission bits. A symbolic link is followed: its
  // target is replaced, not the link. Pipes and character devices (/dev/null) cannot be replaced
  // and are written directly.
  // Errors: kFileExists when `path` exists and not `overwrite`; kIo (no such folder, no
  // permission, `path` is a folder). Messages begin with the path.
  // `temporary`: kNamed is what file systems without unnamed files get, for tests.
  enum class Temporary { kUnnamedIfPossible, kNamed };
  static Result<AtomicFile> Create(const std::string& path, bool overwrite,
                                   Temporary temporary = Temporary::kUnnamedIfPossible);

  AtomicFile(AtomicFile&& other) noexcept;
  AtomicFile& operator=(AtomicFile&& other) noexcept;
  AtomicFile(const AtomicFile&) = delete;
  AtomicFile& operator=(const AtomicFile&) = delete;
  ~AtomicFile() { Discard(); }

  // Appends bytes. After a failure Commit is refused. Errors: kIo, e.g. a full disk.
  Status Write(std::span<const std::uint8_t> bytes);

  // Makes the file appear under its name. To be called once, last.
  // Errors: kFileExists when the target appeared meanwhile and not `overwrite`; kIo;
  // kInvalidArgument when there is nothing to commit. The temporary file is gone in any case.
  Status Commit();

  // Drops what was written; the target stays as it was. Harmless when committed.
  void Discard();

 private:
  AtomicFile() = default;
  Status Publish();
  int GiveName();  // 0 or an errno

  std::string path_;       // as given, for messages
  std::string target_;     // with links resolved
  std::string temporary_;  // its name while it has one
  bool direct_ = false;    // a pipe or device
  io::Descriptor file_;
  bool overwrite_ = false;
  bool failed_ = false;
};

// The three steps in one: create, write, commit.
Status WriteFile(const std::string& path, std::span<const std::uint8_t> bytes, bool overwrite);

}  // namespace halfmoon
