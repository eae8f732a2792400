#include "codec/common/workers.h"

#include <mutex>
#include <utility>

#include "codec/common/exceptions.h"
#include "models/runtime/layers/parallel.h"

namespace halfmoon {

Status ParallelFor(std::size_t count, const Workers& workers,
                   const std::function<Status(std::size_t)>& work) {
  std::mutex mutex;  // guards what follows
  std::size_t first_failed = count;
  Status failure;
  runtime::ParallelFor(workers.workers, count, [&](std::size_t, std::size_t i) {
    {
      const std::lock_guard lock(mutex);
      if (first_failed < count) return;
    }
    Status status = GuardExceptions("tile", [&]() -> Status { return work(i); });
    if (status.ok()) return;
    const std::lock_guard lock(mutex);
    if (i >= first_failed) return;
    first_failed = i;
    failure = std::move(status);
  });
  return failure;
}

}  // namespace halfmoon
