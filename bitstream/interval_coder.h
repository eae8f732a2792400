// Intervals of [0, 2^16) <-> bytes: what every coder of symbols with probabilities of their own
// comes down to. Integers only; must not include tables, files or whatever computes the intervals.
//
// A symbol owns the slots [start, start + frequency). The stream is that of rans.h, without
// escapes; it carries no count: both sides know how many symbols there are.
#pragma once

#include <array>
#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "bitstream/latent_coder.h"
#include "bitstream/rans.h"
#include "halfmoon/status.h"

namespace halfmoon {

// Collects intervals in decoding order and codes them, backwards, in Finish.
class IntervalEncoder {
 public:
  // REQUIRES: 1 <= frequency <= 65535, start + frequency <= 2^16. May throw std::bad_alloc.
  void Append(std::uint32_t start, std::uint32_t frequency) {
    intervals_.push_back(
        {static_cast<std::uint16_t>(start), static_cast<std::uint16_t>(frequency)});
    cost_q16_ += rans::BitsQ16(frequency);
  }
  std::size_t size() const { return intervals_.size(); }

  // The stream of all symbols appended so far; empty for none. The encoder is then as new.
  // Errors: kOutOfMemory.
  Result<std::vector<std::uint8_t>> Finish();

  // Bits of the symbols appended so far, without the stream's head; in 1/65536.
  std::uint64_t CostQ16() const { return cost_q16_; }

 private:
  struct Interval {
    std::uint16_t start, frequency;
  };
  std::vector<Interval> intervals_;
  std::uint64_t cost_q16_ = 0;
};

// Takes a stream apart, one symbol at a time: Slot says where in [0, 2^16) the next one lies, Take
// what it owns there.
class IntervalDecoder {
 public:
  // Errors: kTruncated, kCorrupt, kOutOfMemory.
  static Result<IntervalDecoder> Create(std::span<const std::uint8_t> stream,
                                        std::uint64_t symbol_count);
  // A decoder of random bits: legal coder states and words, which have no end; so symbols follow
  // their frequencies. `states` has LaneCount(symbol_count) elements, each in [2^31, 2^63). `words`
  // must not be fewer than the symbols take: half a word each and one. Errors: kInvalidArgument,
  // kOutOfMemory.
  static Result<IntervalDecoder> FromRandom(std::span<const std::uint64_t> states,
                                            std::vector<std::uint32_t> words,
                                            std::uint64_t symbol_count);

  // REQUIRES: decoded() < symbol_count.
  std::uint32_t Slot() const { return rans::Slot(states_[lane_]); }
  // REQUIRES: start <= Slot() < start + frequency <= 2^16. False when the stream ends early; then
  // nothing that follows means anything.
  bool Take(std::uint32_t start, std::uint32_t frequency) {
    rans::StreamWords words(words_.data() + next_word_, words_.data() + word_count_);
    states_[lane_] = rans::Pop(states_[lane_], Slot() - start, frequency, words);
    next_word_ = static_cast<std::size_t>(words.next() - words_.data());
    if (++lane_ == lanes_) lane_ = 0;
    ++decoded_;
    return !words.ran_dry();
  }
  std::uint64_t decoded() const { return decoded_; }
  std::uint64_t symbol_count() const { return symbol_count_; }
  // What to say when Take was false.
  Status Truncated() const;

  // Checks that all symbols were decoded, every word was used and each lane is back where the
  // encoder began. Not for random bits. Errors: kInvalidArgument (symbols left), kCorrupt.
  Status Finish() const;

  // Where the decoder stands, for tests: encoding the symbols backwards from these states gives the
  // first states and the words taken back.
  std::span<const std::uint64_t> states() const { return std::span(states_).first(lanes_); }
  std::size_t words_taken() const { return next_word_; }

 private:
  explicit IntervalDecoder(std::uint64_t symbol_count)
      : symbol_count_(symbol_count), lanes_(static_cast<std::size_t>(LaneCount(symbol_count))) {}

  std::uint64_t symbol_count_;
  std::size_t lanes_, lane_ = 0;
  std::uint64_t decoded_ = 0;
  std::array<std::uint64_t, rans::kMaxLanes> states_{};
  std::vector<std::uint32_t> words_;  // padded, see rans::StreamWords
  std::size_t next_word_ = 0;
  std::size_t word_count_ = 0;
};

}  // namespace halfmoon
