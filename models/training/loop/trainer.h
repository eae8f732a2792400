// The training loop: steps, schedule, checkpoints, log. What is trained is a TrainingTask (task.h).
// LibTorch; prints nothing.
#pragma once

#include <functional>
#include <string>
#include <vector>

#include "halfmoon/status.h"
#include "models/training/loop/task.h"
#include "models/training/loop/train_options.h"

namespace halfmoon::training {

struct TrainProgress {
  std::int64_t step = 0;
  double progress = 0;          // 0..1
  double prepared = 1;          // below 1: the task prepares its first step, the rest says nothing
  double steps_per_second = 0;  // since the last report
  double minutes_left = 0;
  double learning_rate = 0;
  double loss = 0;                               // mean since the last report
  Figures figures;                               // the task's own, means since the last report
  std::int64_t skipped = 0;                      // non-finite steps so far
  const ValidationReport* validation = nullptr;  // set on reports that carry one
};

// Called about every `report_seconds` and after each validation. Return false to stop (a checkpoint
// is written first).
using TrainCallback = std::function<bool(const TrainProgress&)>;

// Trains until the budget is spent. Errors: kInvalidArgument (recipe, device, no data), kIo,
// kCorrupt (checkpoint of other dimensions).
Status Train(const TrainOptions& options, const TrainCallback& callback);

}  // namespace halfmoon::training
