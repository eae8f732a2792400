// CodeMixture: a mixture of normal distributions fitted to the codes of a VAE's training pictures.
// LibTorch.
#pragma once

#include <torch/torch.h>

namespace halfmoon::training {

// All float64.
struct CodeMixture {
  torch::Tensor weights;  // [K], their sum 1
  torch::Tensor means;    // [K, L]
  torch::Tensor
      factors;  // [K, L, L], lower triangular: a component's covariance is factor factor^T
};

// Expectation-maximisation (Dempster, Laird and Rubin 1977) on rows [n, L], started by k-means++.
// REQUIRES: 1 <= components <= n.
CodeMixture FitMixture(const torch::Tensor& rows, std::int64_t components, at::Generator generator);

// The one of 1, 4, 16 ... `most` components, fitted to `rows`, under which rows that it was not
// fitted to are likeliest. REQUIRES: both have rows.
CodeMixture ChooseMixture(const torch::Tensor& rows, const torch::Tensor& held_out,
                          std::int64_t most, at::Generator generator);

// [n]: ln p(row), in nats.
torch::Tensor LogDensity(const CodeMixture& mixture, const torch::Tensor& rows);

}  // namespace halfmoon::training
