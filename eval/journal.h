// An append-only journal: what a run has done, so that it can go on after a kill. Knows nothing
// about what its entries mean.
#pragma once

#include <cstdio>
#include <map>
#include <memory>
#include <mutex>
#include <nlohmann/json.hpp>
#include <string>

#include "halfmoon/status.h"

namespace halfmoon::eval {

// One JSON object per line: {KEY: VALUE}; the first one says which run the journal belongs to. A
// line that isn't whole, such as the last one before a kill, counts as not written.
class Journal {
 public:
  // Before Open it keeps nothing and knows nothing: that of a run without a folder.
  Journal() = default;

  // `signature` is equal only for runs that would give the same entries. With `resume` an existing
  // journal's entries are taken over, else it is replaced.
  // Errors: kInvalidArgument when it belongs to another run; kIo.
  Status Open(const std::string& path, const nlohmann::ordered_json& signature, bool resume);

  // The value of an earlier run's entry, or null.
  const nlohmann::ordered_json* Find(const std::string& key) const;
  // Thread-safe. The entry outlives a kill of this process from then on.
  Status Add(const std::string& key, const nlohmann::ordered_json& value);

 private:
  struct Closer {
    void operator()(std::FILE* f) const { std::fclose(f); }
  };

  Status Write(const std::string& text);

  std::string path_;
  std::unique_ptr<std::FILE, Closer> file_;
  std::map<std::string, nlohmann::ordered_json> entries_;
  std::mutex mutex_;
};

}  // namespace halfmoon::eval
