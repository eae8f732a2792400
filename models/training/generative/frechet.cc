#include "models/training/generative/frechet.h"

#include <utility>

namespace halfmoon::training {
namespace {

std::pair<torch::Tensor, torch::Tensor> Moments(const torch::Tensor& rows) {
  const torch::Tensor x = rows.to(torch::kFloat64), mean = x.mean(0), centred = x - mean;
  return {mean, centred.t().mm(centred) / static_cast<double>(x.size(0) - 1)};
}

// The symmetric square root; rounding may have made eigenvalues of zero negative.
torch::Tensor Root(const torch::Tensor& symmetric) {
  const auto [values, vectors] = torch::linalg_eigh(symmetric);
  return (vectors * values.clamp_min(0).sqrt()).mm(vectors.t());
}

}  // namespace

double FrechetDistance(const torch::Tensor& a, const torch::Tensor& b) {
  const auto [mean_a, cov_a] = Moments(a);
  const auto [mean_b, cov_b] = Moments(b);
  const torch::Tensor root = Root(cov_a);
  const torch::Tensor middle = Root(root.mm(cov_b).mm(root));
  return ((mean_a - mean_b).square().sum() + cov_a.trace() + cov_b.trace() - 2 * middle.trace())
      .item<double>();
}

}  // namespace halfmoon::training
