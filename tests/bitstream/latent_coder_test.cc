#include "bitstream/latent_coder.h"

#include <gtest/gtest.h>

#include "tests/bitstream/gaussian_tables.h"
#include "tests/bitstream/reference_decoder.h"

namespace halfmoon::testing {
namespace {

using Bytes = std::vector<std::uint8_t>;

const CdfTables& Typical() {
  static const CdfTables tables = GaussianTables().Create().value();
  return tables;
}

Bytes Encode(const CdfTables& tables, const Sequence& sequence) {
  LatentEncoder encoder(tables);
  encoder.Append(sequence.indexes, sequence.symbols);
  Result<Bytes> stream = encoder.Finish();
  EXPECT_TRUE(stream.ok()) << stream.status().message();
  return stream.ok() ? *stream : Bytes{};
}

// Decodes in pieces and finishes.
Status DecodeAll(const CdfTables& tables, const Bytes& stream, const Bytes& indexes,
                 std::vector<std::int32_t>& symbols, std::size_t piece = ~std::size_t{0}) {
  symbols.assign(indexes.size(), 0);
  Result<LatentDecoder> decoder = LatentDecoder::Create(tables, stream, indexes.size());
  if (!decoder.ok()) return decoder.status();
  for (std::size_t at = 0; at < indexes.size();) {
    const std::size_t n = std::min(piece, indexes.size() - at);
    HALFMOON_RETURN_IF_ERROR(
        decoder->Decode(std::span(indexes).subspan(at, n), std::span(symbols).subspan(at, n)));
    at += n;
  }
  return decoder->Finish();
}

void ExpectRoundTrip(const CdfTables& tables, const Sequence& sequence) {
  const Bytes stream = Encode(tables, sequence);
  std::vector<std::int32_t> symbols;
  const Status status = DecodeAll(tables, stream, sequence.indexes, symbols);
  ASSERT_TRUE(status.ok()) << status.message();
  ASSERT_EQ(symbols, sequence.symbols);
}

// Any symbols, escapes of all sizes among them.
Sequence Wild(const CdfTables& tables, std::size_t count, std::uint64_t seed) {
  Random random(seed);
  Sequence sequence;
  for (std::size_t i = 0; i < count; ++i) {
    sequence.indexes.push_back(
        static_cast<std::uint8_t>(random.Below(static_cast<std::uint32_t>(tables.count()))));
    const int bits = static_cast<int>(random.Below(21));
    const std::int32_t magnitude = static_cast<std::int32_t>(random.Below((1u << bits) + 1));
    sequence.symbols.push_back(random.Below(2) == 0 ? magnitude : -magnitude);
  }
  return sequence;
}

TEST(LatentCoder, RoundTripsOfAllSizes) {
  for (std::size_t count = 0; count <= 300; ++count) {
    ExpectRoundTrip(Typical(), DrawSequence(Typical(), count, 0, 64, count));
    ExpectRoundTrip(Typical(), Wild(Typical(), count, count));
  }
  for (const std::size_t count : {1000, 4095, 4096, 4097, 16383, 65535, 65536, 70001}) {
    ExpectRoundTrip(Typical(), DrawSequence(Typical(), count, 0, 64, count));
    ExpectRoundTrip(Typical(), Wild(Typical(), count, count));
  }
}

// Around the sizes where the number of lanes changes, and with every remainder of the lanes.
TEST(LatentCoder, RoundTripsOfAllLaneCounts) {
  EXPECT_EQ(LaneCount(0), 1);
  EXPECT_EQ(LaneCount((1u << 19) - 1), 1);
  EXPECT_EQ(LaneCount(1u << 19), 2);
  EXPECT_EQ(LaneCount((1u << 21) - 1), 2);
  EXPECT_EQ(LaneCount(1u << 21), 4);
  const Sequence part = Wild(Typical(), 4099, 5);
  for (const std::size_t count : {(1u << 19) - 1, 1u << 19, (1u << 19) + 1, (1u << 21) - 1,
                                  1u << 21, (1u << 21) + 1, (1u << 21) + 2, (1u << 21) + 3}) {
    Sequence sequence;
    for (std::size_t i = 0; i < count; ++i) {
      sequence.indexes.push_back(part.indexes[i % part.indexes.size()]);
      sequence.symbols.push_back(part.symbols[i % part.symbols.size()]);
    }
    ExpectRoundTrip(Typical(), sequence);
  }
}

TEST(LatentCoder, PiecesDoNotMatter) {
  for (const std::size_t count : {997u, (1u << 19) + 5, (1u << 21) + 7}) {
    Sequence sequence = Wild(Typical(), 997, 6);
    while (sequence.symbols.size() < count) {
      const std::size_t at = sequence.symbols.size();
      sequence.indexes.push_back(sequence.indexes[at % 997]);
      sequence.symbols.push_back(sequence.symbols[at % 997]);
    }
    const Bytes whole = Encode(Typical(), sequence);
    LatentEncoder encoder(Typical());
    for (std::size_t at = 0; at < count; at += 101) {
      const std::size_t n = std::min<std::size_t>(101, count - at);
      encoder.Append(std::span(sequence.indexes).subspan(at, n),
                     std::span(sequence.symbols).subspan(at, n));
    }
    ASSERT_EQ(encoder.Finish().value(), whole);
    for (const std::size_t piece : {1u, 3u, 101u, 4096u}) {
      std::vector<std::int32_t> symbols;
      ASSERT_TRUE(DecodeAll(Typical(), whole, sequence.indexes, symbols, piece).ok());
      ASSERT_EQ(symbols, sequence.symbols);
    }
  }
}

TEST(LatentCoder, AgreesWithTheReferenceDecoder) {
  for (const std::size_t count : {0u, 1u, 2u, 5u, 1000u, 30000u, 1u << 19, (1u << 21) + 3}) {
    Sequence sequence = Wild(Typical(), std::min<std::size_t>(count, 30000), 7);
    while (sequence.symbols.size() < count) {
      sequence.indexes.push_back(0);  // nearly free
      sequence.symbols.push_back(0);
    }
    const auto symbols =
        ReferenceDecoder::Decode(Typical(), Encode(Typical(), sequence), sequence.indexes);
    ASSERT_TRUE(symbols.has_value()) << count;
    ASSERT_EQ(*symbols, sequence.symbols) << count;
  }
}

TEST(LatentCoder, ExtremeTables) {
  RawTables raw;
  raw.sizes = {2, 2, 65536};
  raw.offsets = {0, (1 << 20), -32768};
  raw.frequencies = {65535, 1, 1, 65535};
  raw.frequencies.insert(raw.frequencies.end(), 65536, 1);
  const CdfTables tables = raw.Create().value();
  ExpectRoundTrip(tables, Wild(tables, 20000, 8));
  Sequence flat;  // 16 bits each: the most words per symbol
  for (std::int32_t i = 0; i < 65535; ++i) {
    flat.indexes.push_back(2);
    flat.symbols.push_back(i - 32768);
  }
  ExpectRoundTrip(tables, flat);
  EXPECT_LE(Encode(tables, flat).size(), 65535u * 2 + 8);
}

TEST(LatentCoder, EscapesAtTheirLimits) {
  RawTables raw;
  raw.sizes = {2, 2, 2};
  raw.offsets = {-(1 << 20), 0, 1 << 20};
  raw.frequencies = {65535, 1, 65535, 1, 65535, 1};
  const CdfTables tables = raw.Create().value();
  Sequence sequence;
  for (std::uint8_t t = 0; t < 3; ++t) {
    for (const std::int32_t symbol :
         {-(1 << 20), -(1 << 20) + 1, -1, 0, 1, (1 << 20) - 1, 1 << 20}) {
      sequence.indexes.push_back(t);
      sequence.symbols.push_back(symbol);
    }
  }
  ExpectRoundTrip(tables, sequence);
}

TEST(LatentCoder, EscapesBeyondTheLimitsAreRefused) {
  for (const std::int32_t symbol : {(1 << 20) + 1, -(1 << 20) - 1, 2147483647, -2147483647 - 1}) {
    LatentEncoder encoder(Typical());
    const std::uint8_t index[1] = {0};
    const std::int32_t symbols[1] = {symbol};
    encoder.Append(index, symbols);
    const Result<Bytes> stream = encoder.Finish();
    ASSERT_FALSE(stream.ok());
    EXPECT_EQ(stream.status().code(), StatusCode::kInvalidArgument);
  }
}

// Streams that no encoder of ours writes: escape codes made by hand.
Bytes HandMadeEscape(int prefix, std::uint32_t value_plus_one) {
  std::vector<std::uint32_t> words(16);
  rans::WordSink sink(words.data());
  std::uint64_t x = rans::kLowerBound;
  const std::uint32_t suffix = value_plus_one & ((1u << prefix) - 1);
  const int low = std::min(prefix, 16);
  if (low > 0) x = rans::PushBits(x, low, suffix & ((1u << low) - 1), sink);
  if (prefix > low) x = rans::PushBits(x, prefix - low, suffix >> low, sink);
  x = rans::PushBits(x, 1, 1, sink);
  for (int i = 0; i < prefix; ++i) x = rans::PushBits(x, 1, 0, sink);
  x = rans::Push(x, rans::MakeEncodeEntry(65535, 1), sink);
  words.resize(static_cast<std::size_t>(sink.next() - words.data()));
  return rans::WriteStream(std::span(&x, 1), words);
}

TEST(LatentCoder, IllegalEscapeCodesAreCorrupt) {
  const std::vector<std::int32_t> size = {2}, offset = {0}, frequencies = {65535, 1};
  const CdfTables tables = CdfTables::Create(size, offset, frequencies).value();
  const Bytes index = {0};
  std::vector<std::int32_t> symbol;
  // 2 (2^20 - 1) + 1: the largest legal value above; one more distance on either side is illegal.
  EXPECT_TRUE(DecodeAll(tables, HandMadeEscape(20, (1u << 21) - 1), index, symbol).ok());
  EXPECT_EQ(symbol[0], 1 << 20);
  EXPECT_TRUE(DecodeAll(tables, HandMadeEscape(21, 1u << 21), index, symbol).ok());
  EXPECT_EQ(symbol[0], -(1 << 20));
  EXPECT_EQ(DecodeAll(tables, HandMadeEscape(21, (1u << 21) + 1), index, symbol).code(),
            StatusCode::kCorrupt);
  EXPECT_EQ(DecodeAll(tables, HandMadeEscape(22, (1u << 23) - 1), index, symbol).code(),
            StatusCode::kCorrupt);
  EXPECT_EQ(DecodeAll(tables, HandMadeEscape(23, 1u << 23), index, symbol).code(),
            StatusCode::kCorrupt);
  EXPECT_EQ(DecodeAll(tables, HandMadeEscape(30, 1u << 30), index, symbol).code(),
            StatusCode::kCorrupt);
}

TEST(LatentCoder, IndexBeyondTheTablesIsAnError) {
  const std::vector<std::int32_t> size = {2}, offset = {0}, frequencies = {65535, 1};
  const CdfTables tables = CdfTables::Create(size, offset, frequencies).value();
  const Bytes good(100, 0);
  Bytes bad = good;
  bad[70] = 1;
  const std::vector<std::int32_t> zeros(100, 0);
  LatentEncoder encoder(tables);
  encoder.Append(bad, zeros);
  encoder.Append(good, zeros);
  const Result<Bytes> refused = encoder.Finish();
  ASSERT_FALSE(refused.ok());
  EXPECT_EQ(refused.status().code(), StatusCode::kInvalidArgument);
  EXPECT_NE(refused.status().message().find("symbol 70 is 1"), std::string::npos)
      << refused.status().message();
  encoder.Append(good, zeros);  // as new again
  const Bytes stream = encoder.Finish().value();
  std::vector<std::int32_t> symbols;
  EXPECT_EQ(DecodeAll(tables, stream, bad, symbols).code(), StatusCode::kInvalidArgument);
  EXPECT_TRUE(DecodeAll(tables, stream, good, symbols).ok());
}

TEST(LatentCoder, MisuseIsAnErrorAndSticks) {
  const Sequence sequence = DrawSequence(Typical(), 50, 0, 64, 9);
  const Bytes stream = Encode(Typical(), sequence);
  std::vector<std::int32_t> symbols(60);

  Result<LatentDecoder> early = LatentDecoder::Create(Typical(), stream, 50);
  ASSERT_TRUE(early.ok());
  EXPECT_EQ(early->Finish().code(), StatusCode::kInvalidArgument);
  EXPECT_EQ(early->Decode(sequence.indexes, std::span(symbols).first(50)).code(),
            StatusCode::kInvalidArgument);

  Result<LatentDecoder> uneven = LatentDecoder::Create(Typical(), stream, 50);
  EXPECT_EQ(uneven->Decode(sequence.indexes, std::span(symbols).first(49)).code(),
            StatusCode::kInvalidArgument);

  Result<LatentDecoder> more = LatentDecoder::Create(Typical(), stream, 50);
  EXPECT_EQ(more->Decode(Bytes(60, 0), symbols).code(), StatusCode::kInvalidArgument);

  LatentEncoder encoder(Typical());
  encoder.Append(Bytes(3, 0), std::span(symbols).first(2));
  EXPECT_EQ(encoder.Finish().status().code(), StatusCode::kInvalidArgument);
}

TEST(LatentCoder, NoSymbolsNoBytes) {
  LatentEncoder encoder(Typical());
  EXPECT_TRUE(encoder.Finish().value().empty());
  Result<LatentDecoder> decoder = LatentDecoder::Create(Typical(), {}, 0);
  ASSERT_TRUE(decoder.ok());
  EXPECT_TRUE(decoder->Finish().ok());
  EXPECT_EQ(LatentDecoder::Create(Typical(), Bytes{0}, 0).status().code(), StatusCode::kCorrupt);
}

// --- Damage
// ---------------------------------------------------------------------------------------

// Every prefix must fail: words are missing, so the states cannot come back.
TEST(LatentCoder, EveryTruncationIsAnError) {
  for (const std::size_t count : {1u, 40u, 2000u}) {
    const Sequence sequence = Wild(Typical(), count, 10);
    const Bytes stream = Encode(Typical(), sequence);
    for (std::size_t size = 0; size < stream.size(); ++size) {
      std::vector<std::int32_t> symbols;
      const Bytes cut(stream.begin(), stream.begin() + static_cast<std::ptrdiff_t>(size));
      const StatusCode code = DecodeAll(Typical(), cut, sequence.indexes, symbols).code();
      EXPECT_TRUE(code == StatusCode::kTruncated || code == StatusCode::kCorrupt) << size;
    }
  }
}

// A dense code leaves little redundancy: some flips (of an escape's raw bits, say) give the stream
// of other symbols. That is what checksums are for; here it must be exactly such a stream.
TEST(LatentCoder, FlippedBitsAreAnErrorOrOtherSymbols) {
  const Sequence sequence = Wild(Typical(), 300, 11);
  const Bytes stream = Encode(Typical(), sequence);
  for (std::size_t bit = 0; bit < 8 * stream.size(); ++bit) {
    Bytes damaged = stream;
    damaged[bit / 8] = static_cast<std::uint8_t>(damaged[bit / 8] ^ (1u << (bit % 8)));
    Sequence other{sequence.indexes, {}, 0};
    if (!DecodeAll(Typical(), damaged, sequence.indexes, other.symbols).ok()) continue;
    EXPECT_NE(other.symbols, sequence.symbols) << bit;
    EXPECT_EQ(Encode(Typical(), other), damaged) << bit;
  }
}

TEST(LatentCoder, TrailingWordsAreCorrupt) {
  const Sequence sequence = Wild(Typical(), 300, 12);
  Bytes stream = Encode(Typical(), sequence);
  stream.insert(stream.end(), 4, 0);
  std::vector<std::int32_t> symbols;
  EXPECT_EQ(DecodeAll(Typical(), stream, sequence.indexes, symbols).code(), StatusCode::kCorrupt);
}

TEST(LatentCoder, NoiseNeverCrashesAndJudgesLikeTheReference) {
  Random random(13);
  for (int round = 0; round < 2000; ++round) {
    Bytes stream(1 + random.Below(60));
    for (std::uint8_t& byte : stream) byte = static_cast<std::uint8_t>(random.Next());
    stream[0] &= 3;  // one lane
    const Sequence sequence = DrawSequence(Typical(), 1 + random.Below(40), 0, 64, random.Next());
    std::vector<std::int32_t> symbols;
    const bool ok = DecodeAll(Typical(), stream, sequence.indexes, symbols).ok();
    EXPECT_EQ(ok, ReferenceDecoder::Decode(Typical(), stream, sequence.indexes).has_value());
  }
}

// Four lanes and escapes everywhere while the words run out: the padding must suffice.
TEST(LatentCoder, RunningDryInTheFastLoop) {
  const std::vector<std::int32_t> size = {2}, offset = {0}, frequencies = {1, 65535};
  const CdfTables tables = CdfTables::Create(size, offset, frequencies).value();
  const std::size_t count = 1u << 21;
  const Bytes indexes(count, 0);
  Random random(14);
  for (std::size_t bytes = 17; bytes < 160; ++bytes) {
    Bytes stream(bytes);
    for (std::uint8_t& byte : stream) byte = static_cast<std::uint8_t>(random.Next());
    stream[0] = 0;
    std::vector<std::int32_t> symbols;
    EXPECT_FALSE(DecodeAll(tables, stream, indexes, symbols).ok());
  }
}

// --- Efficiency
// ------------------------------------------------------------------------------------

TEST(LatentCoder, OverheadIsWithinItsBounds) {
  std::printf("[          ] %9s %10s %12s %12s\n", "symbols", "tables", "bits/symbol",
              "extra bytes");
  for (const std::size_t count : {1u, 10u, 100u, 1000u, 10000u, 100000u, 1000000u}) {
    for (const std::uint32_t first : {0u, 16u}) {  // table 16 on: sigma >= 0.5
      ASSERT_GE(TypicalSigma(16, 64), 0.5);
      const Sequence sequence = DrawSequence(Typical(), count, first, 64, 15);
      const double bytes = static_cast<double>(Encode(Typical(), sequence).size());
      const double entropy = sequence.bits / 8;
      std::printf("[          ] %9zu %7u..63 %12.4f %12.2f\n", count, first,
                  sequence.bits / static_cast<double>(count), bytes - entropy);
      EXPECT_LE(bytes, entropy * 1.001 + (count < 100000 ? 8 : 32));
    }
  }
}

}  // namespace
}  // namespace halfmoon::testing
