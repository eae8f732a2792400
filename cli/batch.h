// Many files at once: which ones, where their results go, several at a time, one report in the end.
// Knows nothing of what is done to a file.
#pragma once

#include <CLI/CLI.hpp>
#include <cstdint>
#include <functional>
#include <nlohmann/json_fwd.hpp>
#include <string>
#include <vector>

#include "cli/options.h"
#include "codec/imageio/warning.h"
#include "halfmoon/status.h"

namespace halfmoon::cli {

struct BatchOptions {
  std::string out_dir;
  bool recursive = false;
  bool resume = false;
  int jobs = 1;
  std::string shard;  // "i/n", 1 <= i <= n; empty: everything
};

void AddBatch(CLI::App* command, BatchOptions* options);

struct BatchItem {
  std::string input, output;
  bool operator==(const BatchItem&) const = default;
};

// Whether the command line asks for a batch: several inputs, a folder, or --out-dir.
bool IsBatch(const std::vector<std::string>& inputs, const BatchOptions& options);

// All files of the inputs, sorted, and of them those of the shard. Of a folder its files with one
// of the `endings` (lower case, with dot), with --recursive those of its subfolders, too. The
// result of a file is named like it, with `ending`, beside it or under --out-dir at the same place
// below the folder that was given. Errors: kInvalidArgument (nothing found; two files with one
// result; "-" among the inputs; a bad
//   shard), kIo.
Result<std::vector<BatchItem>> ListBatch(const std::vector<std::string>& inputs,
                                         const BatchOptions& options,
                                         const std::vector<std::string>& endings,
                                         const std::string& ending);

// What became of one file.
struct BatchOutcome {
  Status status;
  bool skipped = false;  // --resume: its result is there and intact
  bool partial = false;  // done, with losses
  std::uint64_t input_bytes = 0, output_bytes = 0;
  std::string text;  // a line for people; may be empty
  Warnings warnings;
};

// The work on one file; `worker` is 0 .. jobs - 1, one file at a time for each. Fills json as well.
using BatchWork = std::function<BatchOutcome(std::size_t worker, const BatchItem& item,
                                             nlohmann::ordered_json* json)>;

// Runs the work over all items, --jobs at a time, and reports: errors and warnings as they come, a
// progress line, in the end a summary; with --json one object per file and line, and one of the
// whole. A failure doesn't stop the others; Ctrl-C lets those in work finish and stops. Returns the
// exit code: that of the first failed file in the list, that for losses, or success.
int RunBatch(const std::vector<BatchItem>& items, const BatchOptions& options,
             const ReportOptions& report, const BatchWork& work);

}  // namespace halfmoon::cli
