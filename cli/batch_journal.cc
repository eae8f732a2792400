#include "cli/batch_journal.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <filesystem>
#include <fstream>

#include "bitstream/checksum.h"
#include "cli/console.h"
#include "codec/io/posix.h"

namespace halfmoon::cli {
namespace {

namespace fs = std::filesystem;
using Json = nlohmann::ordered_json;

std::int64_t Nanoseconds(const struct stat& info) {
  return std::int64_t{info.st_mtim.tv_sec} * 1'000'000'000 + info.st_mtim.tv_nsec;
}

// "quality was 30, is 80", of the first that differs.
std::string Difference(const Json& before, const Json& now) {
  for (const auto& [name, value] : now.items()) {
    const auto old = before.find(name);
    if (old == before.end()) return name + " is " + value.dump();
    if (*old != value) return name + " was " + old->dump() + ", is " + value.dump();
  }
  for (const auto& [name, value] : before.items()) {
    if (!now.contains(name)) return name + " was " + value.dump();
  }
  return "";
}

}  // namespace

Result<SourceState> SourceState::Of(const std::string& path) {
  struct stat info = {};
  if (::stat(path.c_str(), &info) != 0) return io::IoError(path, "look at it", errno);
  if (!S_ISREG(info.st_mode)) return Status(StatusCode::kIo, path + ": is not a regular file");
  const io::Descriptor file(::open(path.c_str(), O_RDONLY | O_CLOEXEC));
  if (!file.valid()) return io::IoError(path, "open", errno);
  SourceState state;
  state.mtime = Nanoseconds(info);
  XXH3_state_t hash;
  XXH3_64bits_reset(&hash);
  std::vector<std::uint8_t> buffer(std::size_t{1} << 20);
  for (;;) {
    const ssize_t got = ::read(file.get(), buffer.data(), buffer.size());
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) return io::IoError(path, "read", errno);
    if (got == 0) break;
    XXH3_64bits_update(&hash, buffer.data(), static_cast<std::size_t>(got));
    state.bytes += static_cast<std::uint64_t>(got);
  }
  state.hash = XXH3_64bits_digest(&hash);
  return state;
}

std::string BatchJournal::Key(const std::string& output) const {
  const fs::path path(output);
  return (out_dir_.empty() ? path.filename() : path.lexically_relative(out_dir_)).string();
}

BatchJournal::Folder& BatchJournal::FolderOf(const std::string& output) {
  const fs::path parent = fs::path(output).parent_path();
  const fs::path path = fs::path(out_dir_.empty() ? parent.string() : out_dir_) / kFileName;
  const auto [at, fresh] = folders_.emplace(path.string(), Folder{});
  Folder& folder = at->second;
  if (!fresh) return folder;
  folder.path = path.string();
  std::ifstream in(folder.path, std::ios::binary);
  for (std::string line; std::getline(in, line);) {
    folder.cut = in.eof();
    if (!resume_) continue;
    const Json entry = Json::parse(line, nullptr, /*allow_exceptions=*/false);
    const auto name = entry.find("output");
    if (name != entry.end() && name->is_string()) {
      folder.entries[name->get<std::string>()] = std::move(line);
    }
  }
  return folder;
}

std::optional<std::string> BatchJournal::WhyOutdated(const std::string& input,
                                                     const std::string& output) {
  Json entry;
  {
    const std::lock_guard lock(mutex_);
    const Folder& folder = FolderOf(output);
    const auto at = folder.entries.find(Key(output));
    if (at == folder.entries.end()) return std::nullopt;
    entry = Json::parse(at->second);
  }
  struct stat result = {}, source = {};
  if (::stat(output.c_str(), &result) != 0 || ::stat(input.c_str(), &source) != 0) {
    return std::nullopt;
  }
  if (entry["output_bytes"] != result.st_size) return std::nullopt;
  if (std::string text = Difference(entry["options"], options_); !text.empty()) return text;
  if (entry["input_bytes"] != source.st_size) return "the source has another size";
  if (entry["input_mtime"] == Nanoseconds(source)) return "";
  // Copied or checked out anew, perhaps.
  const auto state = SourceState::Of(input);
  return state.ok() && entry["input_hash"] == Hex64(state->hash) ? "" : "the source has changed";
}

std::optional<SourceState> BatchJournal::Observe(const std::string& input) const {
  if (!resume_) return std::nullopt;
  auto state = SourceState::Of(input);
  return state.ok() ? std::optional(*state) : std::nullopt;
}

Status BatchJournal::Add(const SourceState& source, const std::string& output) {
  struct stat result = {};
  if (::stat(output.c_str(), &result) != 0) return io::IoError(output, "look at it", errno);
  const std::lock_guard lock(mutex_);
  Folder& folder = FolderOf(output);
  const Json entry = {{"output", Key(output)},
                      {"output_bytes", result.st_size},
                      {"input_bytes", source.bytes},
                      {"input_mtime", source.mtime},
                      {"input_hash", Hex64(source.hash)},
                      {"options", options_}};
  // Names that are not UTF-8 are never found again, which costs a look at the result itself.
  const std::string line =
      (folder.cut ? "\n" : "") + entry.dump(-1, ' ', false, Json::error_handler_t::replace) + "\n";
  const io::Descriptor file(
      ::open(folder.path.c_str(), O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0666));
  if (!file.valid()) return io::IoError(folder.path, "open for writing", errno);
  const ssize_t done = ::write(file.get(), line.data(), line.size());
  folder.cut = done != static_cast<ssize_t>(line.size());
  return folder.cut ? io::IoError(folder.path, "write", errno) : Status::Ok();
}

}  // namespace halfmoon::cli
