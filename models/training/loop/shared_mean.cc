#include "models/training/loop/shared_mean.h"

namespace halfmoon::training {

torch::Tensor SharedMean::Share::Mean(const torch::Tensor& sum, std::int64_t count) {
  given_ = true;
  whole_.Give(worker_, sum.detach(), count);
  std::unique_lock lock(whole_.mutex_);
  whole_.complete_.wait(lock, [&] { return whole_.given_ == whole_.parts_.size(); });
  torch::Tensor all;
  std::int64_t members = 0;
  for (const Part& part : whole_.parts_) {
    if (!part.sum.defined()) continue;
    all = all.defined() ? all + part.sum : part.sum;
    members += part.count;
  }
  return all / members;
}

void SharedMean::Give(std::size_t worker, const torch::Tensor& sum, std::int64_t count) {
  const std::lock_guard lock(mutex_);
  parts_[worker] = {sum, count};
  if (++given_ == parts_.size()) complete_.notify_all();
}

}  // namespace halfmoon::training
