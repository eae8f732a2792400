// Headers of the Netpbm formats (P1 to P7). Internal to codec/imageio; knows nothing about pixels.
#pragma once

#include <cstdint>
#include <span>

#include "halfmoon/status.h"

namespace halfmoon::imageio {

struct PnmHeader {
  int kind = 0;  // the digit: 1..3 text, 4..6 binary, 7 PAM
  std::uint64_t width = 0, height = 0;
  std::uint32_t channels = 0;     // samples of a pixel, 1..4
  std::uint32_t maxval = 0;       // 1..65535
  std::size_t start = 0;          // of the samples
  bool line_end_guessed = false;  // CR LF before the samples was taken for one line end

  bool is_text() const { return kind <= 3; }
  bool is_bitmap() const { return kind == 1 || kind == 4; }  // 1 is black
};

// Errors: kTruncated, kCorrupt naming the field, kUnsupportedFeature for tuple types of PAM that
// are no pictures. REQUIRES: HasPnmSignature(bytes).
Result<PnmHeader> ParsePnmHeader(std::span<const std::uint8_t> bytes);

// Bytes of a row of binary samples. REQUIRES: the width is within kMaxImageSide.
std::uint64_t StoredRowBytes(const PnmHeader& header);

// Numbers and comments of a Netpbm text.
class PnmText {
 public:
  explicit PnmText(std::span<const std::uint8_t> bytes, std::size_t at) : bytes_(bytes), at_(at) {}

  std::size_t position() const { return at_; }
  bool at_end() const { return at_ >= bytes_.size(); }
  std::uint8_t peek() const { return bytes_[at_]; }  // REQUIRES: not at_end()
  void Skip() { ++at_; }

  // To the next byte that is neither white space nor in a comment.
  void SkipSpace();
  // The next number; `what` names it in errors. Errors: kTruncated, kCorrupt.
  Result<std::uint32_t> Number(const char* what);
  // One black or white dot of P1, whose digits need no space between them.
  Result<std::uint32_t> Bit();

 private:
  std::span<const std::uint8_t> bytes_;
  std::size_t at_;
};

}  // namespace halfmoon::imageio
