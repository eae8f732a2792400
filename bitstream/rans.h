// The rANS core: one lane's state, its steps, and the head of a stream. Integers only; must not
// include tables, symbols or anything above them.
//
// READ ME FIRST
//
//  1. The encoder runs backwards. rANS is a stack: the last symbol pushed is the first one popped.
//  The
//     encoder therefore starts at the LAST symbol of the stream, so that the decoder can run
//     forwards. Bits inside an escape code are pushed in reverse for the same reason.
//  2. Words come out in reverse too. The encoder emits 32-bit words in the order opposite to the
//  one
//     in which the decoder wants them; the writer turns them round.
//  3. The decoder starts with the state in which the encoder stopped, and must end with the state
//  in
//     which the encoder began (kLowerBound). That costs about 4.5 bytes per lane and reveals a
//     decoder that has lost its way. It is no checksum: an equally likely bit that flips on its way
//     passes through the state without a trace.
//  4. Lanes share one sequence of words. Symbol i belongs to lane i mod N, and a lane takes the
//  next
//     word of the common sequence at the moment it runs low. Encoder and decoder renormalise at
//     exactly mirrored moments, so no lane needs a length of its own.
//  5. Every step takes at most one word. States live in [2^31, 2^63), words have 32 bits and
//     a step shrinks a state by at most 16 bits.
//
// Lanes exist for speed alone: their dependency chains run side by side in the processor.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

#include "halfmoon/status.h"

namespace halfmoon::rans {

inline constexpr int kProbabilityBits = 16;
inline constexpr std::uint32_t kProbabilityTotal = std::uint32_t{1} << kProbabilityBits;

// States are in [kLowerBound, kLowerBound << 32). 2^31 makes the loss by integer rounding below
// 2^-15 bit per symbol (a fraction of a byte per million symbols) and keeps states below 2^63,
// where the encoder's multiplication by a reciprocal is exact.
inline constexpr int kLowerBoundBits = 31;
inline constexpr std::uint64_t kLowerBound = std::uint64_t{1} << kLowerBoundBits;
inline constexpr int kWordBits = 32;

inline constexpr int kMaxLanes = 4;

// --- Decoding ----------------------------------------------------------------------------------
//
// The steps take their words from any source with
//   std::uint32_t Peek() const;  // the next word
//   void Skip(bool taken);       // advance by one word if `taken`
// In a source that can run dry Peek() returns anything then, and the source remembers that it ran
// dry.

// Brings a state back into its interval.
template <typename Words>
inline std::uint64_t Refill(std::uint64_t state, Words& words) {
  // Selects rather than branches: whether a word is due is close to random.
  const std::uint64_t refilled = (state << kWordBits) | words.Peek();
  const bool low = state < kLowerBound;
  words.Skip(low);
  return low ? refilled : state;
}

// The 16 bits that say which symbol comes next.
inline std::uint32_t Slot(std::uint64_t state) {
  return static_cast<std::uint32_t>(state & (kProbabilityTotal - 1));
}

// Removes a symbol that owns slots [slot - offset_in_symbol, ... + frequency).
template <typename Words>
inline std::uint64_t Pop(std::uint64_t state, std::uint32_t offset_in_symbol,
                         std::uint32_t frequency, Words& words) {
  return Refill(frequency * (state >> kProbabilityBits) + offset_in_symbol, words);
}

// Removes `count` equally likely bits, 1..16; `*bits` receives them.
template <typename Words>
inline std::uint64_t PopBits(std::uint64_t state, int count, std::uint32_t* bits, Words& words) {
  *bits = static_cast<std::uint32_t>(state & ((std::uint64_t{1} << count) - 1));
  return Refill(state >> count, words);
}

// --- Encoding ----------------------------------------------------------------------------------

// Receives words in the encoder's order. REQUIRES: room for one word more than will be emitted,
// since Offer writes before it knows.
class WordSink {
 public:
  explicit WordSink(std::uint32_t* begin) : next_(begin) {}
  void Offer(std::uint32_t word, bool taken) {
    *next_ = word;
    next_ += taken ? 1 : 0;
  }
  std::uint32_t* next() const { return next_; }

