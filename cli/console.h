// What the program says: results on stdout, everything else on stderr. No codec headers.
#pragma once

#include <chrono>
#include <cstdint>
#include <nlohmann/json_fwd.hpp>
#include <string>
#include <vector>

#include "codec/imageio/warning.h"
#include "halfmoon/status.h"

namespace halfmoon::cli {

// --- Messages ----------------------------------------------------------------------------------

// "halfmoon: error: MESSAGE" on stderr. Returns the exit code that belongs to the status.
int PrintError(const Status& status);
// "halfmoon: warning: MESSAGE" on stderr.
void PrintWarning(const std::string& message);
// One warning for each, after "CONTEXT: ".
void PrintWarnings(const std::string& context, const Warnings& warnings);
// Text to stdout. With `to_stderr` (the result itself goes to stdout) to stderr.
void PrintText(const std::string& text, bool to_stderr = false);
// One JSON object, indented, and a line feed. Text that is not UTF-8 (file names may be anything)
// becomes U+FFFD; numbers that are not finite become null.
void PrintJson(const nlohmann::ordered_json& json, bool to_stderr = false);

// One JSON object in one line, for lists that grow.
void PrintJsonLine(const nlohmann::ordered_json& json);

// --- Formatting ----------------------------------------------------------------------------------

std::string Fixed(double value, int digits);  // "12.34"
std::string Bytes(std::uint64_t bytes);       // "812 B", "24.3 kB", "1.24 MB", "10 MB"
std::string Duration(double seconds);         // "0.84 s", "12 min", "3.4 h"
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

// One line on stderr that is rewritten in place; shows nothing unless stderr is a terminal.
class ProgressLine {
 public:
  explicit ProgressLine(bool quiet) : shown_(!quiet && StderrIsTerminal()) {}
  ~ProgressLine() { Clear(); }
  ProgressLine(const ProgressLine&) = delete;
  ProgressLine& operator=(const ProgressLine&) = delete;

  void Show(const std::string& text);  // at most ten times a second; more are dropped
  void ShowCount(const std::string& what, std::size_t done, std::size_t total);
  void ShowShare(const std::string& what, double done);  // done: 0..1
  void Clear();

 private:
  bool shown_;
  bool dirty_ = false;
  std::chrono::steady_clock::time_point start_ = std::chrono::steady_clock::now();
  std::chrono::steady_clock::time_point last_{};
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
