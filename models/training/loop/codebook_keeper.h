// CodebookKeeper: moving averages and restarts of the codebooks that a training step used.
// LibTorch.
#pragma once

#include <torch/torch.h>

#include <cstdint>
#include <vector>

#include "models/networks/codebook.h"
#include "models/training/loop/task.h"

namespace halfmoon::training {

// Workers look indices up at the same time; what they found is added up after the step, in their
// order, so that a run does not depend on which of them was first.
class CodebookKeeper {
 public:
  explicit CodebookKeeper(std::uint64_t seed) : seed_(seed) {}

  void BeginStep(int workers) { seen_.assign(static_cast<std::size_t>(workers), {}); }
  // rows [n, d], indices int64 [n]: what worker `worker` looked up in the codebook of stage
  // `stage`. Called by a worker for itself, stages in ascending order from 0.
  void Collect(int worker, networks::Codebook& book, const torch::Tensor& rows,
               const torch::Tensor& indices);
  // After the optimiser's step. Moves the codebooks to the averages of their members, or keeps the
  // length of those that gradients moved; in the first part of the run, restarts codes with fewer
  // than one member in some hundred steps.
  void EndStep(const StepInfo& at, std::vector<networks::Codebook> books);
  // Share of the codes that had a member in any step since the last call, mean over the stages; 0
  // before the first step.
  double TakeUsage();

 private:
  struct Seen {
    networks::CodebookImpl::Members members;
    torch::Tensor rows;
  };
  std::uint64_t seed_;
  std::vector<std::vector<Seen>> seen_;  // per worker and stage
  std::vector<torch::Tensor> used_;      // per stage, [K]: members since the last TakeUsage
  std::vector<torch::Tensor> counts_;    // of codebooks trained by gradients: averages for restarts
};

}  // namespace halfmoon::training
