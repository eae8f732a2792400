#include "models/runtime/layers/parallel.h"

#include <gtest/gtest.h>

#include <atomic>
#include <new>
#include <thread>
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

// Calls from many threads and within each other share the threads, and all come to an end.
TEST(ParallelFor, CallsWithinCallsAndBesideEachOther) {
  std::atomic<int> done{0};
  std::vector<std::thread> callers;
  for (int caller = 0; caller < 4; ++caller) {
    callers.emplace_back([&] {
      for (int round = 0; round < 50; ++round) {
        ParallelFor(3, 6, [&](std::size_t, std::size_t) {
          std::vector<int> busy(3, 0);
          ParallelFor(3, 20, [&](std::size_t worker, std::size_t) {
            EXPECT_EQ(busy[worker]++, 0);  // no two of one worker overlap
            ++done;
            --busy[worker];
          });
        });
      }
    });
  }
  for (std::thread& caller : callers) caller.join();
  EXPECT_EQ(done, 4 * 50 * 6 * 20);
}

}  // namespace
}  // namespace halfmoon::runtime
