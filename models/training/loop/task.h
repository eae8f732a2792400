// TrainingTask: what a family of models brings to the training loop. LibTorch.
#pragma once

#include <torch/torch.h>

#include <map>
#include <string>
#include <utility>
#include <vector>

#include "halfmoon/status.h"
#include "models/training/loop/validation.h"
#include "models/training/loop/worker_pool.h"

namespace halfmoon::training {

// Named numbers in the order they are shown, for example {"bpp", 0.52}, {"psnr", 31.4}.
using Figures = std::vector<std::pair<std::string, double>>;

// What a task says of its model on data the run never saw.
struct ValidationReport {
  double score = 0;               // lower is better; each task says what it is
  Figures figures;                // may be empty
  std::vector<RatePoint> points;  // variable-rate codecs: one per quality level
};

// Where a step is in its run.
struct StepInfo {
  std::int64_t step = 0;
  double progress = 0;  // 0..1
  int worker = 0, workers = 1;
};

// How many of a batch are this worker's.
inline std::int64_t ShareOf(std::int64_t batch, const StepInfo& at) {
  return batch * (at.worker + 1) / at.workers - batch * at.worker / at.workers;
}

// One model with its data, loss and validation. The loop (trainer.h) brings steps, schedule,
// optimiser, averaging, checkpoints and log. Only Loss is called from several threads at once.
class TrainingTask {
 public:
  virtual ~TrainingTask() = default;

  // The network: its parameters are trained and averaged.
  virtual torch::nn::Module& network() = 0;

  // What a checkpoint holds beside the parameters: buffers that training changes (EMA codebooks).
  virtual torch::OrderedDict<std::string, torch::Tensor> StateBuffers() {
    return torch::OrderedDict<std::string, torch::Tensor>();
  }

  // Gives the network of a new run data-dependent initial values. Not called for --init, --resume.
  // Errors: kInvalidArgument where a family only goes on from weights.
  virtual Status Initialise() { return Status::Ok(); }

  // Takes the network's values from a weights file. Errors: kModelCorrupt naming the tensor;
  // kInvalidArgument where a family has no such way.
  virtual Status ImportWeightsFile(const std::string& path) = 0;

  // Makes what the first step needs, a part of it with each call (some seconds), so that a run can
  // be stopped meanwhile. Returns the share that is done; 1 when nothing is left.
  virtual double Prepare(WorkerPool&) { return 1; }

  // Before the workers of a step start.
  virtual void BeforeStep(const StepInfo&) {}

  // The loss of this worker's share of the step's batch, divided by the size of the whole batch, so
  // that shares add up. Randomness comes from `generator` alone. `figures`: means over the share.
  // An undefined tensor: the share is empty.
  virtual torch::Tensor Loss(const StepInfo& at, at::Generator& generator, Figures* figures) = 0;

  // After the workers, before the optimiser's step.
  virtual void BeforeUpdate() {}

  // After the optimiser's step.
  virtual void AfterStep(const StepInfo&) {}

  // On validation data; nothing when there is none. The network's averaged weights are in place.
  virtual bool HasValidation() const = 0;
  virtual ValidationReport Validate(WorkerPool& pool) = 0;

  // The model's dimensions and family, for a checkpoint's metadata.
  virtual std::map<std::string, std::string> Metadata() const = 0;
};

}  // namespace halfmoon::training
