// Symbols <-> bytes where every symbol has frequencies of its own, computed by an integer prior.
// Integers only; must not include tables, files or whatever computes the frequencies.
//
// The fixed tables of latent_coder.h suit scalars; here an index into a codebook has as many
// frequencies as the codebook has codes, and they are not known before the symbols ahead of it are.
// The stream is the same rANS (rans.h), without escapes.
#pragma once

#include <cstdint>
#include <span>
#include <utility>
#include <vector>

#include "bitstream/interval_coder.h"
#include "halfmoon/status.h"

namespace halfmoon {

// The most symbols an alphabet has: a symbol is one byte.
inline constexpr std::size_t kMaxAlphabet = 256;

// Collects symbols in decoding order and codes them, backwards, in Finish.
class FrequencyEncoder {
 public:
  // Appends symbols. `frequencies`: for each of them `alphabet` numbers in a row, each at least 1,
  // their sum 2^16; so an alphabet has 2 symbols or more. Errors: kept, and reported by Finish:
  // kInvalidArgument (sizes, a symbol outside the alphabet, frequencies that break these rules, for
  // the rows looked at up to the symbol), kOutOfMemory.
  void Append(std::span<const std::uint16_t> frequencies, std::size_t alphabet,
              std::span<const std::uint8_t> symbols);

  // The stream of all symbols appended so far; empty for none. The encoder is then as new.
  Result<std::vector<std::uint8_t>> Finish();

  // Bits of the symbols appended so far, without the stream's head; in 1/65536.
  std::uint64_t CostQ16() const { return intervals_.CostQ16(); }

 private:
  Status AppendChecked(std::span<const std::uint16_t> frequencies, std::size_t alphabet,
                       std::span<const std::uint8_t> symbols);

  Status status_;
  IntervalEncoder intervals_;
};

// Takes a stream apart, or draws symbols out of random bits. Decode may be called any number of
// times; between calls the caller computes the frequencies of the next symbols from those it has.
class FrequencyDecoder {
 public:
  // `symbol_count` is the number of symbols of the whole stream; it fixes the lanes (LaneCount).
  // Errors: kTruncated, kCorrupt, kOutOfMemory.
  static Result<FrequencyDecoder> Create(std::span<const std::uint8_t> stream,
                                         std::uint64_t symbol_count);

  // A decoder of random bits: legal coder states and words, which have no end; so the symbols
  // follow their frequencies. `states` has LaneCount(symbol_count) elements, each in [2^31, 2^63).
  // `words` must not be fewer than the symbols take: half a word each and one. Errors:
  // kInvalidArgument.
  static Result<FrequencyDecoder> FromRandom(std::span<const std::uint64_t> states,
                                             std::vector<std::uint32_t> words,
                                             std::uint64_t symbol_count);

  // Fills `symbols`; frequencies as in FrequencyEncoder::Append.
  // Errors: kInvalidArgument (sizes, more symbols than announced, frequencies that do not reach the
  // slot), kTruncated. After an error every later call returns the same error.
  Status Decode(std::span<const std::uint16_t> frequencies, std::size_t alphabet,
                std::span<std::uint8_t> symbols);

  // Checks that all symbols were decoded, every word was used and each lane is back where the
  // encoder began. Not for random bits. Errors: kInvalidArgument (symbols left), kCorrupt.
  Status Finish();

  // As those of IntervalDecoder, for tests.
  std::span<const std::uint64_t> states() const { return intervals_.states(); }
  std::size_t words_taken() const { return intervals_.words_taken(); }

 private:
  explicit FrequencyDecoder(IntervalDecoder intervals) : intervals_(std::move(intervals)) {}
  Status Fail(Status status);

  IntervalDecoder intervals_;
  Status status_;
};

}  // namespace halfmoon
