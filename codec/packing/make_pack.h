// Makes pixel packs for the trainer from folders of picture files. Internal; std only.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include "halfmoon/status.h"

namespace halfmoon {

struct PackOptions {
  std::int64_t min_side = 256;      // pictures with a shorter side are left out
  std::int64_t max_short_side = 0;  // larger ones are scaled down to it, antialiased; 0: keep
  int validation_every = 20;        // every n-th picture is for validation; 0: none
};

struct PackReport {
  std::int64_t pictures = 0, validation = 0;  // validation pictures are among the pictures
  std::int64_t duplicates = 0, too_small = 0, unreadable = 0;
  std::vector<std::string> problems;  // one line per picture that was left out: why
};

// Reads every PNG and JPEG below `directories` (sorted by path, so the same folders give the same
// pack), leaves out near duplicates (a 64-bit difference hash at most 3 bits apart), and writes
// `out_file` at once at the end.
// Errors: kInvalidArgument (options; a directory without usable pictures), kIo, kFileExists.
Result<PackReport> MakePack(
    const std::vector<std::string>& directories, const PackOptions& options,
    const std::string& out_file, bool overwrite,
    const std::function<void(std::size_t done, std::size_t total)>& progress);

}  // namespace halfmoon
