#include "bitstream/cdf_tables.h"

#include <algorithm>
#include <bit>
#include <new>
#include <string>

#include "bitstream/byte_io.h"

namespace halfmoon {
namespace {

using rans::kProbabilityBits;
using rans::kProbabilityTotal;

// Four times as many buckets as symbols leave less than one step of scanning per symbol and keep
// the typical set within the second-level cache; see bitstream_bench.
constexpr int kBucketsPerSymbolBits = 2;
constexpr int kMinBucketBits = 4;
constexpr int kMaxBucketBits = 10;

Status Bad(std::size_t table, const std::string& what) {
  return {StatusCode::kModelCorrupt, "probability table " + std::to_string(table) + ": " + what +
                                         "; the weights file is damaged, install the model again"};
}

// std::bit_width returns int by the standard, but not in every library.
int BitWidth(std::uint32_t value) { return static_cast<int>(std::bit_width(value)); }

}  // namespace

Result<CdfTables> CdfTables::Create(std::span<const std::int32_t> sizes,
                                    std::span<const std::int32_t> offsets,
                                    std::span<const std::int32_t> frequencies) {
  try {
    CdfTables tables;
    HALFMOON_RETURN_IF_ERROR(tables.Build(sizes, offsets, frequencies));
    return tables;
  } catch (const std::bad_alloc&) {
    return Status(StatusCode::kOutOfMemory, "no memory for " + std::to_string(frequencies.size()) +
                                                " probability table entries; free some memory");
  }
}

Status CdfTables::Build(std::span<const std::int32_t> sizes, std::span<const std::int32_t> offsets,
                        std::span<const std::int32_t> frequencies) {
  if (sizes.empty() || sizes.size() > kMaxTables || sizes.size() != offsets.size()) {
    return {StatusCode::kModelCorrupt,
            "probability tables: " + std::to_string(sizes.size()) + " sizes and " +
                std::to_string(offsets.size()) + " offsets; there must be as many of each, 1.." +
                std::to_string(kMaxTables) +
                "; the weights file is damaged, install the model again"};
  }
  if (frequencies.size() > kMaxTableEntries) {
    return {StatusCode::kLimitExceeded,
            "probability tables: " + std::to_string(frequencies.size()) + " frequencies, at most " +
                std::to_string(kMaxTableEntries) + " are allowed; use a model with smaller tables"};
  }
  infos_.reserve(sizes.size());
  frequencies_.reserve(frequencies.size());
  decode_.reserve(frequencies.size());
  encode_.reserve(frequencies.size());
  costs_.reserve(frequencies.size());
  std::size_t base = 0;
  for (std::size_t t = 0; t < sizes.size(); ++t) {
    if (sizes[t] < kMinTableSize || sizes[t] > kMaxTableSize) {
      return Bad(t, "size is " + std::to_string(sizes[t]) + ", legal are 2..65536");
    }
    const auto size = static_cast<std::size_t>(sizes[t]);
    if (size > frequencies.size() - base) {
      return Bad(t, "needs " + std::to_string(size) + " frequencies from " + std::to_string(base) +
                        " on, only " + std::to_string(frequencies.size()) + " are there in all");
    }
    HALFMOON_RETURN_IF_ERROR(BuildTable(t, offsets[t], frequencies.subspan(base, size)));
    base += size;
  }
  if (base != frequencies.size()) {
    return {StatusCode::kModelCorrupt,
            "probability tables: sizes add up to " + std::to_string(base) + ", but there are " +
                std::to_string(frequencies.size()) +
                " frequencies; the weights file is damaged, install the model again"};
  }
  return Status::Ok();
}

Status CdfTables::BuildTable(std::size_t table, std::int32_t offset,
                             std::span<const std::int32_t> frequencies) {
  const std::int64_t last =
      std::int64_t{offset} + static_cast<std::int64_t>(frequencies.size()) - 2;
  if (offset < -kMaxSymbolMagnitude || last > kMaxSymbolMagnitude) {
    return Bad(table, "covers symbols " + std::to_string(offset) + ".." + std::to_string(last) +
                          ", legal are -2^20..2^20");
  }
  Info info{};
  info.bucket_base = static_cast<std::uint32_t>(buckets_.size());
  info.entry_base = static_cast<std::uint32_t>(frequencies_.size());
  info.offset = offset;
  info.escape = static_cast<std::uint16_t>(frequencies.size() - 1);

  std::uint32_t start = 0;
  for (std::size_t i = 0; i < frequencies.size(); ++i) {
    // At least two entries of at least 1 each: no legal frequency reaches 2^16.
    const std::int32_t frequency = frequencies[i];
    if (frequency < 1 || frequency >= static_cast<std::int32_t>(kProbabilityTotal)) {
      return Bad(table, "frequency " + std::to_string(i) + " is " + std::to_string(frequency) +
                            ", legal are 1..65535");
    }
    const auto f = static_cast<std::uint32_t>(frequency);
    if (f > kProbabilityTotal - start) {
      return Bad(table, "frequencies exceed 65536 at entry " + std::to_string(i));
    }
    frequencies_.push_back(static_cast<std::uint16_t>(f));
    decode_.push_back({static_cast<std::uint16_t>(start), static_cast<std::uint16_t>(f)});
    encode_.push_back(rans::MakeEncodeEntry(start, f));
    costs_.push_back(rans::BitsQ16(f));
    start += f;
  }
  if (start != kProbabilityTotal) {
    return Bad(table, "frequencies add up to " + std::to_string(start) + ", not to 65536");
  }

  const int bucket_bits = std::clamp(
      BitWidth(static_cast<std::uint32_t>(frequencies.size() - 1)) + kBucketsPerSymbolBits,
      kMinBucketBits, kMaxBucketBits);
  info.bucket_shift = static_cast<std::uint16_t>(kProbabilityBits - bucket_bits);
  std::size_t symbol = 0;
  for (std::uint32_t bucket = 0; bucket < (1u << bucket_bits); ++bucket) {
    const std::uint32_t first_slot = bucket << info.bucket_shift;
    const DecodeEntry* entries = decode_.data() + info.entry_base;
    while (first_slot - entries[symbol].start >= entries[symbol].frequency) ++symbol;
    buckets_.push_back(static_cast<std::uint16_t>(symbol));
  }
  infos_.push_back(info);
  return Status::Ok();
}

EscapeCode CdfTables::MakeEscape(const Info& info, std::int32_t symbol) {
  const bool below = symbol < info.offset;
  const std::int32_t last = info.offset + info.escape - 1;
  const auto distance = static_cast<std::uint32_t>(below ? info.offset - symbol : symbol - last);
  const std::uint32_t value_plus_one = 2 * (distance - 1) + (below ? 1u : 0u) + 1;
  return {value_plus_one, BitWidth(value_plus_one) - 1};
}

std::int32_t CdfTables::EscapedSymbol(const Info& info, std::uint32_t value) {
  const std::int32_t distance = static_cast<std::int32_t>(value >> 1) + 1;
  const std::int32_t last = info.offset + info.escape - 1;
  return (value & 1u) != 0 ? info.offset - distance : last + distance;
}

std::vector<std::uint8_t> CdfTables::Serialize() const {
  ByteWriter writer;
  writer.Reserve(4 + 8 * infos_.size() + 2 * frequencies_.size());
  writer.U32(static_cast<std::uint32_t>(infos_.size()));
  for (std::size_t t = 0; t < infos_.size(); ++t) {
    const View view = table(t);
    writer.U32(static_cast<std::uint32_t>(view.frequencies.size()));
    writer.U32(static_cast<std::uint32_t>(view.offset));
    for (const std::uint16_t frequency : view.frequencies) writer.U16(frequency);
  }
  return std::move(writer).Take();
}

}  // namespace halfmoon
