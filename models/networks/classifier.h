// Classifier of small pictures: what generated pictures are measured with. LibTorch.
#pragma once

#include <torch/torch.h>

#include "models/config/small_picture_config.h"
#include "models/networks/picture_pyramid.h"

namespace halfmoon::networks {

// x -> pyramid -> mean over positions -> linear -> leaky ReLU = features -> linear = logits.
class ClassifierImpl : public torch::nn::Module {
 public:
  explicit ClassifierImpl(const ClassifierConfig& config);

  struct Output {
    torch::Tensor features;  // [N, features]
    torch::Tensor logits;    // [N, classes]
  };
  // x: [N, channels, side, side] in [0, 1].
  Output forward(const torch::Tensor& x);

  const ClassifierConfig& config() const { return config_; }

 private:
  ClassifierConfig config_;
  PyramidEncoder pyramid_{nullptr};
  Conv1x1 features_{nullptr}, logits_{nullptr};
};
TORCH_MODULE(Classifier);

}  // namespace halfmoon::networks
