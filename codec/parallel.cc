#include "codec/parallel.h"

#include <algorithm>
#include <atomic>
#include <mutex>
#include <system_error>
#include <thread>
#include <vector>

#include "codec/exceptions.h"

namespace halfmoon {

Status ParallelFor(std::size_t count, const Workers& workers,
                   const std::function<Status(std::size_t)>& work) {
  std::atomic<std::size_t> next{0};
  std::atomic<bool> failed{false};
  std::mutex mutex;  // guards what follows
  std::size_t first_failed = count;
  Status failure;
  const auto run = [&] {
    while (!failed) {
      const std::size_t i = next++;
      if (i >= count) return;
      Status status = GuardExceptions("tile", [&]() -> Status { return work(i); });
      if (status.ok()) continue;
      failed = true;
      const std::lock_guard lock(mutex);
      if (i >= first_failed) continue;
      first_failed = i;
      failure = std::move(status);
    }
  };
  std::vector<std::thread> threads;
  const std::size_t helpers = std::min(count, static_cast<std::size_t>(workers.workers));
  for (std::size_t t = 1; t < helpers; ++t) {
    try {
      threads.emplace_back(run);
    } catch (const std::system_error&) {
      break;  // no more threads to be had: those there are do the work
    }
  }
  run();
  for (std::thread& t : threads) t.join();
  return failure;
}

}  // namespace halfmoon
