#include "models/overfitted/network_coder.h"

#include <gtest/gtest.h>

#include <random>

#include "models/overfitted/integer_decoder.h"
#include "tests/overfitted/random_networks.h"

namespace halfmoon::overfitted {
namespace {

using namespace halfmoon::testing;  // NOLINT: helpers of this folder

TEST(NetworkCoderTest, NetworksComeBack) {
  IntegerNetworks networks = RandomNetworks(1);
  networks.of(kLinearWeight)[0] = kMaxParameter;  // far from all others
  networks.of(kFilterBias1)[0] = -kMaxParameter;
  const auto bytes = WriteNetworks(networks);
  ASSERT_TRUE(bytes.ok());
  const auto back = ReadNetworks(*bytes);
  ASSERT_TRUE(back.ok()) << back.status().message();
  EXPECT_EQ(*back, networks);
  // As many bits as the cost of its tensors says, and the head.
  double bits = 0;
  for (std::size_t t = 0; t < kTensorCount; ++t)
    bits += CostOf(networks.of(static_cast<TensorId>(t))).bits;
  EXPECT_NEAR(8 * static_cast<double>(bytes->size()), bits + 8 * 25, 100);
}

TEST(NetworkCoderTest, CoarserStepsCostLess) {
  const IntegerNetworks fine = RandomNetworks(1);
  Networks floats;
  fine.AddTo(&floats);
  IntegerNetworks coarse = fine;
  coarse.Round(floats, kEntropyWeight1, fine.shift(kEntropyWeight1) - 3);
  const double saved =
      CostOf(fine.of(kEntropyWeight1)).bits - CostOf(coarse.of(kEntropyWeight1)).bits;
  EXPECT_NEAR(saved, 3 * 400, 40);  // three bits a number
}

TEST(NetworkCoderTest, EveryTruncationIsRefused) {
  const auto bytes = WriteNetworks(RandomNetworks(2));
  for (std::size_t size = 0; size < bytes->size(); ++size) {
    const auto cut = ReadNetworks(std::span(*bytes).first(size));
    ASSERT_FALSE(cut.ok()) << size;
    EXPECT_FALSE(cut.status().message().empty());
  }
}

// What is read may be run: sums stay within 32 bits whatever the bytes were.
TEST(NetworkCoderTest, RandomEditsAreRefusedOrHarmless) {
  const auto bytes = WriteNetworks(RandomNetworks(3));
  const LatentGrids grids = RandomGrids(64, 64, 1);
  std::mt19937 random(4);
  int read = 0;
  for (int i = 0; i < 2000; ++i) {
    std::vector<std::uint8_t> edited = *bytes;
    const std::size_t reach = i % 2 == 0 ? 25 : edited.size();  // the head alone, or anywhere
    for (int k = 0; k < 2; ++k) edited[random() % reach] = static_cast<std::uint8_t>(random());
    const auto networks = ReadNetworks(edited);
    if (!networks.ok()) continue;
    ++read;
    const auto decoder = IntegerDecoder::Create(*networks, runtime::BestIsa());
    ASSERT_TRUE(decoder.ok());
    decoder->Synthesise(grids, Threads(1));
    ASSERT_TRUE(decoder->Encode(grids, nullptr).ok());
  }
  EXPECT_GT(read, 20);  // shifts that differ are legal, as far as they go
}

TEST(IntegerNetworksTest, SumsThatCouldLeave32BitsAreRefused) {
  IntegerNetworks networks = RandomNetworks(5);
  ASSERT_TRUE(networks.Check().ok());
  // 48 inputs of at most 2^15: weights of 1365 leave 32 bits, of 1364 do not.
  for (auto& w : networks.of(kSynthesisWeight2)) w = 1364;
  for (auto& b : networks.of(kSynthesisBias2)) b = 0;
  EXPECT_TRUE(networks.Check().ok());
  for (auto& w : networks.of(kSynthesisWeight2)) w = 1366;
  const Status refused = networks.Check();
  EXPECT_EQ(refused.code(), StatusCode::kCorrupt);
  EXPECT_NE(refused.message().find("synthesis.2.weight"), std::string::npos);
}

TEST(IntegerNetworksTest, StepsThatALayerCannotHaveAreRefused) {
  IntegerNetworks coarse = RandomNetworks(5);
  coarse.set_shift(kLinearWeight, 6);  // 6 + 6 fraction bits, 13 are handed on
  EXPECT_EQ(coarse.Check().code(), StatusCode::kCorrupt);
  IntegerNetworks fine = RandomNetworks(5);
  fine.set_shift(kEntropyWeight1, 4);
  fine.set_shift(kEntropyBias1, 11);
  const Status refused = fine.Check();
  EXPECT_EQ(refused.code(), StatusCode::kCorrupt);
  EXPECT_NE(refused.message().find("entropy.1.bias"), std::string::npos);
}

}  // namespace
}  // namespace halfmoon::overfitted
