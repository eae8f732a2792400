#include "models/runtime/layers/parallel.h"

#include <gtest/gtest.h>

#include <atomic>
#include <new>
#include <vector>

namespace halfmoon::runtime {
namespace {

TEST(ParallelFor, DoesEveryItemOnce) {
  for (const int threads : {0, 1, 2, 7}) {
    for (const std::size_t count : {0u, 1u, 5u, 100u}) {
      std::vector<int> done(count, 0);
      ParallelFor(threads, count, [&](std::size_t worker, std::size_t i) {
        EXPECT_LT(worker, Workers(threads, count));
        ++done[i];
      });
      EXPECT_EQ(done, std::vector<int>(count, 1));
    }
  }
}

TEST(ParallelFor, ThrowsAgainWhatAnyThreadThrew) {
  for (const int threads : {1, 4}) {
    std::atomic<int> begun{0};
    EXPECT_THROW(ParallelFor(threads, 1000,
                             [&](std::size_t, std::size_t i) {
                               ++begun;
                               if (i == 3) throw std::bad_alloc();
                             }),
                 std::bad_alloc);
    EXPECT_GE(begun, 4);
    EXPECT_TRUE(threads > 1 || begun == 4) << begun;
  }
}

}  // namespace
}  // namespace halfmoon::runtime
