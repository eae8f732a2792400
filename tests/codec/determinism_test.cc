// One file, one picture; one picture, one file: whatever the threads, the instruction set or the
// run.
#include <gtest/gtest.h>

#include <cstdlib>

#include "models/runtime/layers/int_kernels.h"
#include "tests/codec/test_pictures.h"

namespace halfmoon {
namespace {

using namespace halfmoon::testing;  // NOLINT: helpers of this folder

class DeterminismTest : public ::testing::Test {
 protected:
  ~DeterminismTest() override { unsetenv("HALFMOON_ISA"); }
};

TEST_F(DeterminismTest, TwiceTheSameBytes) {
  const Image image = MakePicture(200, 150, 3, Kind::kScene);
  std::vector<std::uint8_t> first;
  for (int run = 0; run < 2; ++run) {
    auto encoder = Encoder::Create(TinyEncode(60));
    ASSERT_TRUE(encoder.ok());
    for (int again = 0; again < 2; ++again) {
      const auto file = encoder->Encode(image.view());
      ASSERT_TRUE(file.ok());
      if (first.empty()) first = *file;
      EXPECT_EQ(*file, first);
    }
  }
}

TEST_F(DeterminismTest, PixelsDoNotDependOnThreadsOrIsa) {
  const Image image = MakePicture(300, 200, 3, Kind::kScene);
  auto encoder = Encoder::Create(TinyEncode(70));
  ASSERT_TRUE(encoder.ok());
  const auto file = encoder->Encode(image.view());
  ASSERT_TRUE(file.ok());
  std::uint64_t hash = 0;
  Image reference;
  for (const runtime::Isa isa : runtime::SupportedIsas()) {
    setenv("HALFMOON_ISA", std::string(runtime::IsaName(isa)).c_str(), 1);
    for (const int threads : {1, 2, 3}) {
      auto decoder = Decoder::Create(TinyDecode(threads));
      ASSERT_TRUE(decoder.ok());
      DecodeStats stats;
      auto decoded = decoder->Decode(*file, &stats);
      ASSERT_TRUE(decoded.ok()) << decoded.status().message();
      if (reference.empty()) {
        hash = stats.symbol_hash;
        reference = std::move(*decoded);
        EXPECT_NE(hash, 0u);
        continue;
      }
      EXPECT_EQ(stats.symbol_hash, hash) << runtime::IsaName(isa) << ", threads " << threads;
      EXPECT_EQ(MaxDifference(reference, *decoded), 0)
          << runtime::IsaName(isa) << ", threads " << threads;
    }
  }
}

TEST_F(DeterminismTest, EncodingOnOneIsaDecodesOnAll) {
  const Image image = MakePicture(130, 70, 3, Kind::kScene);
  for (const runtime::Isa isa : runtime::SupportedIsas()) {
    setenv("HALFMOON_ISA", std::string(runtime::IsaName(isa)).c_str(), 1);
    auto encoder = Encoder::Create(TinyEncode(70));
    ASSERT_TRUE(encoder.ok());
    const auto file = encoder->Encode(image.view());
    ASSERT_TRUE(file.ok());
    for (const runtime::Isa other : runtime::SupportedIsas()) {
      setenv("HALFMOON_ISA", std::string(runtime::IsaName(other)).c_str(), 1);
      auto decoder = Decoder::Create(TinyDecode());
      ASSERT_TRUE(decoder.ok());
      EXPECT_TRUE(decoder->Verify(*file).ok())
          << runtime::IsaName(isa) << " to " << runtime::IsaName(other);
    }
  }
}

TEST_F(DeterminismTest, AnUnknownIsaIsAnError) {
  setenv("HALFMOON_ISA", "abacus", 1);
  const auto encoder = Encoder::Create(TinyEncode());
  ASSERT_FALSE(encoder.ok());
  EXPECT_EQ(encoder.status().code(), StatusCode::kInvalidArgument);
  EXPECT_NE(encoder.status().message().find("abacus"), std::string::npos);
}

}  // namespace
}  // namespace halfmoon
