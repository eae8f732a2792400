// BatchJournal: what batches made, from what and how, so that --resume notices what is out of date.
// Knows nothing about pictures.
#pragma once

#include <cstdint>
#include <map>
#include <mutex>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>

#include "halfmoon/status.h"

namespace halfmoon::cli {

// A source as it was when its result was made.
struct SourceState {
  std::uint64_t bytes = 0;
  std::int64_t mtime = 0;  // nanoseconds since 1970
  std::uint64_t hash = 0;  // XXH3-64 of its bytes

  // Errors: kIo, also for what is not a regular file: reading a pipe would empty it.
  static Result<SourceState> Of(const std::string& path);
};

// Entries of all folders of results of a batch: in each a file ".halfmoon-batch.jsonl", with
// --out-dir one for all. A line of JSON an entry, the last one of a result counts. Several
// processes may append; lines that are not whole (a kill, a full disk) are no entries.
//
// Read me first. An entry is only a hint that spares work: a result without one is judged by its
// own time and content. Nothing is lost with the file.
class BatchJournal {
 public:
  static constexpr char kFileName[] = ".halfmoon-batch.jsonl";

  // `options`: what else decides about a result, with names for people; those that a later version
  // adds are to be left out where they are not used. Entries are looked up and written
  // with `resume` only.
  BatchJournal(std::string out_dir, bool resume, nlohmann::ordered_json options)
      : out_dir_(std::move(out_dir)), resume_(resume), options_(std::move(options)) {}

  // Why the result that is at `output` is not what `input` and the options would give, as far as
  // the journal knows: "the source is another". Empty: it is. None: it knows nothing of it, or it
  // has been replaced since. Thread-safe.
  std::optional<std::string> WhyOutdated(const std::string& input, const std::string& output);

  // The source, where an entry is to be written of what becomes of it. Thread-safe.
  std::optional<SourceState> Observe(const std::string& input) const;
  // Notes that `output` has been made, whole, of that state of a source. Thread-safe.
  // Errors: kIo; the batch may go on.
  Status Add(const SourceState& source, const std::string& output);

 private:
  struct Folder {
    std::string path;                            // of the journal
    bool cut = false;                            // its last line is not whole
    std::map<std::string, std::string> entries;  // lines by result
  };
  Folder& FolderOf(const std::string& output);
  std::string Key(const std::string& output) const;

  std::string out_dir_;
  bool resume_;
  nlohmann::ordered_json options_;
  std::mutex mutex_;
  std::map<std::string, Folder> folders_;
};

}  // namespace halfmoon::cli
