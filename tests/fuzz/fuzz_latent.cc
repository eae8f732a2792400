// Any bytes as a latent stream: an error is fine. A stream that decodes must be exactly the one
// that the encoder writes for its symbols, because every sequence of symbols has one stream.
//
// Input: u16 symbol count, the highest bit for dependent symbols; a seed byte for the table or
// scale indexes; a piece size; then the stream. A fuzzing build changes the number of lanes at 64
// and 128 symbols.
#include <algorithm>
#include <span>
#include <vector>

#include "bitstream/byte_io.h"
#include "bitstream/latent_coder.h"

namespace {

using namespace halfmoon;  // NOLINT: a test

void Require(bool condition) {
  if (!condition) __builtin_trap();
}

// A nearly free table, two common ones, one flat and one that is nearly always an escape. As
// dependent tables: the first is never dependent, the others serve a scale in either quantiser.
constexpr DependentTables kDependent = {.scales = 3, .first = 2, .half_step = 10};
const CdfTables& Tables() {
  static const CdfTables tables = [] {
    std::vector<std::int32_t> sizes = {2, 4, 6, 257, 2};
    std::vector<std::int32_t> offsets = {0, -1, -2, -128, -kMaxSymbolMagnitude};
    std::vector<std::int32_t> frequencies = {65535, 1,                //
                                             16384, 32768, 16383, 1,  //
                                             6000,  15000, 23000, 15000, 6000, 536};
    for (int i = 0; i < 256; ++i) frequencies.push_back(255);
    frequencies.push_back(256);
    frequencies.insert(frequencies.end(), {1, 65535});
    return CdfTables::Create(sizes, offsets, frequencies).value();
  }();
  return tables;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  ByteReader reader({data, size});
  const std::size_t head = reader.U16(), count = head % 4096;
  const bool dependent = head >= 32768;
  std::uint32_t seed = reader.U8();
  const std::size_t piece = 1 + std::size_t{reader.U8()};
  if (!reader.ok()) return 0;
  const std::span<const std::uint8_t> stream = reader.Bytes(reader.remaining());

  std::vector<std::uint8_t> indexes(count);
  for (std::uint8_t& index : indexes) {
    seed = seed * 1664525u + 1013904223u;
    const std::size_t choices = dependent ? std::size_t{kDependent.scales} : Tables().count();
    index = static_cast<std::uint8_t>((seed >> 24) % choices);
  }
  std::vector<std::int32_t> symbols(count);
  Result<LatentDecoder> decoder = LatentDecoder::Create(Tables(), stream, count);
  if (!decoder.ok()) {
    Require(decoder.status().code() == StatusCode::kCorrupt ||
            decoder.status().code() == StatusCode::kTruncated);
    return 0;
  }
  Status status;
  for (std::size_t at = 0; at < count && status.ok(); at += piece) {
    const std::size_t n = std::min(piece, count - at);
    // Each piece is a pass of its own.
    const auto scales = std::span(indexes).subspan(at, n);
    const auto piece_symbols = std::span(symbols).subspan(at, n);
    if (!dependent) {
      status = decoder->Decode(scales, piece_symbols);
      continue;
    }
    status = decoder->DecodeDependent(kDependent, scales, piece_symbols);
    if (!status.ok()) break;
    DependentPath path(kDependent, scales);
    std::vector<std::uint8_t> tables(n);
    for (std::size_t i = 0; i < n; ++i) {
      tables[i] = path.Table(i);
      path.Took(i, piece_symbols[i]);
    }
    std::ranges::copy(tables, indexes.begin() + static_cast<std::ptrdiff_t>(at));
  }
  if (status.ok()) status = decoder->Finish();
  if (!status.ok()) {
    Require(status.code() == StatusCode::kCorrupt || status.code() == StatusCode::kTruncated);
    return 0;
  }
  LatentEncoder encoder(Tables());
  encoder.Append(indexes, symbols);
  const Result<std::vector<std::uint8_t>> again = encoder.Finish();
  Require(again.ok());
  Require(std::ranges::equal(*again, stream));
  return 0;
}
