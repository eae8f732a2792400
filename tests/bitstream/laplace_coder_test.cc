#include "bitstream/laplace_coder.h"

#include <gtest/gtest.h>

#include <cmath>
#include <random>

namespace halfmoon {
namespace {

double ScaleOf(int index) {
  return std::exp(index / static_cast<double>(laplace::kScalesPerE) - 4.6);
}

// The share of a Laplace distribution below x.
double Below(double x, double b) {
  return x < 0 ? 0.5 * std::exp(x / b) : 1 - 0.5 * std::exp(-x / b);
}

TEST(LaplaceCoderTest, SlotsTileTheRangeAndFindIsTheirInverse) {
  for (int scale = 0; scale < laplace::kScales; ++scale) {
    for (std::int32_t mean : {0, 1, 63, 64, 65, -64, -65, 12345, -700000, laplace::kMaxMean}) {
      const laplace::Distribution d(scale, mean);
      std::uint32_t next = 0;
      for (std::int32_t s = d.first() - 1; s <= d.last() + 1; ++s) {
        const laplace::Interval slots = d.Slots(s);
        ASSERT_EQ(slots.start, next) << scale << " " << mean << " " << s;
        ASSERT_GE(slots.frequency, 1u);
        for (std::uint32_t slot :
             {slots.start, slots.start + slots.frequency / 2, slots.start + slots.frequency - 1}) {
          laplace::Interval found;
          ASSERT_EQ(d.Find(slot, &found), s) << scale << " " << mean << " " << slot;
          ASSERT_EQ(found.start, slots.start);
          ASSERT_EQ(found.frequency, slots.frequency);
        }
        next = slots.start + slots.frequency;
      }
      ASSERT_EQ(next, rans::kProbabilityTotal);
    }
  }
}

// Against the formula in double precision: what coding by these slots costs beyond the entropy.
TEST(LaplaceCoderTest, ProbabilitiesAreThoseOfALaplaceDistribution) {
  for (int scale = 0; scale < laplace::kScales; scale += 5) {
    const double b = ScaleOf(scale);
    if (b > 100) continue;  // the window ends before the tail does
    for (std::int32_t mean : {0, 20, 64, -33}) {
      const laplace::Distribution d(scale, mean);
      double entropy = 0, cost = 0;
      for (std::int32_t s = d.first(); s <= d.last(); ++s) {
        const double m = mean / static_cast<double>(laplace::kUnit);
        const double p = Below(s + 0.5 - m, b) - Below(s - 0.5 - m, b);
        if (p <= 0) continue;
        entropy -= p * std::log2(p);
        cost += p * (16 - std::log2(static_cast<double>(d.Slots(s).frequency)));
      }
      EXPECT_LT(cost, entropy * 1.001 + 0.002 + (2 * b * 10 + 7) / 65536 * 1.5)
          << scale << " " << mean;
      EXPECT_GT(cost, entropy * 0.998 - 0.001) << scale << " " << mean;
    }
  }
}

struct Sample {
  int scale;
  std::int32_t mean, symbol;
};

std::vector<Sample> Samples(std::size_t count, std::uint32_t seed) {
  std::mt19937 random(seed);
  std::vector<Sample> samples;
  for (std::size_t i = 0; i < count; ++i) {
    Sample s;
    s.scale = static_cast<int>(random() % laplace::kScales);
    s.mean = static_cast<std::int32_t>(random() % 40000) - 20000;
    const double u = (static_cast<double>(random()) + 0.5) / 4294967296.0 - 0.5;
    const double x =
        s.mean / 128.0 - ScaleOf(s.scale) * (u < 0 ? -1 : 1) * std::log(1 - 2 * std::abs(u));
    s.symbol = static_cast<std::int32_t>(std::lround(x));
    if (random() % 500 == 0)
      s.symbol = random() % 2 == 0 ? laplace::kMaxSymbol : -laplace::kMaxSymbol;
    samples.push_back(s);
  }
  return samples;
}

TEST(LaplaceCoderTest, RoundTripWithEscapes) {
  for (std::size_t count : {std::size_t{0}, std::size_t{1}, std::size_t{7}, std::size_t{20000}}) {
    const auto samples = Samples(count, 3);
    LaplaceEncoder encoder;
    for (const Sample& s : samples) encoder.Append(s.scale, s.mean, s.symbol);
    const double bits = static_cast<double>(encoder.CostQ16()) / 65536;
    const auto stream = encoder.Finish();
    ASSERT_TRUE(stream.ok());
    EXPECT_NEAR(static_cast<double>(stream->size()) * 8, bits, bits * 0.001 + 64);
    auto decoder = LaplaceDecoder::Create(*stream, count);
    ASSERT_TRUE(decoder.ok()) << decoder.status().message();
    for (const Sample& s : samples) {
      const auto symbol = decoder->Decode(s.scale, s.mean);
      ASSERT_TRUE(symbol.has_value()) << decoder->status().message();
      ASSERT_EQ(*symbol, s.symbol);
    }
    EXPECT_TRUE(decoder->Finish().ok());
  }
}

TEST(LaplaceCoderTest, DamageIsNoticedOrDecodedWithinBounds) {
  const auto samples = Samples(300, 5);
  LaplaceEncoder encoder;
  for (const Sample& s : samples) encoder.Append(s.scale, s.mean, s.symbol);
  const std::vector<std::uint8_t> stream = *encoder.Finish();
  const auto decode = [&](std::span<const std::uint8_t> bytes) -> Status {
    auto decoder = LaplaceDecoder::Create(bytes, samples.size());
    if (!decoder.ok()) return decoder.status();
    for (const Sample& s : samples) {
      const auto symbol = decoder->Decode(s.scale, s.mean);
      if (!symbol.has_value()) return decoder->status();
      EXPECT_LE(std::abs(*symbol), laplace::kMaxSymbol + 1);
    }
    return decoder->Finish();
  };
  ASSERT_TRUE(decode(stream).ok());
  for (std::size_t size = 0; size < stream.size(); ++size)
    EXPECT_FALSE(decode(std::span(stream).first(size)).ok()) << size;
  for (std::size_t i = 0; i < stream.size(); ++i) {
    std::vector<std::uint8_t> changed = stream;
    changed[i] ^= 0x40;
    (void)decode(changed);  // no checksum: it may pass, but must not crash
  }
  std::vector<std::uint8_t> more = stream;
  more.push_back(0);
  EXPECT_FALSE(decode(more).ok());
}

}  // namespace
}  // namespace halfmoon
