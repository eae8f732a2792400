#include "models/training/photo/principal_components.h"

namespace halfmoon::training {

torch::Tensor PrincipalComponents(const torch::Tensor& crops, std::int64_t count) {
  torch::NoGradGuard no_grad;
  const torch::Tensor blocks = torch::pixel_unshuffle(crops - 0.5, 16)
                                   .permute({0, 2, 3, 1})
                                   .reshape({-1, 768})
                                   .cpu()
                                   .to(torch::kFloat64);
  const torch::Tensor covariance = blocks.t().matmul(blocks) / blocks.size(0);
  const auto [values, vectors] = torch::linalg_eigh(covariance, "L");
  (void)values;  // ascending: the last columns carry the most variance
  return vectors.flip(1).slice(1, 0, count).t().contiguous().to(torch::kFloat32);
}

}  // namespace halfmoon::training
