#include "codec/tiling/work_plan.h"

#include <gtest/gtest.h>

namespace halfmoon {
namespace {

// Numbers of the default model.
WorkRequest Request(std::uint32_t width, std::uint32_t height, bool encode) {
  WorkRequest r;
  r.shape = {width, height, 3, 8};
  r.region = {0, 0, width, height};
  r.tile_size = DefaultTileSize(width, height);
  r.channels = 256;
  r.needs.halo = encode ? 112 : 144;
  r.needs.bytes_per_pixel = 50;
  r.resident_bytes = std::uint64_t{64} << 20;
  r.threads = 2;
  r.encode = encode;
  return r;
}

TEST(WorkPlan, SmallPicturesAreOneWindow) {
  const auto plan = PlanWork(Request(768, 512, false));
  ASSERT_TRUE(plan.ok());
  EXPECT_GE(plan->window_width, 768u);
  EXPECT_GE(plan->window_height, 512u);
  EXPECT_EQ(plan->workers.workers, 1);
  EXPECT_EQ(plan->workers.threads_each, 2);
}

TEST(WorkPlan, AWindowForEachThreadWhereThatIsFaster) {
  WorkRequest r = Request(768, 512, true);
  r.needs.window_per_thread = true;
  r.needs.largest_window = 1024;
  for (const auto& [threads, width, workers] :
       {std::tuple{1, 768u, 1}, {2, 384u, 2}, {8, 256u, 3}}) {
    r.threads = threads;
    const auto plan = PlanWork(r);
    ASSERT_TRUE(plan.ok());
    EXPECT_GE(plan->window_width, width) << threads;
    EXPECT_LE(plan->window_width, width + 64) << threads;
    EXPECT_EQ(plan->workers.workers, workers) << threads;
  }
  // Not more at once than the budget holds.
  r.threads = 8;
  r.needs.window_budget = 1;
  EXPECT_EQ(PlanWork(r)->workers.workers, 1);
}

TEST(WorkPlan, AHundredMegapixelsStayBelowThreeGigabytes) {
  for (const bool encode : {false, true}) {
    const auto plan = PlanWork(Request(10000, 10000, encode));
    ASSERT_TRUE(plan.ok());
    EXPECT_EQ(plan->workers.workers, 2);
    EXPECT_LT(plan->memory_bytes, std::uint64_t{3} << 30);
    EXPECT_EQ(plan->window_width % 64, 0u);
    EXPECT_EQ(plan->window_height % 64, 0u);
  }
}

// The default effort decodes what it encodes: wider halos, larger windows together.
TEST(WorkPlan, SoTheyDoWithAnalysisBySynthesis) {
  WorkRequest r = Request(10000, 10000, true);
  r.needs.halo = 368;
  r.needs.bytes_per_pixel = 78;
  r.needs.window_budget = std::uint64_t{2} << 30;
  const auto plan = PlanWork(r);
  ASSERT_TRUE(plan.ok());
  EXPECT_EQ(plan->workers.workers, 2);
  EXPECT_LT(plan->memory_bytes, std::uint64_t{3} << 30);
}

TEST(WorkPlan, CountsWhatTilesTake) {
  WorkRequest r = Request(768, 512, true);
  const std::uint64_t before = PlanWork(r)->memory_bytes;
  r.needs.tile_bytes_per_pixel = 100;
  EXPECT_GT(PlanWork(r)->memory_bytes, before + 100 * 768 * 512);
  r.max_memory = before;
  EXPECT_EQ(PlanWork(r).status().code(), StatusCode::kLimitExceeded);
}

// Two workers and a strip of three of the widest windows: four, so that nobody waits.
TEST(WorkPlan, WorkersShareAStripEvenly) {
  const auto even = PlanWork(Request(6144, 4096, true));
  ASSERT_TRUE(even.ok());
  EXPECT_EQ(even->workers.workers, 2);
  EXPECT_EQ(even->window_width, 1536u);
  WorkRequest r = Request(6144, 4096, true);
  r.threads = 1;
  EXPECT_EQ(PlanWork(r)->window_width, 2048u);
}

TEST(WorkPlan, StaysBelowALimitOrNamesWhatItNeeds) {
  WorkRequest r = Request(10000, 10000, false);
  r.max_memory = std::uint64_t{900} << 20;
  const auto plan = PlanWork(r);
  ASSERT_TRUE(plan.ok()) << plan.status().message();
  EXPECT_LE(plan->memory_bytes, r.max_memory);
  r.max_memory = std::uint64_t{100} << 20;
  const auto refused = PlanWork(r);
  EXPECT_EQ(refused.status().code(), StatusCode::kLimitExceeded);
  EXPECT_NE(refused.status().message().find("the limit is set to 105 MB"), std::string::npos)
      << refused.status().message();
}

TEST(WorkPlan, ARegionNeedsLessThanThePicture) {
  WorkRequest r = Request(10000, 10000, false);
  const auto whole = PlanWork(r);
  r.region = {5000, 5000, 256, 256};
  const auto part = PlanWork(r);
  ASSERT_TRUE(whole.ok() && part.ok());
  EXPECT_LT(part->memory_bytes * 2, whole->memory_bytes);
}

TEST(WorkPlan, ManyThreadsGetSmallerWindows) {
  WorkRequest r = Request(20000, 8000, false);
  r.threads = 16;
  const auto plan = PlanWork(r);
  ASSERT_TRUE(plan.ok());
  EXPECT_GT(plan->workers.workers, 4);
}

TEST(DefaultTileSize, OneTileUpToFourMegapixels) {
  EXPECT_EQ(DefaultTileSize(768, 512), 0u);
  EXPECT_EQ(DefaultTileSize(2048, 2048), 0u);
  EXPECT_EQ(DefaultTileSize(2049, 2048), 1024u);
  EXPECT_EQ(DefaultTileSize(65535, 60), 1024u);  // longer than the prior takes
}

}  // namespace
}  // namespace halfmoon
