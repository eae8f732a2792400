#include "eval/journal.h"

#include <cerrno>
#include <cstring>
#include <fstream>

namespace halfmoon::eval {
namespace {

using json = nlohmann::ordered_json;

constexpr char kRunKey[] = "run";

// Names may be of any bytes: those that are no UTF-8 become U+FFFD.
std::string Text(const json& value) {
  return value.dump(-1, ' ', true, json::error_handler_t::replace);
}

}  // namespace

Status Journal::Open(const std::string& path, const json& signature, bool resume) {
  path_ = path;
  bool cut = false;
  if (resume) {
    std::ifstream in(path, std::ios::binary);
    for (std::string line; std::getline(in, line);) {
      cut = in.eof();
      const json entry = json::parse(line, nullptr, /*allow_exceptions=*/false);
      if (!entry.is_object()) continue;
      for (const auto& [key, value] : entry.items()) entries_[key] = value;
    }
  }
  const json* const run = Find(kRunKey);
  if (!entries_.empty() && (!run || Text(*run) != Text(signature))) {
    return {StatusCode::kInvalidArgument,
            path +
                ": belongs to another run (other pictures, codecs or versions); "
                "name another report folder, or start anew with --force"};
  }
  file_.reset(std::fopen(path.c_str(), resume ? "ab" : "wb"));
  if (!file_) return {StatusCode::kIo, path + ": " + std::strerror(errno)};
  if (cut) HALFMOON_RETURN_IF_ERROR(Write("\n"));
  return run ? Status::Ok() : Add(kRunKey, signature);
}

const json* Journal::Find(const std::string& key) const {
  const auto found = entries_.find(key);
  return found == entries_.end() ? nullptr : &found->second;
}

Status Journal::Add(const std::string& key, const json& value) {
  return Write(Text({{key, value}}) + "\n");
}

Status Journal::Write(const std::string& text) {
  const std::lock_guard lock(mutex_);
  if (file_ && (std::fwrite(text.data(), 1, text.size(), file_.get()) != text.size() ||
                std::fflush(file_.get()) != 0)) {
    return {StatusCode::kIo, path_ + ": " + std::strerror(errno)};
  }
  return Status::Ok();
}

}  // namespace halfmoon::eval
