// What is left of damaged files: intact tiles are decoded, lost ones named, nothing crashes.
#include <gtest/gtest.h>

#include "bitstream/container.h"
#include "tests/codec/random_edits.h"
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
      if (c.type == type && k-- == 0)
        return static_cast<std::size_t>(c.payload.data() - file_.data());
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

TEST(RandomEditsOf, ATiledFileNeverCrashHangOrBlameUs) {
  EncodeOptions options = TinyEncode(30);
  options.tile_size = 64;
  const Bytes file = *Encoder::Create(options)->Encode(MakeKind({70, 64, 2, 8}).view());
  EXPECT_GT(DecodeEdited(file, TinyDecode(), {}), 5000u);
}

}  // namespace
}  // namespace halfmoon
