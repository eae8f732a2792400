#include "models/runtime/layers/parallel.h"

#include <algorithm>
#include <condition_variable>
#include <deque>
#include <exception>
#include <mutex>
#include <new>
#include <system_error>
#include <thread>
#include <vector>

namespace halfmoon::runtime {
namespace {

// One call of ParallelFor. Guarded by the pool's mutex, but for `work`.
struct Job {
  const std::function<void(std::size_t, std::size_t)>& work;
  std::size_t count, workers;
  std::size_t next = 0;     // step to begin
  std::size_t joined = 0;   // workers so far, their numbers
  std::size_t running = 0;  // of them in `work`
  std::exception_ptr error = nullptr;

  bool open() const { return next < count && joined < workers; }
};

// Threads that wait for jobs: to make some for every layer took longer than small layers do. A
// thread that calls ParallelFor works along, so that calls within calls always come to an end.
class Pool {
 public:
  void Run(Job* job) {
    std::unique_lock lock(mutex_);
    jobs_.push_back(job);
    Grow(job->workers - 1);
    wake_.notify_all();
    Work(job, &lock);
    done_.wait(lock, [&] { return job->running == 0; });
    // Nobody joins a job that is not open, and it is not: Work took all steps.
    std::erase(jobs_, job);
  }

  // Ends the process's threads, since a static object must not outlive what they use.
  ~Pool() {
    {
      const std::lock_guard lock(mutex_);
      stop_ = true;
    }
    wake_.notify_all();
    for (std::thread& thread : threads_) thread.join();
  }

 private:
  // Where the system gives no more threads, those there are do the work.
  void Grow(std::size_t wanted) {
    try {
      while (threads_.size() < wanted) threads_.emplace_back([this] { Loop(); });
    } catch (const std::system_error&) {
    } catch (const std::bad_alloc&) {
    }
  }

  void Loop() {
    std::unique_lock lock(mutex_);
    for (;;) {
      const auto open = std::find_if(jobs_.begin(), jobs_.end(), [](Job* j) { return j->open(); });
      if (open != jobs_.end()) {
        Work(*open, &lock);
      } else if (stop_) {
        return;
      } else {
        wake_.wait(lock);
      }
    }
  }

  // Steps of a job until none is left. An exception that left a thread's function would end the
  // process.
  void Work(Job* job, std::unique_lock<std::mutex>* lock) {
    const std::size_t worker = job->joined++;
    ++job->running;
    while (job->next < job->count) {
      const std::size_t i = job->next++;
      lock->unlock();
      std::exception_ptr error;
      try {
        job->work(worker, i);
      } catch (...) {
        error = std::current_exception();
      }
      lock->lock();
      if (!error) continue;
      job->next = job->count;
      if (!job->error) job->error = error;
    }
    if (--job->running == 0) done_.notify_all();
  }

  std::mutex mutex_;
  std::condition_variable wake_, done_;
  std::deque<Job*> jobs_;
  std::vector<std::thread> threads_;
  bool stop_ = false;
};

Pool& ThePool() {
  static Pool pool;
  return pool;
}

}  // namespace

std::size_t Workers(int threads, std::size_t count) {
  return std::max<std::size_t>(1, std::min(static_cast<std::size_t>(std::max(threads, 1)), count));
}

void ParallelFor(int threads, std::size_t count,
                 const std::function<void(std::size_t, std::size_t)>& work) {
  const std::size_t workers = Workers(threads, count);
  if (workers == 1) {
    for (std::size_t i = 0; i < count; ++i) work(0, i);
    return;
  }
  Job job = {work, count, workers};
  ThePool().Run(&job);
  if (job.error) std::rethrow_exception(job.error);
}

}  // namespace halfmoon::runtime
