#include "models/training/loop/worker_pool.h"

#include <ATen/Parallel.h>

#include "models/networks/compute_threads.h"

namespace halfmoon::training {

WorkerPool::WorkerPool(int workers) : workers_(workers < 1 ? 1 : workers) {
  networks::ChooseBlasKernels();
  if (workers_ == 1) return;
  // OpenBLAS would start as many threads again inside each worker.
  networks::SetComputeThreads(1);
  try {
    for (int i = 0; i < workers_; ++i) threads_.emplace_back([this, i] { Loop(i); });
  } catch (...) {  // no more threads to be had; those there must not outlive the object
    Stop();
    throw;
  }
}

WorkerPool::~WorkerPool() { Stop(); }

void WorkerPool::Stop() {
  {
    std::lock_guard lock(mutex_);
    stop_ = true;
  }
  wake_.notify_all();
  for (std::thread& t : threads_) t.join();
}

void WorkerPool::Run(const std::function<void(int)>& task) {
  if (workers_ == 1) return task(0);
  std::unique_lock lock(mutex_);
  task_ = &task;
  pending_ = workers_;
  error_ = nullptr;
  ++generation_;
  wake_.notify_all();
  done_.wait(lock, [this] { return pending_ == 0; });
  if (error_) std::rethrow_exception(error_);
}

void WorkerPool::Loop(int index) {
  at::set_num_threads(1);  // of this thread's operations
  std::uint64_t seen = 0;
  for (;;) {
    const std::function<void(int)>* task = nullptr;
    {
      std::unique_lock lock(mutex_);
      wake_.wait(lock, [&] { return stop_ || generation_ != seen; });
      if (stop_) return;
      seen = generation_;
      task = task_;
    }
    std::exception_ptr error;
    try {
      (*task)(index);
    } catch (...) {
      error = std::current_exception();
    }
    std::lock_guard lock(mutex_);
    if (error && !error_) error_ = error;
    if (--pending_ == 0) done_.notify_all();
  }
}

}  // namespace halfmoon::training
