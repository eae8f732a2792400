#include "cli/console.h"

#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <cerrno>
#include <cmath>
#include <cstdio>
#include <nlohmann/json.hpp>
#include <string_view>
#include <system_error>
#include <utility>

#include "cli/exit_codes.h"

namespace halfmoon::cli {
namespace {

// errno of the first write to stdout that failed; 0: none did.
std::atomic<int> g_stdout_error{0};

void RememberStdoutError(int error) {
  int none = 0;
  g_stdout_error.compare_exchange_strong(none, error != 0 ? error : EIO);
}

void Put(std::FILE* stream, std::string_view text) {
  errno = 0;
  const bool whole = std::fwrite(text.data(), 1, text.size(), stream) == text.size();
  if (!whole && stream == stdout) RememberStdoutError(errno);
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

void PrintOutOfMemory() {
  std::fputs("halfmoon: error: out of memory; try fewer jobs or threads\n", stderr);
}

void PrintWarning(const std::string& message) {
  std::fflush(stdout);
  Put(stderr, "halfmoon: warning: " + message + "\n");
}

void PrintWarnings(const std::string& context, const Warnings& warnings) {
  for (const Warning& warning : warnings) PrintWarning(context + ": " + warning.text);
}

nlohmann::ordered_json ToJson(const Warnings& warnings) {
  nlohmann::ordered_json list = nlohmann::ordered_json::array();
  for (const Warning& w : warnings) list.push_back({{"code", w.code}, {"text", w.text}});
  return list;
}

void PrintBytes(std::span<const std::uint8_t> bytes) {
  Put(stdout, {reinterpret_cast<const char*>(bytes.data()), bytes.size()});
}

void PrintText(const std::string& text, bool to_stderr) { Put(to_stderr ? stderr : stdout, text); }

void PrintJson(const nlohmann::ordered_json& json, bool to_stderr) {
  PrintText(json.dump(2, ' ', false, nlohmann::ordered_json::error_handler_t::replace) + "\n",
            to_stderr);
}

Status FlushStdout() {
  errno = 0;
  if (std::fflush(stdout) != 0) RememberStdoutError(errno);
  if (std::ferror(stdout) != 0) RememberStdoutError(EIO);  // printed by others
  if (g_stdout_error == 0) return Status::Ok();
  return {StatusCode::kIo, "standard output: cannot write all of the result: " +
                               std::system_category().message(g_stdout_error)};
}

bool StdoutIsClosed() { return g_stdout_error == EPIPE; }

void PrintJsonLine(const nlohmann::ordered_json& json) {
  PrintText(json.dump(-1, ' ', false, nlohmann::ordered_json::error_handler_t::replace) + "\n");
  (void)FlushStdout();  // the end of the program tells
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

std::string RoughDuration(double seconds) {
  const auto whole = std::max(1LL, std::llround(seconds));
  if (whole < 60) return std::to_string(whole) + " s";
  const auto minutes = std::llround(seconds / 60);
  if (minutes < 60) return std::to_string(minutes) + " min";
  const auto parts = [](long long n, const char* large, long long m, const char* small) {
    return std::to_string(n) + large + (m == 0 ? "" : " " + std::to_string(m) + small);
  };
  if (minutes < 24 * 60) return parts(minutes / 60, " h", minutes % 60, " min");
  const auto hours = std::llround(seconds / 3600);
  return parts(hours / 24, " d", hours % 24, " h");
}

void ProgressLine::Show(const std::string& text) {
  const auto now = std::chrono::steady_clock::now();
  // Work that is done within two seconds needs no sign of life.
  if (!shown_ || now - start_ < std::chrono::seconds(2)) return;
  if (now - last_ < std::chrono::milliseconds(100)) return;
  last_ = now;
  dirty_ = true;
  // Carriage return, text, erase the rest of the line.
  Put(stderr, "\r" + text + "\x1b[K");
  std::fflush(stderr);
}

void ProgressLine::ShowCount(const std::string& what, std::size_t done, std::size_t total,
                             double in_work) {
  const double share = (static_cast<double>(done) + in_work) / static_cast<double>(total);
  Show(what + " " + std::to_string(done) + "/" + std::to_string(total) + Left(share));
}

void ProgressLine::ShowShare(const std::string& what, double done) {
  Show(what + " " + Fixed(100 * done, 0) + " %" + Left(done));
}

std::string ProgressLine::Left(double done) const {
  const double spent =
      std::chrono::duration<double>(std::chrono::steady_clock::now() - start_).count();
  return done > 0 && done < 1 ? ", " + RoughDuration(spent * (1 - done) / done) + " left" : "";
}

void ProgressLine::Clear() {
  if (!dirty_) return;
  dirty_ = false;
  last_ = {};
  Put(stderr, "\r\x1b[K");
  std::fflush(stderr);
}

ElapsedLine::ElapsedLine(bool quiet, std::string what) : line_(quiet) {
  if (quiet || !StderrIsTerminal()) return;
  thread_ = std::thread([this, what = std::move(what)] {
    const Timer timer;
    std::unique_lock lock(mutex_);
    while (!wake_.wait_for(lock, std::chrono::seconds(1), [this] { return stop_; })) {
      line_.Show(what + ", " + RoughDuration(timer.seconds()));
    }
  });
}

void ElapsedLine::Stop() {
  {
    const std::lock_guard lock(mutex_);
    stop_ = true;
  }
  wake_.notify_all();
  if (thread_.joinable()) thread_.join();
  line_.Clear();
}

}  // namespace halfmoon::cli
