// How far a run is, and the learning rate that follows from it. std only.
#pragma once

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <numbers>

#include "models/training/loop/recipe.h"

namespace halfmoon::training {

// The end of a run is a number of steps or of minutes; minutes count across resumes, so a run
// always ends annealed.
struct Budget {
  std::int64_t steps = 0;  // 0: none
  double minutes = 0;      // 0: none
  // Share of the run that is done, 0..1.
  double Progress(std::int64_t step, double minutes_spent) const {
    double p = 0;
    if (steps > 0) p = std::max(p, static_cast<double>(step) / static_cast<double>(steps));
    if (minutes > 0) p = std::max(p, minutes_spent / minutes);
    return std::min(p, 1.0);
  }
};

// Warm-up by steps, then constant, then half a cosine to the final rate.
inline double LearningRate(const Recipe& r, std::int64_t step, double progress) {
  double rate = r.learning_rate;
  if (progress > r.decay_from) {
    const double x = (progress - r.decay_from) / std::max(1e-9, 1 - r.decay_from);
    rate = r.final_learning_rate +
           (r.learning_rate - r.final_learning_rate) * 0.5 * (1 + std::cos(std::numbers::pi * x));
  }
  if (step < r.warmup_steps) {
    rate *= static_cast<double>(step + 1) / static_cast<double>(r.warmup_steps);
  }
  return rate;
}

}  // namespace halfmoon::training
