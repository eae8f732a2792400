// Runs independent steps on several threads. std only.
#pragma once

#include <atomic>
#include <cstddef>
#include <functional>
#include <thread>
#include <vector>

namespace halfmoon::eval {

// Calls `step(worker, i)` once for every i below `count`, in ascending order of their start;
// `worker` is 0 .. jobs - 1, and one worker does one step at a time. Returns when all are done.
// REQUIRES: jobs >= 1; `step` doesn't throw.
inline void ForEachParallel(std::size_t count, int jobs,
                            const std::function<void(int worker, std::size_t i)>& step) {
  std::atomic<std::size_t> next{0};
  auto work = [&](int worker) {
    for (std::size_t i = next++; i < count; i = next++) step(worker, i);
  };
  std::vector<std::thread> threads;
  for (int worker = 1; worker < jobs; ++worker) threads.emplace_back(work, worker);
  work(0);
  for (std::thread& thread : threads) thread.join();
}

}  // namespace halfmoon::eval
