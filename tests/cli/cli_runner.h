// Runs the program as its users do: arguments in, exit code and both streams out. Tests only.
#pragma once

#include <chrono>
#include <cstdint>
#include <filesystem>
#include <map>
#include <string>
#include <vector>

namespace halfmoon::testing {

struct CliResult {
  int exit_code = -1;  // 128 + signal when a signal ended it
  std::string out, err;
};

// A fresh folder that goes away with the object.
class TempFolder {
 public:
  TempFolder();
  ~TempFolder();
  TempFolder(const TempFolder&) = delete;
  TempFolder& operator=(const TempFolder&) = delete;

  std::string operator/(const std::string& name) const { return (path_ / name).string(); }
  const std::filesystem::path& path() const { return path_; }
  // Names of all files in it, hidden ones included, sorted.
  std::vector<std::string> List() const;

 private:
  std::filesystem::path path_;
};

using Environment = std::map<std::string, std::string>;

// Runs `halfmoon ARGUMENTS`; `input` becomes its standard input. Neither stream is a terminal.
CliResult RunCli(const std::vector<std::string>& arguments, const Environment& environment = {},
                 const std::string& input = "");

// The same, but sends SIGINT as soon as `file` exists (gives up after a minute).
CliResult RunCliAndInterrupt(const std::vector<std::string>& arguments, const std::string& file);

// The same, but sends SIGKILL after that time, unless it has ended before.
void RunCliAndKill(const std::vector<std::string>& arguments, std::chrono::milliseconds after);

std::string ReadText(const std::string& path);
void WriteText(const std::string& path, const std::string& text);

// A smooth picture with some structure as PNG, different for every seed.
void WritePicture(const std::string& path, std::uint32_t width, std::uint32_t height, int seed = 1,
                  std::uint32_t channels = 3);

}  // namespace halfmoon::testing
