// Parts that measurements of generated pictures share: the classifier's view, nearest training
// pictures. LibTorch.
#pragma once

#include <torch/torch.h>

#include <algorithm>
#include <cstdint>
#include <vector>

#include "halfmoon/status.h"
#include "models/networks/classifier.h"
#include "models/runtime/weights/safetensors.h"
#include "models/training/data/picture_sampler.h"

namespace halfmoon::training {

inline constexpr std::int64_t kJudgedAtOnce = 100;

// Errors: kModelCorrupt.
Result<networks::Classifier> LoadClassifier(const runtime::WeightsFile& file);

struct Seen {
  torch::Tensor features;    // [n, features]
  torch::Tensor confidence;  // [n]: probability of the likeliest class
  torch::Tensor label;       // [n]: that class
};

// n pictures as the classifier sees them. `pictures(first, count)`: as 8-bit levels in [0, 1].
template <typename Pictures>
Seen Look(networks::Classifier& classifier, std::int64_t n, Pictures pictures) {
  std::vector<torch::Tensor> features, confidence, label;
  for (std::int64_t i = 0; i < n; i += kJudgedAtOnce) {
    const auto out = classifier->forward(pictures(i, std::min(kJudgedAtOnce, n - i)));
    const auto [p, k] = torch::softmax(out.logits, 1).max(1);
    features.push_back(out.features);
    confidence.push_back(p);
    label.push_back(k);
  }
  return {torch::cat(features), torch::cat(confidence), torch::cat(label)};
}

// Of pictures [n, c, s, s] the training pictures nearest to them (least squared difference).
struct Neighbours {
  // [side][side][channels] bytes: the pictures, and the nearest to each.
  std::vector<std::vector<std::uint8_t>> shown, nearest;
  std::vector<double> distances;  // root mean squared differences, 0..255
};
Neighbours FindNeighbours(const torch::Tensor& pictures, const PictureSampler& training);

}  // namespace halfmoon::training
