#include "models/training/loop/codebook_keeper.h"

#include "models/training/loop/run_random.h"

namespace halfmoon::training {
namespace {

constexpr std::int64_t kRestartEvery = 100;
constexpr double kRestartUntil = 0.6;  // share of the run; then codes come to rest
constexpr double kDead = 0.005;        // members a step, on average

}  // namespace

void CodebookKeeper::Collect(int worker, networks::Codebook& book, const torch::Tensor& rows,
                             const torch::Tensor& indices) {
  seen_[static_cast<std::size_t>(worker)].push_back({book->CountMembers(rows, indices), rows});
}

void CodebookKeeper::EndStep(const StepInfo& at, std::vector<networks::Codebook> books) {
  torch::NoGradGuard no_grad;
  const double decay =
      at.progress < kRestartUntil ? 0.99 : 0.998;  // longer averages when codes come to rest
  counts_.resize(books.size());
  used_.resize(books.size());
  for (std::size_t s = 0; s < books.size(); ++s) {
    networks::CodebookImpl::Members sum;
    torch::Tensor rows;
    for (const auto& worker : seen_) {
      if (worker.size() <= s) continue;
      const auto& m = worker[s].members;
      rows = rows.defined() ? rows : worker[s].rows;
      sum.count = sum.count.defined() ? sum.count + m.count : m.count;
      sum.sum = sum.sum.defined() ? sum.sum + m.sum : m.sum;
    }
    if (!rows.defined()) continue;
    used_[s] = used_[s].defined() ? used_[s] + sum.count : sum.count;
    networks::Codebook& book = books[s];
    torch::Tensor count;
    if (book->config().ema) {
      book->UpdateAverages(sum, decay);
      count = book->named_buffers()["average_count"];
    } else {
      book->KeepLength();
      count = counts_[s] =
          counts_[s].defined() ? counts_[s].lerp(sum.count, 1 - decay) : sum.count + 1;
    }
    if (at.step % kRestartEvery == kRestartEvery - 1 && at.progress < kRestartUntil) {
      at::Generator generator = MakeGenerator(rows.device());
      generator.set_current_seed(MixSeed(seed_, static_cast<std::uint64_t>(at.step), 1000 + s));
      book->RestartDeadCodes(count, rows, kDead, generator);
    }
  }
}

double CodebookKeeper::TakeUsage() {
  double sum = 0, stages = 0;
  for (const torch::Tensor& count : used_) {
    stages += 1;
    if (count.defined()) sum += networks::CodebookUsage(count);
  }
  used_.clear();
  return stages > 0 ? sum / stages : 0;
}

}  // namespace halfmoon::training
