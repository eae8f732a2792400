// Which files a batch is about: what folders hold, what of that is passed over, where results go.
// Knows nothing of what is done to a file.
#pragma once

#include <cstdint>
#include <map>
#include <nlohmann/json_fwd.hpp>
#include <string>
#include <vector>

#include "halfmoon/status.h"

namespace halfmoon::cli {

struct BatchListOptions {
  std::string out_dir;
  bool recursive = false;
  std::string shard;  // "i/n", 1 <= i <= n; empty: everything
};

// What inputs of a command are called, and its results.
struct BatchEndings {
  std::vector<std::string> inputs;  // lower case, with dot
  std::string result;               // with dot
};

struct BatchItem {
  std::string input, output;
  Status refused;  // not to be done: its result would be that of another file, too
};

// What folders hold beside that; of the whole list, whatever the shard.
struct PassedOver {
  std::map<std::string, std::size_t> endings;  // files by ending, lower case; "": without one
  std::size_t hidden = 0;                      // files and folders whose name begins with a dot
  std::size_t links = 0;                       // symbolic links to folders, and to nothing
  std::size_t special = 0;                     // pipes, sockets, devices
  std::size_t folders = 0;                     // without --recursive

  // "other endings: 1 .gif, 2 .tiff; hidden: 1"; empty when there is nothing.
  std::string ToText() const;
  nlohmann::ordered_json ToJson() const;
};

struct BatchList {
  std::vector<BatchItem> items;    // sorted by input
  std::vector<Status> unreadable;  // folders that can't be listed; messages begin with the name
  PassedOver passed_over;
};

// All files of the inputs, each once however often it is named, and of them those of the shard. Of
// a folder its files with one of the endings, and links to such, with `recursive` those of its
// subfolders, too. Files that end as results do are neither taken nor counted as passed over. The
// result of a file is named like it beside it, or under `out_dir` at the same place below the
// folder that was given. Where two files would have one result, both are refused.
// Errors: kInvalidArgument (nothing found at all; "-" among the inputs; a bad shard).
Result<BatchList> ListBatch(const std::vector<std::string>& inputs, const BatchListOptions& options,
                            const BatchEndings& endings);

}  // namespace halfmoon::cli
