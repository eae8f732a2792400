// AtomicFile: a file appears whole or not at all. Knows nothing about pictures or containers.
//
// Read me first. Bytes go to a hidden temporary file in the target's own folder (a rename works
// only within one file system). Commit flushes it to the disk and renames it. Whatever happens
// before that, even a crash, leaves an existing target as it was. An AtomicFile that goes away
// uncommitted removes its temporary file; only a killed process leaves one
// (".halfmoon-<number>.tmp").
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
  static Result<AtomicFile> Create(const std::string& path, bool overwrite);

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

  std::string path_;       // as given, for messages
  std::string target_;     // with links resolved
  std::string temporary_;  // empty when written directly, committed or discarded
  io::Descriptor file_;
  bool overwrite_ = false;
  bool failed_ = false;
};

// The three steps in one: create, write, commit.
Status WriteFile(const std::string& path, std::span<const std::uint8_t> bytes, bool overwrite);

}  // namespace halfmoon
