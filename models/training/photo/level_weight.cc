#include "models/training/photo/level_weight.h"

#include <cmath>

namespace halfmoon::training {

torch::Tensor LevelLambda(const AeConfig& config, const torch::Tensor& level) {
  const double ratio = std::log(config.lambda_max / config.lambda_min);
  return (level * (ratio / (AeConfig::kLevels - 1))).exp() * config.lambda_min;
}

torch::Tensor LevelWeight(const AeConfig& config, double exponent, const torch::Tensor& level) {
  return (LevelLambda(config, level) / std::sqrt(config.lambda_min * config.lambda_max))
      .pow(-exponent);
}

}  // namespace halfmoon::training
