// Pixel packs: many pictures in one file of raw 8-bit RGB, which the trainer reads without any
// image library. LibTorch-free; `halfmoon pack` (codec/) makes packs from picture files.
//
// Layout, little-endian:
//   0   8 bytes  "HMNPACK1" or "HMNPACK2"
//   8   u32      number of pictures n
//   12  u32      zero
//   16  u64      version 2 only: offset of the text, which reaches to the file's end
//   then n times: u32 width, u32 height, u64 offset of the first pixel from the file's start,
//                u32 flags (bit 0: validation picture; bit 1: grey, one sample per pixel),
//                u32 class + 1, 0 for none (version 1: zero)
//   then pixels: rows top to bottom, interleaved R G B, or grey.
//   Version 2: then JSON, {"classes": [names], "captions": [one per picture, or none at all]}.
// A pack without grey pictures, classes and captions is written as version 1.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "halfmoon/status.h"

namespace halfmoon::training {

struct PackEntry {
  std::uint32_t width = 0, height = 0;
  std::uint64_t offset = 0;  // from the file's start
  bool validation = false;
  bool grey = false;  // one sample per pixel instead of three
  int label = -1;     // index into Pack::classes; -1: none

  std::size_t channels() const { return grey ? 1 : 3; }
};

// A pack in memory: the whole file and its directory, checked against the file's size.
struct Pack {
  std::vector<std::uint8_t> bytes;
  std::vector<PackEntry> entries;
  std::vector<std::string> classes;   // may be empty
  std::vector<std::string> captions;  // empty, or one per entry

  static Result<Pack> Read(const std::string& path);
  // All of them, in order. Errors: the first one's.
  static Result<std::vector<Pack>> ReadAll(const std::vector<std::string>& paths);
};

// Writes a pack picture by picture.
class PackWriter {
 public:
  // Adds one picture; `rgb` holds width * height * 3 samples.
  Status Add(std::uint32_t width, std::uint32_t height, std::span<const std::uint8_t> rgb,
             bool validation);

  // Adds a picture with what is known of it: entry.offset is ignored; samples:
  // width * height * entry.channels(). Either all pictures of a pack have a caption or none.
  Status Add(const PackEntry& entry, std::span<const std::uint8_t> samples,
             const std::string& caption);

  // Names of the classes that entries' labels count.
  void SetClasses(std::vector<std::string> names) { classes_ = std::move(names); }

  std::size_t count() const { return entries_.size(); }
  // The finished file. The writer is empty afterwards.
  std::vector<std::uint8_t> Finish();

 private:
  std::vector<std::string> classes_, captions_;
  std::vector<PackEntry> entries_;  // offsets relative to the first pixel until Finish
  std::vector<std::uint8_t> pixels_;
};

}  // namespace halfmoon::training
