#include "models/runtime/layers/parallel.h"

#include <algorithm>
#include <atomic>
#include <exception>
#include <mutex>
#include <new>
#include <system_error>
#include <thread>
#include <vector>

namespace halfmoon::runtime {

std::size_t Workers(int threads, std::size_t count) {
  return std::max<std::size_t>(1, std::min(static_cast<std::size_t>(std::max(threads, 1)), count));
}

void ParallelFor(int threads, std::size_t count,
                 const std::function<void(std::size_t, std::size_t)>& work) {
  const std::size_t workers = Workers(threads, count);
  std::atomic<std::size_t> next{0};
  std::atomic<bool> stop{false};
  std::mutex mutex;
  std::exception_ptr error;  // the first one
  // An exception that left a thread's function would end the process.
  const auto loop = [&](std::size_t worker) noexcept {
    try {
      for (std::size_t i = next.fetch_add(1); i < count && !stop; i = next.fetch_add(1)) {
        work(worker, i);
      }
    } catch (...) {
      stop = true;
      const std::lock_guard lock(mutex);
      if (!error) error = std::current_exception();
    }
  };
  std::vector<std::thread> pool;
  try {
    pool.reserve(workers - 1);
    for (std::size_t worker = 1; worker < workers; ++worker) pool.emplace_back(loop, worker);
  } catch (const std::system_error&) {  // no more threads to be had: those that run do the work
  } catch (const std::bad_alloc&) {
  }
  loop(0);
  for (std::thread& thread : pool) thread.join();
  if (error) std::rethrow_exception(error);
}

}  // namespace halfmoon::runtime
