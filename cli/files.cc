#include "cli/files.h"

#include <unistd.h>

#include <filesystem>

#include "cli/console.h"
#include "cli/interrupt.h"
#include "codec/io/read_file.h"

namespace halfmoon::cli {
namespace {

namespace fs = std::filesystem;

// A device or pipe such as /dev/null: its name says nothing, and it is written directly.
bool IsSpecial(const std::string& path) {
  std::error_code error;
  const fs::file_status status = fs::status(path, error);
  return fs::exists(status) && !fs::is_regular_file(status) && !fs::is_directory(status);
}

}  // namespace

std::string LowerEnding(const std::string& path) {
  std::string text = fs::path(path).extension().string();
  for (char& c : text) {
    if (c >= 'A' && c <= 'Z') c = static_cast<char>(c - 'A' + 'a');
  }
  return text;
}

Result<std::string> OutputPath(const std::string& input, const std::string& output,
                               const std::string& ending) {
  if (!output.empty()) return output;
  if (input == kStandardStream) {
    return Status(StatusCode::kInvalidArgument,
                  "-: standard input has no name to derive the output's from; give -o FILE, or -o "
                  "- for standard output");
  }
  return fs::path(input).replace_extension(ending).string();
}

Status CheckEnding(const std::string& path, const std::string& ending) {
  if (path == kStandardStream || IsSpecial(path)) return Status::Ok();
  const std::string found = fs::path(path).extension().string();
  if (LowerEnding(path) == ending) return Status::Ok();
  return {StatusCode::kInvalidArgument,
          path + ": " +
              (found.empty() ? "no file name ending" : "unknown file name ending '" + found + "'") +
              "; use " + ending};
}

Status CheckInput(const std::string& input) {
  if (input == kStandardStream || IsSpecial(input)) return Status::Ok();
  // With a limit of one byte: the error of a file that is there says so, and is none.
  const auto first = ReadFile(input, 1);
  return first.ok() || first.status().code() == StatusCode::kLimitExceeded ? Status::Ok()
                                                                           : first.status();
}

Status CheckTarget(const std::string& input, const std::string& output, bool force) {
  if (output == kStandardStream) {
    if (!StdoutIsTerminal()) return Status::Ok();
    return {StatusCode::kInvalidArgument,
            "-: standard output is a terminal, which can't show a file; redirect it or give "
            "-o FILE"};
  }
  std::error_code error;
  if (input == output || fs::equivalent(input, output, error)) {
    return {StatusCode::kInvalidArgument,
            output + ": is both input and output; give another output with -o"};
  }
  if (IsSpecial(output)) return Status::Ok();
  // The library's own checks and messages; nothing is left behind.
  return AtomicFile::Create(output, force).status();
}

Result<std::vector<std::uint8_t>> ReadInput(const std::string& path) {
  if (path != kStandardStream) return ReadFile(path);
  return ReadDescriptor(STDIN_FILENO, "standard input");
}

Result<OutputStream> OutputStream::Create(const std::string& path, bool force) {
  OutputStream stream;
  if (path != kStandardStream) {
    HALFMOON_ASSIGN_OR_RETURN(AtomicFile file, AtomicFile::Create(path, force));
    stream.file_.emplace(std::move(file));
  }
  return stream;
}

Status OutputStream::Write(std::span<const std::uint8_t> bytes) {
  bytes_ += bytes.size();
  if (file_) return file_->Write(bytes);
  held_.insert(held_.end(), bytes.begin(), bytes.end());
  return Status::Ok();
}

Status OutputStream::Commit() {
  return file_ ? file_->Commit() : WriteOutput(kStandardStream, held_, false);
}

Status WriteOutput(const std::string& path, std::span<const std::uint8_t> bytes, bool force) {
  if (path != kStandardStream) {
    DeferInterrupt whole;  // no temporary file is left behind
    return WriteFile(path, bytes, force);
  }
  PrintBytes(bytes);
  return FlushStdout();
}

}  // namespace halfmoon::cli
