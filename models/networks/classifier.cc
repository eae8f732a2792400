#include "models/networks/classifier.h"

namespace halfmoon::networks {

constexpr double kSlope = 0.1;  // of the leaky ReLU before the features

ClassifierImpl::ClassifierImpl(const ClassifierConfig& c) : config_(c) {
  pyramid_ = register_module("pyramid", PyramidEncoder(c.pyramid));
  features_ = register_module("features", Conv1x1(c.pyramid.widths.back(), c.features));
  logits_ =
      register_module("logits", Conv1x1(c.features, static_cast<std::int64_t>(c.classes.size())));
}

ClassifierImpl::Output ClassifierImpl::forward(const torch::Tensor& x) {
  const torch::Tensor pooled = pyramid_(x).mean({2, 3}, /*keepdim=*/true);
  const torch::Tensor features = features_(pooled, kSlope);
  return {features.flatten(1), logits_(features).flatten(1)};
}

}  // namespace halfmoon::networks
