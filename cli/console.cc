#include "cli/console.h"

#include <unistd.h>

#include <algorithm>
#include <cstdio>
#include <nlohmann/json.hpp>

#include "cli/exit_codes.h"

namespace halfmoon::cli {
namespace {

void Put(std::FILE* stream, const std::string& text) {
  std::fwrite(text.data(), 1, text.size(), stream);
}

}  // namespace

int PrintError(const Status& status) {
  std::fflush(stdout);  // keeps the order when both streams go to one place
  std::string text = "halfmoon: error: " + status.message() + "\n";
  if (ExitCodeOf(status.code()) == kExitInternal) {
    text +=
        "halfmoon: this is a bug in halfmoon; please report it with the output of "
        "'halfmoon --version'\n";
  }
  Put(stderr, text);
  return ExitCodeOf(status.code());
}

void PrintWarning(const std::string& message) {
  std::fflush(stdout);
  Put(stderr, "halfmoon: warning: " + message + "\n");
}

void PrintWarnings(const std::string& context, const Warnings& warnings) {
  for (const Warning& warning : warnings) PrintWarning(context + ": " + warning.text);
}

void PrintText(const std::string& text, bool to_stderr) { Put(to_stderr ? stderr : stdout, text); }

void PrintJson(const nlohmann::ordered_json& json, bool to_stderr) {
  PrintText(json.dump(2, ' ', false, nlohmann::ordered_json::error_handler_t::replace) + "\n",
            to_stderr);
}

void PrintJsonLine(const nlohmann::ordered_json& json) {
  PrintText(json.dump(-1, ' ', false, nlohmann::ordered_json::error_handler_t::replace) + "\n");
  std::fflush(stdout);
}

std::string Fixed(double value, int digits) {
  char text[64];
  std::snprintf(text, sizeof(text), "%.*f", digits, value);
  return text;
}

std::string Bytes(std::uint64_t bytes) {
  if (bytes < 1000) return std::to_string(bytes) + " B";
  double value = static_cast<double>(bytes);
  std::uint64_t divisor = 1;
  const char* unit = "";
  for (const char* next : {"kB", "MB", "GB", "TB"}) {
    value /= 1000;
    divisor *= 1000;
    unit = next;
    if (value < 999.5) break;
  }
  // A limit of 10M is 10 MB, not 10.0 MB.
  const int digits = bytes % divisor == 0 ? 0 : value < 9.995 ? 2 : value < 99.95 ? 1 : 0;
  return Fixed(value, digits) + " " + unit;
}

std::string Duration(double seconds) {
  if (seconds < 100) return Fixed(seconds, 2) + " s";
  if (seconds < 2 * 3600) return Fixed(seconds / 60, 0) + " min";
  return Fixed(seconds / 3600, 1) + " h";
}

std::string Hex(const std::uint8_t* bytes, std::size_t count) {
  static constexpr char kDigits[] = "0123456789abcdef";
  std::string text;
  for (std::size_t i = 0; i < count; ++i) {
    text += kDigits[bytes[i] >> 4];
    text += kDigits[bytes[i] & 15];
  }
  return text;
}

std::string Hex64(std::uint64_t value) {
  char text[17];
  std::snprintf(text, sizeof(text), "%016llx", static_cast<unsigned long long>(value));
  return text;
}

Table::Table(const std::vector<std::string>& columns) {
  std::vector<std::string> head;
  for (const std::string& column : columns) {
    right_.push_back(column.starts_with('>'));
    head.push_back(right_.back() ? column.substr(1) : column);
  }
  rows_.push_back(std::move(head));
}

void Table::Add(std::vector<std::string> cells) {
  cells.resize(right_.size());
  rows_.push_back(std::move(cells));
}

std::string Table::ToText() const {
  std::vector<std::size_t> width(right_.size(), 0);
  for (const auto& row : rows_) {
    for (std::size_t i = 0; i < row.size(); ++i) width[i] = std::max(width[i], row[i].size());
  }
  std::string text;
  for (const auto& row : rows_) {
    std::string line;
    for (std::size_t i = 0; i < row.size(); ++i) {
      const std::string space(width[i] - row[i].size(), ' ');
      line += (i > 0 ? "  " : "") + (right_[i] ? space + row[i] : row[i] + space);
    }
    line.erase(line.find_last_not_of(' ') + 1);
    text += line + "\n";
  }
  return text;
}

bool StderrIsTerminal() { return ::isatty(STDERR_FILENO) == 1; }
bool StdoutIsTerminal() { return ::isatty(STDOUT_FILENO) == 1; }

void ProgressLine::Show(const std::string& text) {
  const auto now = std::chrono::steady_clock::now();
  if (!shown_ || now - last_ < std::chrono::milliseconds(100)) return;
  last_ = now;
  dirty_ = true;
  // Carriage return, text, erase the rest of the line.
  Put(stderr, "\r" + text + "\x1b[K");
  std::fflush(stderr);
}

void ProgressLine::ShowCount(const std::string& what, std::size_t done, std::size_t total) {
  std::string text = what + " " + std::to_string(done) + "/" + std::to_string(total);
  const double spent =
      std::chrono::duration<double>(std::chrono::steady_clock::now() - start_).count();
  if (done > 0 && done < total && spent > 2) {
    text += ", " + Duration(spent * static_cast<double>(total - done) / static_cast<double>(done)) +
            " left";
  }
  Show(text);
}

void ProgressLine::ShowShare(const std::string& what, double done) {
  std::string text = what + " " + Fixed(100 * done, 0) + " %";
  const double spent =
      std::chrono::duration<double>(std::chrono::steady_clock::now() - start_).count();
  if (done > 0 && done < 1 && spent > 2)
    text += ", " + Duration(spent * (1 - done) / done) + " left";
  Show(text);
}

void ProgressLine::Clear() {
  if (!dirty_) return;
  dirty_ = false;
  last_ = {};
  Put(stderr, "\r\x1b[K");
  std::fflush(stderr);
}

}  // namespace halfmoon::cli
