// Integers <-> bytes where every one has a Laplace distribution of its own, of which an integer
// network says mean and scale. Integers only; must not include networks, grids or files.
//
// The distribution is computed from two short tables of whole numbers, so that every processor has
// the same. A stream is a list of what fell outside its window (rare), then the rANS of
// interval_coder.h.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <vector>

#include "bitstream/interval_coder.h"
#include "halfmoon/status.h"

namespace halfmoon {

namespace laplace {

// Scale index s stands for b = exp(s / 8 - 4.6).
inline constexpr int kScales = 86;
inline constexpr int kScalesPerE = 8;
// Means are whole numbers of 1 / kUnit.
inline constexpr int kUnit = 128;
// Means and symbols lie within +-2^16.
inline constexpr std::int32_t kMaxSymbol = 1 << 16;
inline constexpr std::int32_t kMaxMean = kMaxSymbol * kUnit;

// A symbol's slots.
struct Interval {
  std::uint32_t start, frequency;
};

// One distribution. REQUIRES: 0 <= scale < kScales, |mean| <= kMaxMean.
class Distribution {
 public:
  Distribution(int scale, std::int32_t mean);

  // The window of symbols that have slots of their own: first() .. last().
  std::int32_t first() const { return middle_ - reach_; }
  std::int32_t last() const { return middle_ + reach_; }
  // Slots of first() - 1 (everything below), of a symbol of the window, of last() + 1 (everything
  // above).
  Interval Slots(std::int32_t symbol) const;
  // What owns a slot: first() - 1 .. last() + 1.
  std::int32_t Find(std::uint32_t slot, Interval* interval) const;

 private:
  // The first slot of symbol first() + index, 0 <= index <= 2 reach + 1.
  std::uint32_t Start(std::int32_t index) const;

  std::int32_t mean_, middle_, reach_;
  std::uint64_t inverse_;  // 64 / b in 1 / 4096
  std::uint64_t shared_;   // slots that are left when every symbol has one
};

}  // namespace laplace

// Collects symbols in decoding order.
class LaplaceEncoder {
 public:
  // Range: 0 <= scale < kScales; |mean| <= kMaxMean; |symbol| <= kMaxSymbol. May throw
  // std::bad_alloc.
  void Append(int scale, std::int32_t mean, std::int32_t symbol);

  // The stream; the encoder is then as new. Errors: kOutOfMemory.
  Result<std::vector<std::uint8_t>> Finish();

  // Bits so far, in 1/65536.
  std::uint64_t CostQ16() const { return intervals_.CostQ16() + (escape_bits_ << 16); }

 private:
  IntervalEncoder intervals_;
  std::vector<std::uint32_t> escapes_;  // distances from the window, 0 for the symbol beside it
  std::uint64_t escape_bits_ = 0;
};

class LaplaceDecoder {
 public:
  // Errors: kTruncated, kCorrupt, kOutOfMemory.
  static Result<LaplaceDecoder> Create(std::span<const std::uint8_t> stream,
                                       std::uint64_t symbol_count);

  // The next symbol; nothing when the stream is damaged: status() says how. Ranges as in Append.
  // REQUIRES: fewer than symbol_count were decoded.
  std::optional<std::int32_t> Decode(int scale, std::int32_t mean);
  const Status& status() const { return status_; }

  // Checks that nothing is left over. Errors: kCorrupt.
  Status Finish() const;

 private:
  explicit LaplaceDecoder(IntervalDecoder intervals) : intervals_(std::move(intervals)) {}

  IntervalDecoder intervals_;
  std::vector<std::uint32_t> escapes_;
  std::size_t next_escape_ = 0;
  Status status_;
};

}  // namespace halfmoon
