// A validated set of integer probability tables, prepared for coding. Integers only; must not
// include rANS streams, files or anything that computes a probability: tables are data.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "bitstream/limits.h"
#include "bitstream/rans.h"
#include "halfmoon/status.h"

namespace halfmoon {

// How a symbol outside its table is coded, beside the table's escape symbol. See FORMAT.md.
//
// Distance d >= 1 beyond the nearer end of the table, below or above it, gives the code value
// u = 2 (d - 1) + below, written as Exp-Golomb: n zero bits, then the n + 1 bits of u + 1.
struct EscapeCode {
  std::uint32_t value_plus_one;  // u + 1 >= 1
  int prefix;                    // n, 0..kMaxEscapePrefix
  int bits() const { return 2 * prefix + 1; }
};

// Up to 256 tables of 16-bit frequencies. Immutable, so one set serves any number of threads.
class CdfTables {
 public:
  // Returned by CostQ16 for what cannot be coded. Sums of a few thousand of them still fit in 64
  // bits.
  static constexpr std::uint32_t kCannotCode = 0xFFFFFFFFu;

  // One table, by value.
  struct View {
    std::int32_t offset;                         // the first symbol
    std::span<const std::uint16_t> frequencies;  // the last one is the escape's
    std::int32_t last_symbol() const {
      return offset + static_cast<std::int32_t>(frequencies.size()) - 2;
    }
    std::uint32_t escape_frequency() const { return frequencies.back(); }
  };

  // Validates and prepares tables.
  //
  // Table t covers the symbols offsets[t] .. offsets[t] + sizes[t] - 2; its last frequency is that
  // of the escape symbol. `frequencies` holds the tables one after the other.
  //
  // Range: 1..256 tables; sizes 2..2^16, at most 2^20 together; symbols within +-2^20; each
  //   frequency >= 1, the sum of a table exactly 2^16.
  //
  // Errors: kModelCorrupt naming table and entry, since tables come from weights files;
  //   kLimitExceeded for more than 2^20 entries; kOutOfMemory.
  static Result<CdfTables> Create(std::span<const std::int32_t> sizes,
                                  std::span<const std::int32_t> offsets,
                                  std::span<const std::int32_t> frequencies);

  std::size_t count() const { return infos_.size(); }

  // REQUIRES: table < count().
  View table(std::size_t table) const {
    const Info& info = infos_[table];
    return {info.offset,
            std::span(frequencies_).subspan(info.entry_base, std::size_t{info.escape} + 1)};
  }

  // The price of a symbol in units of 2^-16 bit, escape bits included; kCannotCode for a table or a
  // symbol out of range. Within 2^-16 bit of the true logarithm; the same on every machine.
  std::uint32_t CostQ16(std::size_t table, std::int32_t symbol) const {
    if (table >= infos_.size()) return kCannotCode;
    const Info& info = infos_[table];
    const std::uint32_t index = Relative(info, symbol);
    if (index < info.escape) return costs_[info.entry_base + index];
    if (symbol < -kMaxSymbolMagnitude || symbol > kMaxSymbolMagnitude) return kCannotCode;
    return costs_[info.entry_base + info.escape] +
           (static_cast<std::uint32_t>(MakeEscape(info, symbol).bits()) << 16);
  }

  // The canonical bytes of the set, the same for equal tables everywhere; what a model hash covers.
  // u32 count; then per table u32 size, i32 offset, u16 frequencies; little-endian.
  // May throw std::bad_alloc.
  std::vector<std::uint8_t> Serialize() const;

  // --- For the latent coder ---------------------------------------------------------------------

  // Where a table's entries lie.
  struct Info {
    std::uint32_t bucket_base;
    std::uint32_t entry_base;
    std::int32_t offset;
    std::uint16_t escape;        // index of the escape symbol = size - 1
    std::uint16_t bucket_shift;  // slot >> bucket_shift = bucket
  };

  // A symbol's slots.
  struct DecodeEntry {
    std::uint16_t start;
    std::uint16_t frequency;
  };

  std::span<const Info> infos() const { return infos_; }
  const DecodeEntry* decode_entries() const { return decode_.data(); }
  const rans::EncodeEntry* encode_entries() const { return encode_.data(); }

  // Per table and bucket of slots: the first symbol that owns a slot of the bucket.
  const std::uint16_t* buckets() const { return buckets_.data(); }

  // Index of a symbol in its table; >= info.escape when the table does not hold it.
  static std::uint32_t Relative(const Info& info, std::int32_t symbol) {
    return static_cast<std::uint32_t>(symbol) - static_cast<std::uint32_t>(info.offset);
  }

  // REQUIRES: the table does not hold the symbol, |symbol| <= kMaxSymbolMagnitude.
  static EscapeCode MakeEscape(const Info& info, std::int32_t symbol);

  // The symbol of a code value u; out of [-2^20, 2^20] for an illegal one. REQUIRES: u < 2^23.
  static std::int32_t EscapedSymbol(const Info& info, std::uint32_t value);

 private:
  CdfTables() = default;
  Status Build(std::span<const std::int32_t> sizes, std::span<const std::int32_t> offsets,
               std::span<const std::int32_t> frequencies);
  Status BuildTable(std::size_t table, std::int32_t offset,
                    std::span<const std::int32_t> frequencies);

  std::vector<Info> infos_;
  std::vector<std::uint16_t> frequencies_;
  std::vector<DecodeEntry> decode_;
  std::vector<rans::EncodeEntry> encode_;
  std::vector<std::uint32_t> costs_;
  std::vector<std::uint16_t> buckets_;
};

}  // namespace halfmoon
