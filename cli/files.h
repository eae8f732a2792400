// Files as the commands see them: names, early checks, "-" for the standard streams.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "codec/io/atomic_file.h"
#include "halfmoon/status.h"

namespace halfmoon::cli {

inline constexpr char kStandardStream[] = "-";

// The ending of a file name in lower case (A to Z), with its dot; empty when there is none.
std::string LowerEnding(const std::string& path);

// `output` as given, or `input` with its file name ending replaced by `ending` (".hmn").
// Errors: kInvalidArgument when the input is standard input and no output is given.
Result<std::string> OutputPath(const std::string& input, const std::string& output,
                               const std::string& ending);

// Errors: kInvalidArgument unless the name ends in `ending` (any case), or names a device or pipe.
Status CheckEnding(const std::string& path, const std::string& ending);

// Whether `input` can be opened at all, before any work. Errors: kIo as ReadFile.
Status CheckInput(const std::string& input);

// Whether `output` can be written, before any work is spent on it.
// Errors: kInvalidArgument when both names mean the same file, or standard output is a terminal;
// kFileExists and kIo as AtomicFile::Create.
Status CheckTarget(const std::string& input, const std::string& output, bool force);

// All bytes of a file or of standard input. Messages begin with the path.
Result<std::vector<std::uint8_t>> ReadInput(const std::string& path);

// A file that is written while it is made. It appears under its name at Commit, whole or not at
// all; what goes to standard output is held back until then, so that a failure leaves nothing
// there.
class OutputStream {
 public:
  // Errors: as AtomicFile::Create.
  static Result<OutputStream> Create(const std::string& path, bool force);

  Status Write(std::span<const std::uint8_t> bytes);  // Errors: kIo
  Status Commit();                                    // Errors: kIo, kFileExists
  std::uint64_t bytes() const { return bytes_; }

 private:
  OutputStream() = default;

  std::optional<AtomicFile> file_;  // none: standard output
  std::vector<std::uint8_t> held_;
  std::uint64_t bytes_ = 0;
};

// All bytes to a file (atomically, and not to be cut short by Ctrl-C) or to standard output.
Status WriteOutput(const std::string& path, std::span<const std::uint8_t> bytes, bool force);

}  // namespace halfmoon::cli
