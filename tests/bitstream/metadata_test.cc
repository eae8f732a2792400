#include "bitstream/metadata.h"

#include <gtest/gtest.h>

namespace halfmoon {
namespace {

using Bytes = std::vector<std::uint8_t>;

Bytes Text(std::size_t size) {
  Bytes bytes(size);
  for (std::size_t i = 0; i < size; ++i) bytes[i] = static_cast<std::uint8_t>("halfmoon"[i % 8]);
  return bytes;
}

TEST(Metadata, RoundTrip) {
  for (const std::size_t size : {0u, 1u, 127u, 128u, 100000u}) {
    const Result<Bytes> block = CompressMetadata(Text(size));
    ASSERT_TRUE(block.ok()) << block.status().message();
    const Result<Bytes> raw = DecompressMetadata(*block);
    ASSERT_TRUE(raw.ok()) << raw.status().message();
    EXPECT_EQ(*raw, Text(size));
  }
  EXPECT_LT(CompressMetadata(Text(100000)).value().size(), 200u);
  EXPECT_EQ(DecompressBlock(CompressBlock(Text(5000), 1).value(), 5000).value(), Text(5000));
}

TEST(Metadata, LimitHoldsInBothDirections) {
  Limits limits;
  limits.max_metadata_bytes = 99;
  EXPECT_EQ(CompressMetadata(Text(100), limits).status().code(), StatusCode::kLimitExceeded);
  const Bytes block = CompressMetadata(Text(100)).value();
  EXPECT_EQ(DecompressMetadata(block, limits).status().code(), StatusCode::kLimitExceeded);
  limits.max_metadata_bytes = 100;
  EXPECT_TRUE(DecompressMetadata(block, limits).ok());
}

TEST(Metadata, HugeDeclaredSizeTakesNoMemory) {
  // 4 GiB - 1 declared, eleven bytes there.
  const Bytes block = {0xFF, 0xFF, 0xFF, 0xFF, 0x0F, 0x28, 0xB5, 0x2F, 0xFD, 0, 0};
  EXPECT_EQ(DecompressMetadata(block).status().code(), StatusCode::kLimitExceeded);
  EXPECT_EQ(DecompressBlock(block, 0xFFFFFFFFu).status().code(), StatusCode::kCorrupt);
}

TEST(Metadata, DamageIsAnError) {
  const Bytes raw = Text(1000);
  const Bytes block = CompressMetadata(raw).value();
  for (std::size_t size = 0; size < block.size(); ++size) {
    EXPECT_FALSE(DecompressMetadata(std::span(block).first(size)).ok()) << size;
  }
  for (std::size_t bit = 0; bit < 8 * block.size(); ++bit) {
    Bytes damaged = block;
    damaged[bit / 8] = static_cast<std::uint8_t>(damaged[bit / 8] ^ (1u << (bit % 8)));
    const Result<Bytes> result = DecompressMetadata(damaged);  // may succeed: no checksum here
    if (result.ok()) {
      EXPECT_EQ(result->size(), raw.size());
    }
  }
  Bytes longer = block;
  longer.push_back(0);
  EXPECT_EQ(DecompressMetadata(longer).status().code(), StatusCode::kCorrupt);
}

TEST(Metadata, OnlyOneZstdFrameIsLegal) {
  const Bytes block = CompressMetadata(Text(10)).value();
  Bytes twice = block;
  twice[0] = 20;
  twice.insert(twice.end(), block.begin() + 1, block.end());
  EXPECT_EQ(DecompressMetadata(twice).status().code(), StatusCode::kCorrupt);
  Bytes skippable = {10, 0x50, 0x2A, 0x4D, 0x18, 0, 0, 0, 0};
  skippable.insert(skippable.end(), block.begin() + 1, block.end());
  EXPECT_EQ(DecompressMetadata(skippable).status().code(), StatusCode::kCorrupt);
}

TEST(Metadata, IllegalLevels) {
  EXPECT_EQ(CompressBlock(Text(10), 0).status().code(), StatusCode::kInvalidArgument);
  EXPECT_EQ(CompressBlock(Text(10), 20).status().code(), StatusCode::kInvalidArgument);
}

}  // namespace
}  // namespace halfmoon
