// What is left of damaged files: intact tiles are decoded, lost ones named, nothing crashes.
#include <gtest/gtest.h>

#include "bitstream/container.h"
#include "tests/codec/test_pictures.h"

namespace halfmoon {
namespace {

using namespace halfmoon::testing;  // NOLINT: helpers of this folder
using Bytes = std::vector<std::uint8_t>;

class PartialTest : public ::testing::Test {
 protected:
  PartialTest() {
    EncodeOptions options = TinyEncode(40);
    options.tile_size = 64;
    image_ = MakeKind({250, 190, 4, 8});
    Metadata metadata;
    metadata.xmp = {'<', 'x', '/', '>'};
    image_.set_metadata(metadata);
    auto encoder = Encoder::Create(options);
    if (encoder.ok()) file_ = *encoder->Encode(image_.view());
    DecodeOptions decode = TinyDecode();
    strict_ = std::make_unique<Decoder>(*Decoder::Create(decode));
    decode.allow_partial = true;
    partial_ = std::make_unique<Decoder>(*Decoder::Create(decode));
    whole_ = *strict_->Decode(file_);
  }

  // Where the payload of the k-th chunk of a type begins.
  std::size_t PayloadOf(ChunkType type, std::size_t k) const {
    const auto parsed = Parse(file_);
    for (const Chunk& c : parsed->chunks) {
      if (c.type == type && k-- == 0) return static_cast<std::size_t>(c.payload.data() - file_.data());
    }
    return 0;
  }

  Image image_, whole_;
  Bytes file_;
  std::unique_ptr<Decoder> strict_, partial_;
};

TEST_F(PartialTest, AGoodFileIsDecodedAsEver) {
  DecodeStats stats;
  const auto image = partial_->Decode(file_, &stats);
  ASSERT_TRUE(image.ok());
  EXPECT_FALSE(stats.damaged());
  EXPECT_EQ(MaxDifference(*image, whole_), 0);
}

TEST_F(PartialTest, ALostTileIsGreyAndNamed) {
  Bytes damaged = file_;
  damaged[PayloadOf(kChunkLatents, 5) + 6] ^= 0x10;
  EXPECT_EQ(strict_->Decode(damaged).status().code(), StatusCode::kChecksumMismatch);
  DecodeStats stats;
  const auto image = partial_->Decode(damaged, &stats);
  ASSERT_TRUE(image.ok()) << image.status().message();
  EXPECT_EQ(stats.lost_tiles, (std::vector<std::uint32_t>{5}));
  EXPECT_TRUE(stats.lost_chunks.empty());
  // Tile 5 is the second of the second row: x 64..127, y 64..127.
  for (std::uint32_t y = 0; y < 190; ++y) {
    for (std::uint32_t x = 0; x < 250; ++x) {
      const bool lost = x >= 64 && x < 128 && y >= 64 && y < 128;
      const bool far = x >= 160 || y >= 160 || x < 32 || y < 32;  // beyond the halo of 32
      for (std::uint32_t c = 0; c < 3; ++c) {
        if (lost) {
          ASSERT_EQ(image->row(y)[4 * x + c], 0x80);
        }
        if (far) {
          ASSERT_LE(std::abs(int{image->row(y)[4 * x + c]} - int{whole_.row(y)[4 * x + c]}), 1);
        }
      }
      ASSERT_EQ(image->row(y)[4 * x + 3], whole_.row(y)[4 * x + 3]);
    }
  }
}

TEST_F(PartialTest, LostAlphaIsOpaque) {
  Bytes damaged = file_;
  damaged[PayloadOf(kChunkAlpha, 0) + 3] ^= 0x10;
  DecodeStats stats;
  const auto image = partial_->Decode(damaged, &stats);
  ASSERT_TRUE(image.ok()) << image.status().message();
  EXPECT_EQ(stats.lost_tiles, (std::vector<std::uint32_t>{0}));
  EXPECT_EQ(image->row(3)[4 * 3 + 3], 255);
  EXPECT_EQ(image->row(3)[4 * 3], whole_.row(3)[4 * 3]);
}

TEST_F(PartialTest, LostMetadataIsNamed) {
  Bytes damaged = file_;
  damaged[PayloadOf(kChunkXmp, 0) + 2] ^= 0x10;
  DecodeStats stats;
  const auto image = partial_->Decode(damaged, &stats);
  ASSERT_TRUE(image.ok()) << image.status().message();
  EXPECT_TRUE(stats.lost_tiles.empty());
  EXPECT_EQ(stats.lost_chunks.size(), 1u);
  EXPECT_TRUE(image->metadata().xmp.empty());
}

TEST_F(PartialTest, EveryTruncationGivesAPictureOrAnError) {
  for (std::size_t size = 0; size < file_.size(); size += 7) {
    DecodeStats stats;
    const auto image = partial_->Decode(std::span(file_).first(size), &stats);
    EXPECT_EQ(image.ok(), size >= kHeaderBytes) << size;
    if (image.ok()) {
      EXPECT_TRUE(stats.damaged()) << size;
    }
  }
}

// The headers of chunks and the file are sealed anew, so that the damage reaches the decoders.
TEST(RandomEdits, NeverCrashHangOrBlameUs) {
  EncodeOptions options = TinyEncode(30);
  options.tile_size = 64;
  Bytes file = *Encoder::Create(options)->Encode(MakeKind({70, 64, 2, 8}).view());
  const auto parsed = Parse(file);
  ASSERT_TRUE(parsed.ok());
  DecodeOptions decode = TinyDecode();
  decode.limits.max_pixels = 1 << 16;
  decode.max_memory = std::uint64_t{1} << 30;
  Decoder strict = *Decoder::Create(decode);
  decode.allow_partial = true;
  Decoder partial = *Decoder::Create(decode);
  std::uint32_t random = 2024;
  const auto next = [&random] { return (random = random * 1664525u + 1013904223u) >> 8; };
  std::size_t refused = 0;
  for (int round = 0; round < 10000; ++round) {
    std::vector<Bytes> payloads;
    std::vector<Chunk> chunks;
    for (const Chunk& c : parsed->chunks) payloads.emplace_back(c.payload.begin(), c.payload.end());
    Header header = parsed->header;
    for (std::uint32_t edit = 0; edit < 1 + next() % 4; ++edit) {
      Bytes& payload = payloads[next() % payloads.size()];
      switch (next() % 5) {
        case 0: payload.resize(next() % (payload.size() + 8)); break;
        case 1: header.quality = static_cast<std::uint16_t>(next() % (kMaxQuality + 1)); break;
        case 2: header.width = 65 + next() % 64; break;
        default:
          if (!payload.empty()) payload[next() % payload.size()] = static_cast<std::uint8_t>(next());
      }
    }
    for (std::size_t i = 0; i < payloads.size(); ++i) chunks.push_back({parsed->chunks[i].type, payloads[i]});
    const auto edited = Write(header, chunks);
    ASSERT_TRUE(edited.ok()) << edited.status().message();
    // Symbols of all, pixels of some: synthesis is the slow part.
    const Status status = round % 50 == 0 ? strict.Decode(*edited).status() : strict.Verify(*edited);
    refused += status.ok() ? 0 : 1;
    ASSERT_NE(status.code(), StatusCode::kInternal) << status.message();
    if (round % 50 == 1) {
      const auto image = partial.Decode(*edited);
      ASSERT_TRUE(image.ok()) << image.status().message();
    }
  }
  EXPECT_GT(refused, 5000u);
}

}  // namespace
}  // namespace halfmoon
