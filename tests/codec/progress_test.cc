// How far an encode or a decode is: reports rise to 1, one at a time, in every way to work.
#include "codec/common/progress.h"

#include <gtest/gtest.h>

#include <atomic>
#include <functional>
#include <thread>
#include <utility>
#include <vector>

#include "tests/codec/test_pictures.h"

namespace halfmoon {
namespace {

using namespace halfmoon::testing;  // NOLINT: helpers of this folder

// Collects reports and sees that none overlap.
class Reports {
 public:
  std::function<void(double)> callback() {
    return [this](double share) {
      EXPECT_FALSE(busy_.exchange(true));
      shares_.push_back(share);
      busy_ = false;
    };
  }
  // What came since the last call.
  std::vector<double> Take() { return std::exchange(shares_, {}); }

 private:
  std::atomic<bool> busy_{false};
  std::vector<double> shares_;
};

void ExpectRisesToOne(const std::vector<double>& shares, std::size_t at_least) {
  ASSERT_GE(shares.size(), at_least);
  EXPECT_GT(shares.front(), 0);
  for (std::size_t i = 1; i < shares.size(); ++i) EXPECT_LT(shares[i - 1], shares[i]);
  EXPECT_EQ(shares.back(), 1);
}

TEST(Progress, AddsUpWhatThreadsDo) {
  Reports reports;
  Progress progress(reports.callback());
  for (int round = 0; round < 2; ++round) {
    progress.Start(400);
    std::vector<std::thread> threads;
    for (int t = 0; t < 4; ++t) {
      threads.emplace_back([&] {
        for (int i = 0; i < 50; ++i) progress.Add(1);
      });
    }
    for (std::thread& t : threads) t.join();
    progress.Add(1000);  // more than was estimated
    EXPECT_LT(reports.Take().back(), 1);
    progress.Finish();
    progress.Finish();
    EXPECT_EQ(reports.Take(), std::vector<double>{1});
  }
}

TEST(Progress, OfEncodes) {
  const Image image = MakeKind({700, 400, 4, 8});
  for (const int effort : {1, 2, 3, 4}) {
    for (const int tile_size : {0, 128}) {
      Reports reports;
      EncodeOptions options = TinyEncode();
      options.effort = effort;
      options.tile_size = tile_size;
      options.threads = 3;
      options.progress = reports.callback();
      auto encoder = Encoder::Create(options);
      ASSERT_TRUE(encoder.ok());
      for (int round = 0; round < 2; ++round) {
        ASSERT_TRUE(encoder->Encode(image.view()).ok());
        ExpectRisesToOne(reports.Take(), tile_size == 0 ? 2 : 10);
      }
    }
  }
}

TEST(Progress, OfDecodesAndChecks) {
  EncodeOptions encode = TinyEncode();
  encode.tile_size = 128;
  const auto file = Encoder::Create(encode)->Encode(MakeKind({700, 400, 4, 8}).view());
  ASSERT_TRUE(file.ok());
  Reports reports;
  DecodeOptions options = TinyDecode();
  options.threads = 3;
  options.progress = reports.callback();
  auto decoder = Decoder::Create(options);
  ASSERT_TRUE(decoder.ok());
  ASSERT_TRUE(decoder->Decode(*file).ok());
  ExpectRisesToOne(reports.Take(), 10);
  ASSERT_TRUE(decoder->DecodeRegion(*file, {300, 130, 10, 200}).ok());
  ExpectRisesToOne(reports.Take(), 3);
  ASSERT_TRUE(decoder->Verify(*file).ok());
  ExpectRisesToOne(reports.Take(), 10);
}

}  // namespace
}  // namespace halfmoon
