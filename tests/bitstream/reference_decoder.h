// A second decoder of latent streams, written from FORMAT.md, "Latent streams", alone and in its
// order: slow, plain, and without a line from bitstream/ but the tables' numbers. That it agrees
// with the real one shows that the text is complete.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <vector>

#include "bitstream/cdf_tables.h"

namespace halfmoon::testing {

class ReferenceDecoder {
 public:
  // The symbols, or nothing for a stream that FORMAT.md calls illegal.
  static std::optional<std::vector<std::int32_t>> Decode(const CdfTables& tables,
                                                         std::span<const std::uint8_t> stream,
                                                         std::span<const std::uint8_t> indexes) {
    return Walk(
        tables, stream, indexes.size(), [&](std::size_t i) { return int{indexes[i]}; },
        [](std::size_t, std::int32_t) {});
  }

  // Section 9.6: T scale indexes, dependent from `first` on.
  static std::optional<std::vector<std::int32_t>> DecodeDependent(
      const CdfTables& tables, int T, int first, std::span<const std::uint8_t> stream,
      std::span<const std::uint8_t> scales) {
    int state[4] = {0, 0, 0, 0};
    const auto table = [&](std::size_t i) {
      const int t = scales[i], u = state[i % 4];
      return t < first ? t : T + (u % 2) * (T - first) + t - first;
    };
    const auto after = [&](std::size_t i, std::int32_t r) {
      if (scales[i] < first) return;
      int& u = state[i % 4];
      int next = u / 2;
      if (u % 2 == 1) next ^= 33;
      if (r % 2 != 0) next ^= 10;
      u = next;
    };
    return Walk(tables, stream, scales.size(), table, after);
  }

 private:
  template <typename Table, typename After>
  static std::optional<std::vector<std::int32_t>> Walk(const CdfTables& tables,
                                                       std::span<const std::uint8_t> stream,
                                                       std::uint64_t count, const Table& table,
                                                       const After& after) {
    ReferenceDecoder decoder(stream);
    std::vector<std::int32_t> symbols;
    if (count == 0) return stream.empty() ? std::optional(symbols) : std::nullopt;
    const std::size_t lanes = count < 524288 ? 1 : count < 2097152 ? 2 : 4;
    decoder.ReadStates(lanes);
    for (std::size_t i = 0; i < count && decoder.good_; ++i) {
      const auto index = static_cast<std::size_t>(table(i));
      symbols.push_back(decoder.Symbol(tables.table(index), decoder.x_[i % lanes]));
      after(i, symbols.back());
    }
    for (const std::uint64_t x : decoder.x_) decoder.good_ &= x == 2147483648u;
    decoder.good_ &= decoder.at_ == stream.size();
    if (!decoder.good_) return std::nullopt;
    return symbols;
  }

  explicit ReferenceDecoder(std::span<const std::uint8_t> stream) : stream_(stream) {}

  std::uint64_t Number(std::size_t bytes) {
    if (stream_.size() - at_ < bytes) {
      good_ = false;
      return 0;
    }
    std::uint64_t value = 0;
    for (std::size_t i = 0; i < bytes; ++i) {
      value += std::uint64_t{stream_[at_++]} << (8 * i);
    }
    return value;
  }

  void Renormalise(std::uint64_t& x) {
    if (x < 2147483648u) x = x * 4294967296u + Number(4);
  }

  void ReadStates(std::size_t lanes) {
    const std::uint64_t lengths = Number(1);
    if (lengths >= (1u << (2 * lanes))) good_ = false;
    for (std::size_t k = 0; k < lanes; ++k) {
      const std::size_t bytes = 4 + ((lengths >> (2 * k)) & 3);
      const std::uint64_t v = Number(bytes);
      if (v < 16777216u) good_ = false;
      if (bytes > 4 && (v >> (8 * (bytes - 1))) == 0) good_ = false;
      x_.push_back(v);
    }
    if ((stream_.size() - at_) % 4 != 0) good_ = false;
    for (std::uint64_t& x : x_) Renormalise(x);
  }

  std::uint64_t Bits(std::uint64_t& x, int count) {
    const std::uint64_t bits = x % (1u << count);
    x /= 1u << count;
    Renormalise(x);
    return bits;
  }

  std::int32_t Symbol(const CdfTables::View& table, std::uint64_t& x) {
    const std::uint64_t slot = x % 65536;
    std::uint64_t start = 0;
    std::size_t s = 0;
    while (slot >= start + table.frequencies[s]) start += table.frequencies[s++];
    x = table.frequencies[s] * (x / 65536) + slot - start;
    Renormalise(x);
    if (s + 1 < table.frequencies.size()) return table.offset + static_cast<std::int32_t>(s);

    int n = 0;
    while (good_ && Bits(x, 1) == 0) {
      if (++n > 22) good_ = false;
    }
    std::uint64_t v = 1;
    if (n > 16) v = v * (1u << (n - 16)) + Bits(x, n - 16);
    if (n > 0) v = v * (1u << std::min(n, 16)) + Bits(x, std::min(n, 16));
    const std::int64_t u = static_cast<std::int64_t>(v) - 1;
    const std::int64_t d = u / 2 + 1;
    const std::int64_t symbol = u % 2 == 1 ? table.offset - d : table.last_symbol() + d;
    if (symbol < -1048576 || symbol > 1048576) good_ = false;
    return static_cast<std::int32_t>(symbol);
  }

  std::span<const std::uint8_t> stream_;
  std::size_t at_ = 0;
  bool good_ = true;
  std::vector<std::uint64_t> x_;
};

}  // namespace halfmoon::testing
