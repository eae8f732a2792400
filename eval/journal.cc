#include "eval/journal.h"

#include <cerrno>
#include <cstring>
#include <filesystem>
#include <nlohmann/json.hpp>

#include "bitstream/checksum.h"
#include "codec/io/read_file.h"

namespace halfmoon::eval {
namespace {

constexpr char kRunKey[] = "run";

std::string Line(const std::string& key, const std::string& value) {
  const std::string body =
      nlohmann::json(key).dump(-1, ' ', true, nlohmann::json::error_handler_t::replace) + " " +
      value;
  char sum[17];
  std::snprintf(sum, sizeof(sum), "%016llx",
                static_cast<unsigned long long>(XXH3_64bits(body.data(), body.size())));
  return std::string(sum) + " " + body + "\n";
}

// Key and value of a line without its line feed; nothing when it isn't whole.
std::optional<std::pair<std::string, std::string>> ParseLine(const std::string& line) {
  if (line.size() < 20 || line[16] != ' ' || line[17] != '"') return std::nullopt;
  std::size_t end = 18;
  while (end < line.size() && line[end] != '"') end += line[end] == '\\' ? 2 : 1;
  if (end + 1 >= line.size()) return std::nullopt;
  const auto key = nlohmann::json::parse(line.substr(17, end - 16), nullptr, false);
  const std::string value = line.substr(end + 2);
  if (!key.is_string() || Line(key, value) != line + "\n") return std::nullopt;
  return std::pair{key.get<std::string>(), value};
}

}  // namespace

Result<std::unique_ptr<Journal>> Journal::Open(const std::string& path,
                                               const std::string& signature, bool resume) {
  auto journal = std::make_unique<Journal>();
  journal->path_ = path;
  std::size_t whole = 0;  // bytes of whole lines
  std::error_code error;
  if (resume && std::filesystem::exists(path, error)) {
    HALFMOON_ASSIGN_OR_RETURN(const auto bytes, ReadFile(path));
    const std::string text(bytes.begin(), bytes.end());
    for (int number = 1; whole < text.size(); ++number) {
      const std::size_t end = text.find('\n', whole);
      if (end == std::string::npos) break;  // cut off in the middle
      auto entry = ParseLine(text.substr(whole, end - whole));
      if (!entry) {
        return Status(StatusCode::kCorrupt, path + ": line " + std::to_string(number) +
                                                " is damaged; start anew with --force");
      }
      journal->entries_[entry->first] = std::move(entry->second);
      whole = end + 1;
    }
    const auto run = journal->entries_.find(kRunKey);
    if (run != journal->entries_.end() && run->second != signature) {
      return Status(StatusCode::kInvalidArgument,
                    path +
                        ": belongs to another run (other pictures, codecs or versions); "
                        "name another report folder, or start anew with --force");
    }
    std::filesystem::resize_file(path, whole, error);
  }
  journal->file_.reset(std::fopen(path.c_str(), whole > 0 ? "ab" : "wb"));
  if (!journal->file_) return Status(StatusCode::kIo, path + ": " + std::strerror(errno));
  if (whole == 0) HALFMOON_RETURN_IF_ERROR(journal->Add(kRunKey, signature));
  return journal;
}

std::optional<std::string> Journal::Find(const std::string& key) const {
  const auto found = entries_.find(key);
  if (found == entries_.end()) return std::nullopt;
  return found->second;
}

Status Journal::Add(const std::string& key, const std::string& value) {
  const std::string line = Line(key, value);
  const std::lock_guard lock(mutex_);
  if (std::fwrite(line.data(), 1, line.size(), file_.get()) != line.size() ||
      std::fflush(file_.get()) != 0) {
    return {StatusCode::kIo, path_ + ": " + std::strerror(errno)};
  }
  return Status::Ok();
}

}  // namespace halfmoon::eval
