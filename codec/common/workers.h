// ParallelFor: work on many tiles or windows at once. Internal; std only.
#pragma once

#include <cstddef>
#include <functional>

#include "halfmoon/status.h"

namespace halfmoon {

// How threads are divided: `workers` tiles or windows at once, each with `threads_each` threads
// inside the networks and the prior.
struct Workers {
  int workers = 1;
  int threads_each = 1;
};

// Runs work(0) .. work(count - 1), each once, in any order. After a failure no new ones are
// started. Exceptions become Status as in GuardExceptions. Returns the failure of the lowest index
// that failed. With one worker everything runs in the caller's thread.
Status ParallelFor(std::size_t count, const Workers& workers,
                   const std::function<Status(std::size_t)>& work);

}  // namespace halfmoon
