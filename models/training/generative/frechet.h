// Frechet distance between two sets of features. LibTorch.
#pragma once

#include <torch/torch.h>

namespace halfmoon::training {

// Between the normal distributions with the means and covariances of the rows of a [n, d] and b [m,
// d]: |mean_a - mean_b|^2 + tr(A + B - 2 (A^1/2 B A^1/2)^1/2). Dowson and Landau 1982; over the
// features of Inception it is the FID of Heusel et al. 2017. REQUIRES: n, m >= 2.
double FrechetDistance(const torch::Tensor& a, const torch::Tensor& b);

}  // namespace halfmoon::training
