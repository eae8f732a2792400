// What a training run is asked for. No LibTorch here: the program parses it without.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "models/training/loop/recipe.h"
#include "models/training/loop/schedule.h"

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

}  // namespace halfmoon::training
