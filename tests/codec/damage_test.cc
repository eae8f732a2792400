// Damaged files: a clean error each time, never a picture, a crash or our own bug's code.
#include <gtest/gtest.h>

#include "bitstream/container.h"
#include "tests/codec/test_pictures.h"

namespace halfmoon {
namespace {

using namespace halfmoon::testing;  // NOLINT: helpers of this folder

class DamageTest : public ::testing::Test {
 protected:
  DamageTest() {
    auto encoder = Encoder::Create(TinyEncode(40));
    if (encoder.ok()) {
      file_ = *encoder->Encode(MakePicture(100, 60, 3, Kind::kScene).view());
    }
    auto decoder = Decoder::Create(TinyDecode());
    if (decoder.ok()) decoder_ = std::make_unique<Decoder>(std::move(*decoder));
  }
  void SetUp() override {
    ASSERT_FALSE(file_.empty());
    ASSERT_NE(decoder_, nullptr);
    ASSERT_TRUE(decoder_->Decode(file_).ok());
  }
  std::vector<std::uint8_t> file_;
  std::unique_ptr<Decoder> decoder_;
};

TEST_F(DamageTest, EveryTruncation) {
  for (std::size_t n = 0; n < file_.size(); ++n) {
    const auto r = decoder_->Decode(std::span(file_).first(n));
    ASSERT_FALSE(r.ok()) << n;
    EXPECT_NE(r.status().code(), StatusCode::kInternal) << n << ": " << r.status().message();
    EXPECT_FALSE(decoder_->Verify(std::span(file_).first(n)).ok()) << n;
  }
}

TEST_F(DamageTest, EverySingleByteFlip) {
  for (std::size_t i = 0; i < file_.size(); ++i) {
    for (const int flip : {0x01, 0x80, 0xFF}) {
      std::vector<std::uint8_t> damaged = file_;
      damaged[i] = static_cast<std::uint8_t>(damaged[i] ^ flip);
      const auto r = decoder_->Decode(damaged);
      ASSERT_FALSE(r.ok()) << "byte " << i << " ^ " << flip;
      EXPECT_NE(r.status().code(), StatusCode::kInternal) << i << ": " << r.status().message();
      EXPECT_FALSE(r.status().message().empty());
    }
  }
}

TEST_F(DamageTest, TrailingBytes) {
  std::vector<std::uint8_t> longer = file_;
  longer.push_back(0);
  EXPECT_FALSE(decoder_->Decode(longer).ok());
}

// Damage that the checksums can't see, because they were made anew: the entropy decoder's own
// checks must hold. A flip may decode to another picture; it may not crash.
TEST_F(DamageTest, LatentsWithNewChecksums) {
  const auto parsed = Parse(file_);
  ASSERT_TRUE(parsed.ok());
  const std::vector<std::uint8_t> latents(parsed->Latents()[0].begin(), parsed->Latents()[0].end());
  std::size_t refused = 0;
  for (std::size_t i = 0; i < latents.size(); ++i) {
    std::vector<std::uint8_t> damaged = latents;
    damaged[i] = static_cast<std::uint8_t>(damaged[i] ^ 0x55);
    const Chunk chunk{kChunkLatents, damaged};
    const auto file = Write(parsed->header, std::span(&chunk, 1));
    ASSERT_TRUE(file.ok());
    const Status status = decoder_->Verify(*file);
    if (!status.ok()) {
      ++refused;
      EXPECT_TRUE(status.code() == StatusCode::kCorrupt || status.code() == StatusCode::kTruncated)
          << status.message();
    }
  }
  EXPECT_GT(refused, latents.size() / 2);  // the end-of-stream check finds nearly all
}

TEST_F(DamageTest, OtherModels) {
  const auto parsed = Parse(file_);
  ASSERT_TRUE(parsed.ok());
  Header header = parsed->header;
  header.model_id = 4242;
  auto file = Write(header, parsed->chunks);
  ASSERT_TRUE(file.ok());
  // The hash alone says which weights decode; the number is for people.
  EXPECT_TRUE(decoder_->Verify(*file).ok());
  header.model_hash[0] ^= 1;
  file = Write(header, parsed->chunks);
  ASSERT_TRUE(file.ok());
  Status status = decoder_->Verify(*file);
  EXPECT_EQ(status.code(), StatusCode::kModelMissing);
  EXPECT_NE(status.message().find("4242"), std::string::npos) << status.message();

  header = parsed->header;
  header.model_hash[0] ^= 1;
  file = Write(header, parsed->chunks);
  ASSERT_TRUE(file.ok());
  status = decoder_->Verify(*file);
  EXPECT_EQ(status.code(), StatusCode::kModelMismatch) << status.message();
}

TEST_F(DamageTest, LimitsComeBeforeMemory) {
  DecodeOptions o = TinyDecode();
  o.limits.max_pixels = 5999;
  auto decoder = Decoder::Create(o);
  ASSERT_TRUE(decoder.ok());
  EXPECT_EQ(decoder->Decode(file_).status().code(), StatusCode::kLimitExceeded);
  Header huge = Parse(file_)->header;
  huge.width = huge.height = 65535;
  const auto parsed = Parse(file_);
  Limits any;
  any.max_pixels = ~std::uint64_t{0};
  const auto file = Write(huge, parsed->chunks, any);
  ASSERT_TRUE(file.ok());
  EXPECT_EQ(decoder_->Decode(*file).status().code(), StatusCode::kLimitExceeded);
}

}  // namespace
}  // namespace halfmoon
