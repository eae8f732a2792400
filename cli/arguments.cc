#include "cli/arguments.h"

#include <algorithm>
#include <array>
#include <filesystem>
#include <fstream>

#include "bitstream/container.h"
#include "cli/files.h"

namespace halfmoon::cli {
namespace {

namespace fs = std::filesystem;

std::string LowerEnding(const std::string& path) {
  std::string ending = fs::path(path).extension().string();
  for (char& c : ending) c = static_cast<char>(c >= 'A' && c <= 'Z' ? c - 'A' + 'a' : c);
  return ending;
}

bool HasSourceEnding(const std::string& path, const ResultKind& kind) {
  return std::find(kind.sources.begin(), kind.sources.end(), LowerEnding(path)) !=
         kind.sources.end();
}

Status Refuse(const std::string& text) { return {StatusCode::kInvalidArgument, text}; }

// Of a second argument that is there and is no folder.
bool IsSource(const std::string& path, const ResultKind& kind) {
  std::error_code ignored;
  if (!fs::is_regular_file(path, ignored)) return false;  // a device or a pipe
  if (kind.reads_halfmoon) return HasSourceEnding(path, kind) || IsHalfmoonFile(path);
  return LowerEnding(path) != kind.ending && !IsHalfmoonFile(path);
}

}  // namespace

bool IsHalfmoonFile(const std::string& path) {
  std::array<char, kMagic.size()> start{};
  std::ifstream in(path, std::ios::binary);
  return in.read(start.data(), start.size()) &&
         std::equal(kMagic.begin(), kMagic.end(), start.begin(),
                    [](std::uint8_t a, char b) { return a == static_cast<std::uint8_t>(b); });
}

std::string UnusedName(const std::string& path) {
  std::error_code error;
  const auto taken = [&](const fs::path& p) { return fs::exists(fs::symlink_status(p, error)); };
  if (!taken(path)) return path;
  const fs::path given(path);
  const std::string stem = given.stem().string() + ".decoded";
  for (int i = 1;; ++i) {
    const std::string name = i == 1 ? stem : stem + "-" + std::to_string(i);
    const fs::path free = given.parent_path() / (name + given.extension().string());
    if (!taken(free)) return free.string();
  }
}

Result<Arguments> SplitArguments(Arguments given, const ResultKind& kind) {
  if (given.inputs.size() != 2 || !given.output.empty()) return given;
  const std::string first = given.inputs[0], second = given.inputs[1];
  const Arguments one{{first}, second};
  if (first == kStandardStream || second == kStandardStream) return one;
  std::error_code ignored;
  const bool from_folder = fs::is_directory(first, ignored);
  if (fs::is_directory(second, ignored)) {
    if (from_folder) {
      return Refuse(first + ", " + second + ": are both folders; '" + first + " --out-dir " +
                    second + "' puts the results of the first into the second, two runs do both");
    }
    const fs::path name = fs::path(first).filename().replace_extension(kind.ending);
    return Arguments{{first}, (fs::path(second) / name).string()};
  }
  if (fs::exists(second, ignored)) return IsSource(second, kind) ? given : one;
  if (from_folder) {
    return Refuse(second + ": does not exist; '" + first + " --out-dir " + second +
                  "' makes the folder and puts the results there");
  }
  if (HasSourceEnding(second, kind)) {
    return Refuse(second + ": no such file; the name of a result ends in " +
                  (kind.reads_halfmoon ? ".png, .jpg and the like" : kind.ending));
  }
  return one;
}

}  // namespace halfmoon::cli
