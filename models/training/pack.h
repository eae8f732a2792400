// Pixel packs: many pictures in one file of raw 8-bit RGB, which the trainer reads without any
// image library. LibTorch-free; `halfmoon pack` (codec/) makes packs from picture files.
//
// Layout, little-endian:
//   0   8 bytes  "HMNPACK1"
//   8   u32      number of pictures n
//   12  u32      zero
//   16  n times: u32 width, u32 height, u64 offset of the first pixel from the file's start,
//                u32 flags (bit 0: validation picture), u32 zero
//   then pixels: rows top to bottom, interleaved R G B.
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
};

// A pack in memory: the whole file and its directory, checked against the file's size.
struct Pack {
  std::vector<std::uint8_t> bytes;
  std::vector<PackEntry> entries;

  static Result<Pack> Read(const std::string& path);
};

// Writes a pack picture by picture.
class PackWriter {
 public:
  // Adds one picture; `rgb` holds width * height * 3 samples.
  Status Add(std::uint32_t width, std::uint32_t height, std::span<const std::uint8_t> rgb,
             bool validation);
  std::size_t count() const { return entries_.size(); }
  // The finished file. The writer is empty afterwards.
  std::vector<std::uint8_t> Finish();

 private:
  std::vector<PackEntry> entries_;  // offsets relative to the first pixel until Finish
  std::vector<std::uint8_t> pixels_;
};

}  // namespace halfmoon::training
