// SharedMean: the mean over a step's whole batch, known to every worker while it computes its
// share. LibTorch.
#pragma once

#include <torch/torch.h>

#include <condition_variable>
#include <cstdint>
#include <mutex>
#include <vector>

namespace halfmoon::training {

// For what a loss does with a mean that is not itself a mean, such as a bound: shares of it would
// not add up to that of the batch. One object serves one step. Workers meet inside Share::Mean, so
// all of them must run at the same time (WorkerPool does).
class SharedMean {
 public:
  explicit SharedMean(int workers) : parts_(static_cast<std::size_t>(workers)) {}

  // What worker `worker` has, made at the beginning of its work. One that ends without Mean,
  // because its share is empty or by an exception, counts as empty: nobody waits for it.
  class Share {
   public:
    Share(SharedMean& whole, int worker)
        : whole_(whole), worker_(static_cast<std::size_t>(worker)) {}
    ~Share() {
      if (!given_) whole_.Give(worker_, {}, 0);
    }
    Share(const Share&) = delete;
    Share& operator=(const Share&) = delete;

    // sum: over `count` >= 1 members of this share. Waits for the other workers and returns their
    // mean over all members, added up in the workers' order: the same for all. No gradient.
    torch::Tensor Mean(const torch::Tensor& sum, std::int64_t count);

   private:
    SharedMean& whole_;
    std::size_t worker_;
    bool given_ = false;
  };

 private:
  struct Part {
    torch::Tensor sum;  // undefined: empty
    std::int64_t count = 0;
  };
  void Give(std::size_t worker, const torch::Tensor& sum, std::int64_t count);

  std::mutex mutex_;
  std::condition_variable complete_;
  std::vector<Part> parts_;
  std::size_t given_ = 0;
};

}  // namespace halfmoon::training
