// The training loop: steps, schedule, checkpoints, log. What is trained is a TrainingTask (task.h).
// LibTorch; prints nothing.
#pragma once

#include <functional>
#include <string>
#include <vector>

#include "halfmoon/status.h"
#include "models/training/loop/recipe.h"
#include "models/training/loop/schedule.h"
#include "models/training/loop/task.h"

namespace halfmoon::training {

struct TrainOptions {
  Recipe recipe;
  std::vector<std::string> packs;  // pixel packs (pack.h)
  std::string out_dir;             // checkpoint.pt, log.jsonl, recipe.json
  std::string init;            // checkpoint or weights file (.safetensors) to start from; "": none
  bool resume = false;         // continue out_dir's checkpoint exactly
  std::string device = "cpu";  // "cpu" or "cuda"
  // Of matrix products (networks/low_precision.h): "float32", "bfloat16", or "auto", whichever is
  // faster here. A resumed run keeps its own.
  std::string precision = "auto";
  int workers = 2;  // CPU: threads that share a batch; cuda: ignored
  Budget budget;
  double report_seconds = 10;
  double checkpoint_minutes = 3;
  double validate_minutes = 5;
  std::int64_t validation_pictures = 24;
};

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
