// ParallelFor: independent steps on several threads. std only.
#pragma once

#include <cstddef>
#include <functional>

namespace halfmoon::runtime {

// Calls work(worker, i) for every i in [0, count) from up to `threads` threads, the calling one
// among them, and returns when all are done. Steps begin in ascending order. Calls with the same
// worker (0..Workers()-1) do not overlap: a place for scratch memory. Where the system gives no
// more threads, those there are do the work. When `work` throws, no new steps are begun, and the
// first exception is thrown again in the calling thread.
std::size_t Workers(int threads, std::size_t count);
void ParallelFor(int threads, std::size_t count,
                 const std::function<void(std::size_t worker, std::size_t i)>& work);

}  // namespace halfmoon::runtime
