// WorkerPool: a few persistent threads that run one function side by side. LibTorch.
#pragma once

#include <condition_variable>
#include <functional>
#include <mutex>
#include <thread>
#include <vector>

namespace halfmoon::training {

// On the CPU, two workers with one LibTorch thread each, on half of the batch each, are faster than
// one worker with two threads: there is no barrier inside an operation. With one worker everything
// runs on the calling thread, with LibTorch's own threads (and on a GPU).
class WorkerPool {
 public:
  // Throws std::system_error when the system gives no thread.
  explicit WorkerPool(int workers);
  ~WorkerPool();
  WorkerPool(const WorkerPool&) = delete;
  WorkerPool& operator=(const WorkerPool&) = delete;

  int size() const { return workers_; }

  // Runs task(0) .. task(size() - 1) at the same time and waits. The first exception is rethrown.
  void Run(const std::function<void(int)>& task);

 private:
  void Loop(int index);
  void Stop();

  int workers_;
  std::vector<std::thread> threads_;
  std::mutex mutex_;
  std::condition_variable wake_, done_;
  const std::function<void(int)>* task_ = nullptr;
  std::uint64_t generation_ = 0;
  int pending_ = 0;
  bool stop_ = false;
  std::exception_ptr error_;
};

}  // namespace halfmoon::training
