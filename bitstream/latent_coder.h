// Latent symbols <-> bytes under per-symbol probability tables: what the codec uses. Integers only;
// must not include the container, networks or images.
//
// The stream carries no count and no tables: both sides know them (from the picture's size and from
// the model). Lanes, escapes and the layout are specified in FORMAT.md, "Latent streams".
#pragma once

#include <array>
#include <cstdint>
#include <span>
#include <vector>

#include "bitstream/cdf_tables.h"
#include "bitstream/dependent_quantiser.h"
#include "bitstream/limits.h"
#include "bitstream/rans.h"
#include "halfmoon/status.h"

namespace halfmoon {

// Number of rANS lanes of a stream with so many symbols: 1, 2 or 4.
//
// A lane costs about 4.5 bytes and buys speed: measured, one lane decodes 80 million symbols a
// second and four 120. One is enough for a picture of half a megapixel (under 10 ms), where bytes
// count more.
//
// A fuzzing build, which is no decoder of real files, reaches all lanes with few symbols.
#ifdef HALFMOON_FUZZING
inline constexpr std::uint64_t kTwoLanesFrom = 64;
inline constexpr std::uint64_t kFourLanesFrom = 128;
#else
inline constexpr std::uint64_t kTwoLanesFrom = std::uint64_t{1} << 19;
inline constexpr std::uint64_t kFourLanesFrom = std::uint64_t{1} << 21;
#endif
inline constexpr int LaneCount(std::uint64_t symbol_count) {
  return symbol_count < kTwoLanesFrom ? 1 : symbol_count < kFourLanesFrom ? 2 : 4;
}

// Collects symbols in decoding order and codes them, backwards, in Finish.
//
// Lifetime: keeps a reference to the tables.
class LatentEncoder {
 public:
  explicit LatentEncoder(const CdfTables& tables) : tables_(&tables) {}

  // Appends symbols[i] under table table_index[i].
  //
  // Range: one index per symbol; table_index < tables.count(); |symbol| <= kMaxSymbolMagnitude.
  //
  // Errors: kept, and reported by Finish: kInvalidArgument, kOutOfMemory.
  void Append(std::span<const std::uint8_t> table_index, std::span<const std::int32_t> symbols);

  // The stream of all symbols appended so far; empty for none. The encoder is then as new.
  Result<std::vector<std::uint8_t>> Finish();

 private:
  Status AppendChecked(std::span<const std::uint8_t> table_index,
                       std::span<const std::int32_t> symbols);
  Result<std::vector<std::uint8_t>> Encode() const;
  template <int kLanes>
  rans::WordSink EncodeLanes(std::span<std::uint64_t> states, rans::WordSink sink) const;

  const CdfTables* tables_;
  Status status_;
  std::vector<std::uint32_t> entries_;  // of each symbol: index of its encode entry, and a flag
  std::vector<EscapeCode> escapes_;     // of the escape symbols among them, in order
};

// Takes a stream apart. Decode may be called any number of times; between calls the caller computes
// the tables of the next symbols from those it has.
//
// Lifetime: keeps a reference to the tables; copies the stream.
class LatentDecoder {
 public:
  // `symbol_count` is the number of symbols of the whole stream; it fixes the lanes.
  // Errors: kTruncated, kCorrupt, kOutOfMemory.
  static Result<LatentDecoder> Create(const CdfTables& tables, std::span<const std::uint8_t> stream,
                                      std::uint64_t symbol_count);

  // Fills `symbols`, the i-th under table table_index[i].
  // Errors: kInvalidArgument (spans of different length, a table index >= count(), more symbols
  // than
  //   announced), kTruncated (the stream ends early), kCorrupt (an illegal escape code). After an
  //   error the contents of `symbols` are unspecified and every later call returns the same error.
  Status Decode(std::span<const std::uint8_t> table_index, std::span<std::int32_t> symbols);

  // The same for a pass of dependent symbols: tables follow from scale indexes and from the symbols
  // on the way. Errors: those of Decode; kInvalidArgument also for a scale index >= tables.scales
  // and for other tables than the decoder's.
  Status DecodeDependent(const DependentTables& tables, std::span<const std::uint8_t> scales,
                         std::span<std::int32_t> symbols);

  // Checks that all symbols were decoded, every word was used and each lane is back where the
  // encoder began. Errors: kInvalidArgument (symbols left), kCorrupt.
  Status Finish();

 private:
  LatentDecoder(const CdfTables& tables, std::uint64_t symbol_count)
      : tables_(&tables), symbol_count_(symbol_count), lanes_(LaneCount(symbol_count)) {}

  // `path` says of symbol i its table, and is told what it is.
  template <typename Path>
  Status DecodeAlong(Path path, std::span<std::int32_t> symbols);
  template <int kLanes, typename Path>
  bool DecodeGroups(Path path, std::int32_t* symbols, std::size_t count);
  Status CheckRoom(std::size_t symbols) const;
  Status Fail(Status status);

  const CdfTables* tables_;
  std::uint64_t symbol_count_;
  int lanes_;
  std::uint64_t decoded_ = 0;
  Status status_;
  std::array<std::uint64_t, rans::kMaxLanes> states_{};
  std::vector<std::uint32_t> words_;  // padded, see rans::StreamWords
  std::size_t next_word_ = 0;
  std::size_t word_count_ = 0;
};

}  // namespace halfmoon
