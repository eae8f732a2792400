// CodeMixture: a mixture of normal distributions fitted to the codes of a VAE's training pictures. LibTorch.
#pragma once

#include <torch/torch.h>

namespace halfmoon::training {

// All float64.
struct CodeMixture {
  torch::Tensor weights;  // [K], their sum 1
  torch::Tensor means;    // [K, L]
  torch::Tensor factors;  // [K, L, L], lower triangular: a component's covariance is factor factor^T
};

// Expectation-maximisation (Dempster, Laird and Rubin 1977) on rows [n, L], started by k-means++. Components
// that would rest on too few rows to have a covariance are left out from the beginning: K is `components` or
// n / (4 L), whichever is less, and at least 1. REQUIRES: n >= 2, components >= 1.
CodeMixture FitMixture(const torch::Tensor& rows, std::int64_t components, at::Generator generator);

// [n]: ln p(row), in nats.
torch::Tensor LogDensity(const CodeMixture& mixture, const torch::Tensor& rows);

}  // namespace halfmoon::training
