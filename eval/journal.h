// An append-only journal: what a run has done, so that it can go on after a kill. Knows nothing
// about what its entries mean.
#pragma once

#include <cstdio>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <string>

#include "halfmoon/status.h"

namespace halfmoon::eval {

// One line per entry: a checksum, the key as JSON text, the value as JSON. The first entry says
// which run the journal belongs to. A last line that was cut off by a kill is dropped; anything
// else that is wrong is an error.
class Journal {
 public:
  // `signature`: JSON text that is equal only for runs that would give the same entries.
  // With `resume` an existing journal's entries are taken over.
  // Errors: kInvalidArgument when it belongs to another run; kCorrupt; kIo.
  static Result<std::unique_ptr<Journal>> Open(const std::string& path,
                                               const std::string& signature, bool resume);

  // The value of an earlier run's entry. REQUIRES: no Add at the same time.
  std::optional<std::string> Find(const std::string& key) const;
  // Thread-safe. `value`: JSON text. The entry outlives a kill of this process from then on.
  Status Add(const std::string& key, const std::string& value);

 private:
  struct Closer {
    void operator()(std::FILE* f) const { std::fclose(f); }
  };

  std::string path_;
  std::unique_ptr<std::FILE, Closer> file_;
  std::map<std::string, std::string> entries_;
  std::mutex mutex_;
};

}  // namespace halfmoon::eval
