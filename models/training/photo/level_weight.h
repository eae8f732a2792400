// What quality levels weigh in a loss. LibTorch.
#pragma once

#include <torch/torch.h>

#include "models/config/ae_config.h"

namespace halfmoon::training {

// AeConfig::Lambda of levels [n].
torch::Tensor LevelLambda(const AeConfig& config, const torch::Tensor& level);

// What the loss at levels [n] is multiplied by: lambda, as a share of the middle one, to the power
// of -`exponent` (Recipe::level_weight). Without it the high rates own the gradient.
torch::Tensor LevelWeight(const AeConfig& config, double exponent, const torch::Tensor& level);

}  // namespace halfmoon::training
