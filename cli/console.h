// What the program says: results on stdout, everything else on stderr. No codec headers.
#pragma once

#include <chrono>
#include <condition_variable>
#include <cstdint>
#include <mutex>
#include <nlohmann/json_fwd.hpp>
#include <span>
#include <string>
#include <thread>
#include <vector>

#include "codec/imageio/warning.h"
#include "halfmoon/status.h"

namespace halfmoon::cli {

// --- Messages ----------------------------------------------------------------------------------

// "halfmoon: error: MESSAGE" on stderr. Returns the exit code that belongs to the status.
int PrintError(const Status& status);
// Where there is no memory for a message.
void PrintOutOfMemory();
// "halfmoon: warning: MESSAGE" on stderr.
void PrintWarning(const std::string& message);
// One warning for each, after "CONTEXT: ".
void PrintWarnings(const std::string& context, const Warnings& warnings);
// [{"code": ..., "text": ...}, ...].
nlohmann::ordered_json ToJson(const Warnings& warnings);
// Text to stdout. With `to_stderr` (the result itself goes to stdout) to stderr.
void PrintText(const std::string& text, bool to_stderr = false);
void PrintBytes(std::span<const std::uint8_t> bytes);  // to stdout
// One JSON object, indented, and a line feed. Text that is not UTF-8 (file names may be anything)
// becomes U+FFFD; numbers that are not finite become null.
void PrintJson(const nlohmann::ordered_json& json, bool to_stderr = false);

// One JSON object in one line, for lists that grow.
void PrintJsonLine(const nlohmann::ordered_json& json);

// Hands on what was printed to stdout. Errors: kIo, of this or any print before.
Status FlushStdout();
// Whether a print found that nobody reads stdout any more (a closed pipe).
bool StdoutIsClosed();

// --- Formatting ----------------------------------------------------------------------------------

std::string Fixed(double value, int digits);  // "12.34"
std::string Bytes(std::uint64_t bytes);       // "812 B", "24.3 kB", "1.24 MB", "10 MB"
std::string Duration(double seconds);         // "0.84 s", "12 min", "3.4 h"
std::string RoughDuration(double seconds);    // "48 s", "3 min", "1 h 10 min"
std::string Hex(const std::uint8_t* bytes, std::size_t count);
std::string Hex64(std::uint64_t value);  // 16 digits

// Left- and right-aligned columns, two spaces apart. The first row is the head.
class Table {
 public:
  // `columns`: the heads; a leading '>' aligns right.
  explicit Table(const std::vector<std::string>& columns);
  void Add(std::vector<std::string> cells);  // REQUIRES: as many as columns
  std::string ToText() const;

 private:
  std::vector<bool> right_;
  std::vector<std::vector<std::string>> rows_;
};

// --- Progress ------------------------------------------------------------------------------------

bool StderrIsTerminal();
bool StdoutIsTerminal();

// One line on stderr that is rewritten in place; shows nothing unless stderr is a terminal, and
// nothing in the first two seconds.
class ProgressLine {
 public:
  explicit ProgressLine(bool quiet) : shown_(!quiet && StderrIsTerminal()) {}
  ~ProgressLine() { Clear(); }
  ProgressLine(const ProgressLine&) = delete;
  ProgressLine& operator=(const ProgressLine&) = delete;

  void Show(const std::string& text);  // at most ten times a second; more are dropped
  // "WHAT 3/7, 48 s left". in_work: what is done of those that are not, as a number of them.
  void ShowCount(const std::string& what, std::size_t done, std::size_t total, double in_work = 0);
  // "WHAT 42 %, 48 s left"; done: 0..1.
  void ShowShare(const std::string& what, double done);
  void Clear();

 private:
  std::string Left(double done) const;

  bool shown_;
  bool dirty_ = false;
  std::chrono::steady_clock::time_point start_ = std::chrono::steady_clock::now();
  std::chrono::steady_clock::time_point last_{};
};

// "WHAT, 14 s" on a line of that kind, once a second, for work that can't tell its share. Nothing
// else may be printed until it goes or is stopped.
class ElapsedLine {
 public:
  ElapsedLine(bool quiet, std::string what);
  ~ElapsedLine() { Stop(); }
  ElapsedLine(const ElapsedLine&) = delete;
  ElapsedLine& operator=(const ElapsedLine&) = delete;

  void Stop();

 private:
  ProgressLine line_;
  std::mutex mutex_;
  std::condition_variable wake_;
  bool stop_ = false;
  std::thread thread_;
};

// Seconds since it was made.
class Timer {
 public:
  double seconds() const {
    return std::chrono::duration<double>(std::chrono::steady_clock::now() - start_).count();
  }

 private:
  std::chrono::steady_clock::time_point start_ = std::chrono::steady_clock::now();
};

}  // namespace halfmoon::cli
