// Many files at once: several at a time, what is there already, one report in the end.
// Knows nothing of what is done to a file.
#pragma once

#include <CLI/CLI.hpp>
#include <cstdint>
#include <functional>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "cli/batch_list.h"
#include "cli/options.h"
#include "codec/imageio/warning.h"
#include "halfmoon/status.h"

namespace halfmoon::cli {

struct BatchOptions {
  BatchListOptions list;
  bool resume = false;
  int jobs = 1;
};

void AddBatch(CLI::App* command, BatchOptions* options);

// Whether the command line asks for a batch: several inputs, a folder, or one of its options.
bool IsBatch(const std::vector<std::string>& inputs, const BatchOptions& options);

// What became of one file.
struct BatchOutcome {
  Status status;
  bool partial = false;  // done, with losses
  std::uint64_t input_bytes = 0, output_bytes = 0;
  std::string text;  // a line for people; may be empty
  Warnings warnings;
};

// What a command does to files, and what --resume has to know about its results.
struct BatchTask {
  BatchEndings endings;
  // What decides about a result beside its source; only what is set, where a version may add to it.
  nlohmann::ordered_json options;
  // Whether a file can be read to its end.
  std::function<bool(const std::string& path)> is_intact;
  // What a result says of itself that its source or the options contradict, for people; empty:
  // nothing. Asked where no journal tells.
  std::function<std::string(const BatchItem& item)> contradiction;
  // Files that are called like results are not originals of somebody: --resume may replace them
  // even where no journal tells that they are results.
  bool only_results = false;
  // The work; `worker` is 0 .. jobs - 1, one file at a time for each. Fills json as well.
  // `progress` takes the share of a file that is done, and stays the same for a worker.
  std::function<BatchOutcome(std::size_t worker, const BatchItem& item, bool replace,
                             const std::function<void(double)>& progress,
                             nlohmann::ordered_json* json)>
      work;
};

// Finds the files, does the task with each, --jobs at a time, and reports: errors as they come, a
// progress line, in the end the warnings, each kind once unless --verbose, and a summary; with
// --json one object per file and line, and one of the whole. A failure doesn't stop the others;
// Ctrl-C lets those in work finish and stops. Returns the exit code: that of an unreadable folder,
// else of the first failed file in the list, that for losses, or success.
int RunBatch(const std::vector<std::string>& inputs, const BatchOptions& options,
             const ReportOptions& report, bool force, const BatchTask& task);

}  // namespace halfmoon::cli
