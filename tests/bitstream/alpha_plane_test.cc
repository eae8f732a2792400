#include "bitstream/alpha_plane.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cstdlib>

#include "bitstream/metadata.h"

namespace halfmoon {
namespace {

using Bytes = std::vector<std::uint8_t>;

// A disc with a soft edge, samples of one or two bytes.
Bytes Disc(std::uint32_t width, std::uint32_t height, int sample_bytes) {
  Bytes samples;
  for (std::uint32_t y = 0; y < height; ++y) {
    for (std::uint32_t x = 0; x < width; ++x) {
      const int dx = static_cast<int>(2 * x) - static_cast<int>(width);
      const int dy = static_cast<int>(2 * y) - static_cast<int>(height);
      const int inside = static_cast<int>(width * height) - dx * dx - dy * dy;
      const int value = std::min(std::max(inside * 2, 0), 255);
      samples.push_back(static_cast<std::uint8_t>(value));
      if (sample_bytes == 2) samples.push_back(static_cast<std::uint8_t>(value * 7));
    }
  }
  return samples;
}

TEST(AlphaPlane, RoundTripOfAnySize) {
  for (const auto& [w, h] : {std::pair(1u, 1u), {1u, 300u}, {300u, 1u}, {7u, 5u}, {400u, 300u}}) {
    for (const int bytes : {1, 2}) {
      const Bytes samples = Disc(w, h, bytes);
      const Result<Bytes> payload = EncodeAlpha(samples, w, h, bytes);
      ASSERT_TRUE(payload.ok()) << payload.status().message();
      const Result<Bytes> back = DecodeAlpha(*payload, w, h, bytes);
      ASSERT_TRUE(back.ok()) << back.status().message();
      EXPECT_EQ(*back, samples) << w << "x" << h << "x" << bytes;
    }
  }
}

TEST(AlphaPlane, PlainAlphaIsNearlyFree) {
  EXPECT_LT(EncodeAlpha(Bytes(1 << 20, 0xFF), 1024, 1024, 1).value().size(), 160u);
}

TEST(AlphaPlane, EveryFilterIsUndone) {
  // Rows that say filters 0..4, of numbers that wrap around.
  const std::uint32_t width = 9;
  Bytes plane;
  for (std::uint8_t f = 0; f < 5; ++f) {
    plane.push_back(f);
    for (std::uint32_t x = 0; x < width; ++x)
      plane.push_back(static_cast<std::uint8_t>(37 * x + 91 * f));
  }
  const Bytes payload = CompressBlock(plane).value();
  const Result<Bytes> samples = DecodeAlpha(payload, width, 5, 1);
  ASSERT_TRUE(samples.ok()) << samples.status().message();
  // By the text of FORMAT.md, slowly.
  Bytes expected(5 * width);
  for (std::uint32_t y = 0; y < 5; ++y) {
    for (std::uint32_t x = 0; x < width; ++x) {
      const int l = x > 0 ? expected[y * width + x - 1] : 0;
      const int u = y > 0 ? expected[(y - 1) * width + x] : 0;
      const int c = x > 0 && y > 0 ? expected[(y - 1) * width + x - 1] : 0;
      int p = 0;
      if (y == 1) p = l;
      if (y == 2) p = u;
      if (y == 3) p = (l + u) / 2;
      if (y == 4) {
        p = l;
        for (const int q : {u, c}) {
          if (std::abs(l + u - c - q) < std::abs(l + u - c - p)) p = q;
        }
      }
      expected[y * width + x] = static_cast<std::uint8_t>(plane[y * (width + 1) + 1 + x] + p);
    }
  }
  EXPECT_EQ(*samples, expected);
}

TEST(AlphaPlane, DamageIsAnError) {
  const Bytes payload = EncodeAlpha(Disc(40, 30, 1), 40, 30, 1).value();
  for (std::size_t size = 0; size < payload.size(); ++size) {
    EXPECT_FALSE(DecodeAlpha(std::span(payload).first(size), 40, 30, 1).ok()) << size;
  }
  EXPECT_EQ(DecodeAlpha(payload, 40, 31, 1).status().code(), StatusCode::kCorrupt);
  EXPECT_EQ(DecodeAlpha(payload, 40, 29, 1).status().code(), StatusCode::kCorrupt);
  EXPECT_EQ(DecodeAlpha(payload, 40, 30, 2).status().code(), StatusCode::kCorrupt);
  const Bytes bad_filter = CompressBlock(Bytes{5, 0}).value();
  EXPECT_EQ(DecodeAlpha(bad_filter, 1, 1, 1).status().code(), StatusCode::kCorrupt);
  EXPECT_EQ(DecodeAlpha(payload, 0xFFFFFFFF, 0xFFFFFFFF, 2).status().code(), StatusCode::kCorrupt);
}

TEST(AlphaPlane, WrongArgumentsAreRefused) {
  EXPECT_EQ(EncodeAlpha(Bytes(5), 2, 3, 1).status().code(), StatusCode::kInvalidArgument);
  EXPECT_EQ(EncodeAlpha(Bytes(6), 2, 3, 3).status().code(), StatusCode::kInvalidArgument);
  EXPECT_EQ(EncodeAlpha({}, 0, 3, 1).status().code(), StatusCode::kInvalidArgument);
  EXPECT_EQ(DecodeAlpha({}, 2, 3, 0).status().code(), StatusCode::kInvalidArgument);
}

}  // namespace
}  // namespace halfmoon
