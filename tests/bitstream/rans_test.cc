#include "bitstream/rans.h"

#include <gtest/gtest.h>

#include "tests/bitstream/gaussian_tables.h"

namespace halfmoon::rans {
namespace {

using halfmoon::testing::Random;

constexpr std::uint64_t kUpperBound = kLowerBound << kWordBits;

// The textbook step.
std::uint64_t PushByDivision(std::uint64_t x, std::uint32_t start, std::uint32_t frequency) {
  return ((x / frequency) << kProbabilityBits) + x % frequency + start;
}

TEST(Rans, ReciprocalsAreExactForEveryFrequency) {
  Random random(1);
  for (std::uint32_t f = 1; f < kProbabilityTotal; ++f) {
    const std::uint32_t start = random.Below(kProbabilityTotal - f + 1);
    const EncodeEntry entry = MakeEncodeEntry(start, f);
    // The largest state that needs no word, its neighbours in division, the ends and some others.
    const std::uint64_t limit = std::uint64_t{f} << (kLowerBoundBits + kWordBits - 16);
    std::uint64_t states[] = {kLowerBound,
                              kLowerBound + 1,
                              limit - 1,
                              limit - f,
                              limit - f - (f > 1 ? 1 : 0),
                              kLowerBound + random.Next() % (limit - kLowerBound + 1),
                              kLowerBound + random.Next() % (limit - kLowerBound + 1)};
    for (const std::uint64_t x : states) {
      if (x < kLowerBound || x >= limit) continue;
      std::uint32_t scratch[2];
      WordSink sink(scratch);
      ASSERT_EQ(Push(x, entry, sink), PushByDivision(x, start, f)) << "f " << f << " x " << x;
      ASSERT_EQ(sink.next(), scratch);
    }
  }
}

TEST(Rans, PopUndoesPush) {
  Random random(2);
  for (int round = 0; round < 200000; ++round) {
    const std::uint64_t x = kLowerBound + random.Next() % (kUpperBound - kLowerBound);
    const std::uint32_t f = 1 + random.Below(round % 2 == 0 ? 65535 : 8);
    const std::uint32_t start = random.Below(kProbabilityTotal - f + 1);
    std::uint32_t scratch[2] = {};
    WordSink sink(scratch);
    const std::uint64_t pushed = Push(x, MakeEncodeEntry(start, f), sink);
    ASSERT_GE(pushed, kLowerBound);
    ASSERT_LT(pushed, kUpperBound);
    const std::uint32_t slot = Slot(pushed);
    ASSERT_GE(slot, start);
    ASSERT_LT(slot, start + f);
    StreamWords words(scratch, scratch + 1);
    ASSERT_EQ(Pop(pushed, slot - start, f, words), x);
    ASSERT_EQ(words.next() - scratch, sink.next() - scratch);
  }
}

TEST(Rans, PopBitsUndoesPushBits) {
  Random random(3);
  for (int round = 0; round < 100000; ++round) {
    const std::uint64_t x = kLowerBound + random.Next() % (kUpperBound - kLowerBound);
    const int count = 1 + static_cast<int>(random.Below(16));
    const std::uint32_t bits = random.Below(1u << count);
    std::uint32_t scratch[2] = {};
    WordSink sink(scratch);
    const std::uint64_t pushed = PushBits(x, count, bits, sink);
    ASSERT_GE(pushed, kLowerBound);
    ASSERT_LT(pushed, kUpperBound);
    std::uint32_t popped = 0;
    StreamWords words(scratch, scratch + 1);
    ASSERT_EQ(PopBits(pushed, count, &popped, words), x);
    ASSERT_EQ(popped, bits);
  }
}

TEST(Rans, StreamHeadRoundTrip) {
  Random random(4);
  for (int lanes = 1; lanes <= kMaxLanes; ++lanes) {
    for (int round = 0; round < 2000; ++round) {
      std::vector<std::uint64_t> states;
      for (int lane = 0; lane < lanes; ++lane) {
        const int shift = static_cast<int>(random.Below(32));
        const std::uint64_t x =
            (kLowerBound << shift) | (random.Next() & ((kLowerBound << shift) - 1));
        states.push_back(round == 0 ? kLowerBound : round == 1 ? kUpperBound - 1 : x);
      }
      const std::vector<std::uint32_t> words = {7, 8, 0x80000001u};
      const std::vector<std::uint8_t> stream = WriteStream(states, words);
      const Result<StreamHead> head = ReadStream(stream, lanes);
      ASSERT_TRUE(head.ok()) << head.status().message();
      ASSERT_EQ(head->states, states);
      ASSERT_EQ(head->words.size() - StreamWords::kPadding - head->words_taken, words.size());
      for (std::size_t i = 0; i < words.size(); ++i) {
        ASSERT_EQ(head->words[head->words_taken + i], words[words.size() - 1 - i]);
      }
    }
  }
}

StatusCode HeadCode(std::vector<std::uint8_t> stream, int lanes) {
  const Result<StreamHead> head = ReadStream(stream, lanes);
  return head.ok() ? StatusCode::kOk : head.status().code();
}

TEST(Rans, StatesHaveOneSpelling) {
  EXPECT_EQ(HeadCode({0, 0, 0, 0, 0x80}, 1), StatusCode::kOk);           // 2^31
  EXPECT_EQ(HeadCode({1, 0, 0, 0, 0x80, 0}, 1), StatusCode::kCorrupt);   // with a zero on top
  EXPECT_EQ(HeadCode({1, 0, 0, 0, 0, 1}, 1), StatusCode::kOk);           // 2^32
  EXPECT_EQ(HeadCode({0, 0, 0, 0, 1, 9, 9, 9, 9}, 1), StatusCode::kOk);  // 2^24 and a word
  EXPECT_EQ(HeadCode({0, 0, 0, 0, 1}, 1), StatusCode::kTruncated);       // its word missing
  EXPECT_EQ(HeadCode({0, 0xFF, 0xFF, 0xFF, 0, 9, 9, 9, 9}, 1), StatusCode::kCorrupt);  // < 2^24
  EXPECT_EQ(HeadCode({0, 0, 0, 0, 0}, 1), StatusCode::kCorrupt);
  EXPECT_EQ(HeadCode({4, 0, 0, 0, 0x80}, 1), StatusCode::kCorrupt);  // bits of lane 1
  EXPECT_EQ(HeadCode({}, 1), StatusCode::kTruncated);
  EXPECT_EQ(HeadCode({0, 0, 0, 0}, 1), StatusCode::kTruncated);
  EXPECT_EQ(HeadCode({0, 0, 0, 0, 0x80, 1}, 1), StatusCode::kTruncated);  // a piece of a word
  EXPECT_EQ(HeadCode({0, 0, 0, 0, 0x80}, 2), StatusCode::kTruncated);
}

}  // namespace
}  // namespace halfmoon::rans