 private:
  std::uint32_t* next_;
};

// One symbol as the encoder wants it: division by its frequency turned into a multiplication.
struct EncodeEntry {
  std::uint64_t reciprocal;
  std::uint32_t bias;
  std::uint16_t frequency;  // 1..65535
  std::uint16_t shift;
};

// REQUIRES: 1 <= frequency <= 65535, start + frequency <= 2^16.
EncodeEntry MakeEncodeEntry(std::uint32_t start, std::uint32_t frequency);

// Bits of a symbol of that frequency: 16 - log2(frequency), in units of 2^-16, rounded to nearest.
// REQUIRES: 1 <= frequency <= 2^16.
std::uint32_t BitsQ16(std::uint32_t frequency);

inline std::uint64_t MultiplyHigh(std::uint64_t a, std::uint64_t b) {
  __extension__ using Wide = unsigned __int128;
  return static_cast<std::uint64_t>((static_cast<Wide>(a) * b) >> 64);
}

inline std::uint64_t EmitIfAbove(std::uint64_t state, bool high, WordSink& sink) {
  sink.Offer(static_cast<std::uint32_t>(state & 0xFFFFFFFFu), high);
  return high ? state >> kWordBits : state;
}

// Adds a symbol: state -> (state / f) * 2^16 + state % f + start, after making room.
inline std::uint64_t Push(std::uint64_t state, const EncodeEntry& entry, WordSink& sink) {
  constexpr int kRoomShift = kLowerBoundBits + kWordBits - kProbabilityBits;
  state = EmitIfAbove(state, (state >> kRoomShift) >= entry.frequency, sink);
  const std::uint64_t quotient = MultiplyHigh(state, entry.reciprocal) >> entry.shift;
  return state + entry.bias + quotient * (kProbabilityTotal - entry.frequency);
}

// Adds `count` equally likely bits, 1..16. REQUIRES: bits < 2^count.
inline std::uint64_t PushBits(std::uint64_t state, int count, std::uint32_t bits, WordSink& sink) {
  const bool high = (state >> (kLowerBoundBits + kWordBits - count)) != 0;
  return (EmitIfAbove(state, high, sink) << count) | bits;
}

// --- The head of a stream ----------------------------------------------------------------------

// Layout (see FORMAT.md): one byte with two bits per lane, that lane's number of state bytes - 4;
// then the states; then the words.

// Turns the encoder's final states and its words (in encoder order) into a stream.
// REQUIRES: 1 <= states.size() <= kMaxLanes, each state in its interval. May throw std::bad_alloc.
std::vector<std::uint8_t> WriteStream(std::span<const std::uint64_t> states,
                                      std::span<const std::uint32_t> words);

// The words of a stream in decoder order, in memory that may be read a little past the end: the
// fast loop checks for the end once per group of symbols, not once per word.
class StreamWords {
 public:
  // A group takes at most one word per lane, and an escape three more.
  static constexpr std::size_t kPadding = std::size_t{4} * kMaxLanes;

  std::uint32_t Peek() const { return *next_; }
  void Skip(bool taken) { next_ += taken ? 1 : 0; }

  StreamWords(const std::uint32_t* begin, const std::uint32_t* end) : next_(begin), end_(end) {}
  bool ran_dry() const { return next_ > end_; }
  const std::uint32_t* next() const { return next_; }
  const std::uint32_t* end() const { return end_; }

 private:
  const std::uint32_t* next_;
  const std::uint32_t* end_;
};

struct StreamHead {
  std::vector<std::uint64_t> states;  // one per lane, refilled
  std::vector<std::uint32_t> words;   // decoder order, followed by StreamWords::kPadding zeros
  std::size_t words_taken = 0;        // by the states themselves
};

// Reads what WriteStream wrote. Strict: a state has one legal spelling.
// REQUIRES: 1 <= lanes <= kMaxLanes. Errors: kTruncated, kCorrupt. May throw std::bad_alloc.
Result<StreamHead> ReadStream(std::span<const std::uint8_t> stream, int lanes);

}  // namespace halfmoon::rans
