// Any numbers as probability tables: those that are accepted must code and price every kind of
// symbol.
//
// Input: a mode byte; then tables of i32 offset, u16 size and frequencies of u16 each. In mode 1
// the last frequency of each table is replaced by what the sum lacks, so that legal tables are
// easily found.
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

// The ends of each table, its neighbours, and the ends of the range.
void RoundTrip(const CdfTables& tables) {
  std::vector<std::uint8_t> indexes;
  std::vector<std::int32_t> symbols;
  for (std::size_t t = 0; t < tables.count(); ++t) {
    const CdfTables::View view = tables.table(t);
    for (const std::int32_t symbol :
         {view.offset - 1, view.offset, view.offset + 1, view.last_symbol(), view.last_symbol() + 1,
          -kMaxSymbolMagnitude, kMaxSymbolMagnitude, 0}) {
      if (symbol < -kMaxSymbolMagnitude || symbol > kMaxSymbolMagnitude) continue;
      indexes.push_back(static_cast<std::uint8_t>(t));
      symbols.push_back(symbol);
      Require(tables.CostQ16(t, symbol) <= (16u + 45u) << 16);
    }
  }
  LatentEncoder encoder(tables);
  encoder.Append(indexes, symbols);
  const Result<std::vector<std::uint8_t>> stream = encoder.Finish();
  Require(stream.ok());
  Result<LatentDecoder> decoder = LatentDecoder::Create(tables, *stream, symbols.size());
  Require(decoder.ok());
  std::vector<std::int32_t> decoded(symbols.size());
  Require(decoder->Decode(indexes, decoded).ok());
  Require(decoder->Finish().ok());
  Require(decoded == symbols);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  ByteReader reader({data, size});
  const bool complete_sums = (reader.U8() & 1u) != 0;
  std::vector<std::int32_t> sizes, offsets, frequencies;
  while (reader.ok() && reader.remaining() > 0 && sizes.size() < 300) {
    offsets.push_back(static_cast<std::int32_t>(reader.U32()));
    const std::uint32_t count = reader.U16();
    sizes.push_back(static_cast<std::int32_t>(count) - (complete_sums ? 0 : 2));
    std::int32_t sum = 0;
    for (std::uint32_t i = 0; i < count && reader.ok(); ++i) {
      frequencies.push_back(reader.U16());
      sum += frequencies.back();
    }
    if (complete_sums && count > 0) {
      sum -= frequencies.back();
      frequencies.back() = 65536 - sum;
    }
  }
  const Result<CdfTables> tables = CdfTables::Create(sizes, offsets, frequencies);
  if (!tables.ok()) {
    Require(tables.status().code() != StatusCode::kInternal);
    return 0;
  }
  RoundTrip(*tables);
  Require(tables->Serialize().size() == 4 + 8 * sizes.size() + 2 * frequencies.size());
  return 0;
}
