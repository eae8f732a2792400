#include "bitstream/frequency_coder.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <array>
#include <cmath>

#include "tests/bitstream/gaussian_tables.h"

namespace halfmoon {
namespace {

using testing::Random;

// A row of frequencies, from nearly even to nearly certain.
std::vector<std::uint16_t> RandomRow(std::size_t alphabet, Random& random) {
  std::vector<std::uint32_t> weight(alphabet);
  const std::uint32_t sharp = random.Below(14);
  std::uint64_t sum = 0;
  for (std::uint32_t& w : weight) sum += w = 1 + (random.Below(65536) >> random.Below(sharp + 1));
  std::vector<std::uint16_t> row(alphabet);
  std::uint32_t total = 0;
  for (std::size_t i = 0; i < alphabet; ++i) {
    row[i] = static_cast<std::uint16_t>(1 + weight[i] * (65536 - alphabet) / sum);
    total += row[i];
  }
  row[random.Below(static_cast<std::uint32_t>(alphabet))] +=
      static_cast<std::uint16_t>(65536 - total);
  return row;
}

struct Message {
  std::vector<std::uint16_t> frequencies;
  std::vector<std::uint8_t> symbols;
};

Message RandomMessage(std::size_t count, std::size_t alphabet, Random& random) {
  Message m;
  for (std::size_t i = 0; i < count; ++i) {
    const auto row = RandomRow(alphabet, random);
    m.frequencies.insert(m.frequencies.end(), row.begin(), row.end());
    m.symbols.push_back(
        static_cast<std::uint8_t>(random.Below(static_cast<std::uint32_t>(alphabet))));
  }
  return m;
}

TEST(FrequencyCoder, GivesBackWhatWasCoded) {
  Random random(1);
  for (const std::size_t alphabet : {2u, 3u, 16u, 256u}) {
    for (const std::size_t count : {1u, 2u, 50u, 3000u}) {
      const Message m = RandomMessage(count, alphabet, random);
      FrequencyEncoder encoder;
      const std::size_t half = count / 2;
      encoder.Append(std::span(m.frequencies).first(half * alphabet), alphabet,
                     std::span(m.symbols).first(half));
      encoder.Append(std::span(m.frequencies).subspan(half * alphabet), alphabet,
                     std::span(m.symbols).subspan(half));
      const std::uint64_t cost = encoder.CostQ16();
      const auto stream = encoder.Finish();
      ASSERT_TRUE(stream.ok()) << stream.status().message();
      // The cost is the size but for head and flush: 1 + 8 bytes, and 0.1 %.
      EXPECT_NEAR(static_cast<double>(stream->size()) * 8, static_cast<double>(cost) / 65536,
                  72 + 0.001 * static_cast<double>(cost) / 65536);

      auto decoder = FrequencyDecoder::Create(*stream, count);
      ASSERT_TRUE(decoder.ok()) << decoder.status().message();
      std::vector<std::uint8_t> symbols(count);
      ASSERT_TRUE(decoder
                      ->Decode(std::span(m.frequencies).first(half * alphabet), alphabet,
                               std::span(symbols).first(half))
                      .ok());
      ASSERT_TRUE(decoder
                      ->Decode(std::span(m.frequencies).subspan(half * alphabet), alphabet,
                               std::span(symbols).subspan(half))
                      .ok());
      EXPECT_EQ(symbols, m.symbols);
      EXPECT_TRUE(decoder->Finish().ok());
    }
  }
}

TEST(FrequencyCoder, NoSymbolsNoBytes) {
  const auto stream = FrequencyEncoder().Finish();
  ASSERT_TRUE(stream.ok());
  EXPECT_TRUE(stream->empty());
  auto decoder = FrequencyDecoder::Create(*stream, 0);
  ASSERT_TRUE(decoder.ok());
  EXPECT_TRUE(decoder->Finish().ok());
  EXPECT_FALSE(FrequencyDecoder::Create(std::vector<std::uint8_t>{0}, 0).ok());
}

TEST(FrequencyCoder, RefusesFrequenciesThatAreNone) {
  const std::vector<std::uint8_t> symbol = {0};
  const auto fails = [&](std::vector<std::uint16_t> row, std::uint8_t which) {
    FrequencyEncoder encoder;
    encoder.Append(row, row.size(), std::vector<std::uint8_t>{which});
    const auto stream = encoder.Finish();
    return stream.status().code() == StatusCode::kInvalidArgument;
  };
  EXPECT_TRUE(fails({65535, 2}, 0));      // sum too large
  EXPECT_TRUE(fails({65534, 1}, 0));      // too small
  EXPECT_TRUE(fails({65535, 0, 1}, 0));   // a symbol that cannot be coded
  EXPECT_TRUE(fails({32768, 32768}, 2));  // no such symbol
  EXPECT_TRUE(fails({}, 0));
  EXPECT_FALSE(fails({32768, 32768}, 1));
}

TEST(FrequencyCoder, DamageIsFoundOrChangesSymbols) {
  Random random(3);
  const Message m = RandomMessage(400, 256, random);
  FrequencyEncoder encoder;
  encoder.Append(m.frequencies, 256, m.symbols);
  const std::vector<std::uint8_t> stream = *encoder.Finish();
  for (std::size_t size = 0; size < stream.size(); size += 7) {
    auto decoder = FrequencyDecoder::Create(std::span(stream).first(size), 400);
    if (!decoder.ok()) continue;
    std::vector<std::uint8_t> symbols(400);
    const bool decoded = decoder->Decode(m.frequencies, 256, symbols).ok();
    EXPECT_FALSE(decoded && decoder->Finish().ok()) << "cut to " << size;
  }
  std::vector<std::uint8_t> longer = stream;
  longer.resize(longer.size() + 4);
  auto decoder = FrequencyDecoder::Create(longer, 400);
  ASSERT_TRUE(decoder.ok());
  std::vector<std::uint8_t> symbols(400);
  ASSERT_TRUE(decoder->Decode(m.frequencies, 256, symbols).ok());
  EXPECT_EQ(decoder->Finish().code(), StatusCode::kCorrupt);
}

std::vector<std::uint32_t> RandomWords(std::size_t count, Random& random) {
  std::vector<std::uint32_t> words(count);
  for (std::uint32_t& w : words) w = static_cast<std::uint32_t>(random.Next() >> 32);
  return words;
}

std::uint64_t RandomState(Random& random) {
  constexpr std::uint64_t kSpan = (rans::kLowerBound << rans::kWordBits) - rans::kLowerBound;
  return rans::kLowerBound + random.Next() % kSpan;
}

// Symbols drawn from random bits follow their frequencies: Pearson's chi-square per table.
TEST(FrequencyCoderSampling, SymbolsFollowTheirFrequencies) {
  Random random(4);
  constexpr std::size_t kDraws = 20000, kAlphabet = 24;
  for (int table = 0; table < 8; ++table) {
    const auto row = RandomRow(kAlphabet, random);
    std::vector<std::uint16_t> frequencies;
    for (std::size_t i = 0; i < kDraws; ++i)
      frequencies.insert(frequencies.end(), row.begin(), row.end());
    const std::uint64_t state = RandomState(random);
    auto decoder =
        FrequencyDecoder::FromRandom({&state, 1}, RandomWords(kDraws / 2 + 1, random), kDraws);
    ASSERT_TRUE(decoder.ok());
    std::vector<std::uint8_t> symbols(kDraws);
    ASSERT_TRUE(decoder->Decode(frequencies, kAlphabet, symbols).ok());
    std::array<double, kAlphabet> count{};
    for (const std::uint8_t s : symbols) ++count[s];
    // Cells of fewer than five expected draws are put together.
    double chi_square = 0, rest_expected = 0, rest_count = 0;
    int cells = -1;
    for (std::size_t s = 0; s < kAlphabet; ++s) {
      const double expected = kDraws * row[s] / 65536.0;
      if (expected < 5) {
        rest_expected += expected;
        rest_count += count[s];
        continue;
      }
      chi_square += (count[s] - expected) * (count[s] - expected) / expected;
      ++cells;
    }
    if (rest_expected > 0) {
      chi_square += (rest_count - rest_expected) * (rest_count - rest_expected) /
                    std::max(rest_expected, 1.0);
      ++cells;
    }
    // Mean `cells`, deviation sqrt(2 cells); five deviations above are never seen.
    EXPECT_LT(chi_square, cells + 5 * std::sqrt(2.0 * cells)) << "table " << table;
  }
}

TEST(FrequencyCoderSampling, ReencodingASampleCostsItsProbability) {
  Random random(5);
  constexpr std::size_t kCount = 20000;
  const Message m = RandomMessage(kCount, 64, random);  // its frequencies only
  const std::uint64_t state = RandomState(random);
  auto decoder =
      FrequencyDecoder::FromRandom({&state, 1}, RandomWords(kCount / 2 + 1, random), kCount);
  ASSERT_TRUE(decoder.ok());
  std::vector<std::uint8_t> symbols(kCount);
  ASSERT_TRUE(decoder->Decode(m.frequencies, 64, symbols).ok());
  FrequencyEncoder encoder;
  encoder.Append(m.frequencies, 64, symbols);
  double bits = 0;
  for (std::size_t i = 0; i < kCount; ++i)
    bits -= std::log2(m.frequencies[i * 64 + symbols[i]] / 65536.0);
  const auto stream = encoder.Finish();
  ASSERT_TRUE(stream.ok());
  EXPECT_NEAR(static_cast<double>(stream->size()) * 8, bits, 0.001 * bits + 72);
}

// From the decoder's final state, the encoder's steps lead back to its initial one and give up the
// very words that it took: the coder is a bijection.
TEST(FrequencyCoderSampling, EncodingBackwardsGivesTheRandomBitsBack) {
  Random random(6);
  constexpr std::size_t kCount = 5000, kAlphabet = 100;
  const Message m = RandomMessage(kCount, kAlphabet, random);
  const std::uint64_t first = RandomState(random);
  const std::vector<std::uint32_t> words = RandomWords(kCount / 2 + 1, random);
  auto decoder = FrequencyDecoder::FromRandom({&first, 1}, words, kCount);
  ASSERT_TRUE(decoder.ok());
  std::vector<std::uint8_t> symbols(kCount);
  ASSERT_TRUE(decoder->Decode(m.frequencies, kAlphabet, symbols).ok());

  std::vector<std::uint32_t> given(kCount + 2);
  rans::WordSink sink(given.data());
  std::uint64_t state = decoder->states()[0];
  for (std::size_t i = kCount; i > 0; --i) {
    const auto* row = m.frequencies.data() + (i - 1) * kAlphabet;
    std::uint32_t start = 0;
    for (std::size_t s = 0; s < symbols[i - 1]; ++s) start += row[s];
    state = rans::Push(state, rans::MakeEncodeEntry(start, row[symbols[i - 1]]), sink);
  }
  EXPECT_EQ(state, first);
  const auto count = static_cast<std::size_t>(sink.next() - given.data());
  ASSERT_EQ(count, decoder->words_taken());
  for (std::size_t i = 0; i < count; ++i) ASSERT_EQ(given[count - 1 - i], words[i]) << i;
}

TEST(FrequencyCoderSampling, RefusesStatesThatAreNone) {
  for (const std::uint64_t bad : {rans::kLowerBound - 1, rans::kLowerBound << rans::kWordBits}) {
    EXPECT_EQ(FrequencyDecoder::FromRandom({&bad, 1}, {}, 10).status().code(),
              StatusCode::kInvalidArgument);
  }
  EXPECT_FALSE(FrequencyDecoder::FromRandom({}, {}, 10).ok());
}

}  // namespace
}  // namespace halfmoon
