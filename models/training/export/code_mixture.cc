#include "models/training/export/code_mixture.h"

#include <algorithm>
#include <cmath>
#include <numbers>
#include <vector>

#include "models/networks/codebook.h"

namespace halfmoon::training {
namespace {

constexpr int kRounds = 60;
// Share of the variance of all rows that every component has in every direction: keeps components
// that rest on a handful of rows from collapsing onto them, which would be copying them.
constexpr double kFloor = 0.01;
// Numbers of a block of rows' products, which bounds the memory.
constexpr std::int64_t kBlockNumbers = std::int64_t{1} << 24;

// x_i x_j of each row, [n, L * L].
torch::Tensor Products(const torch::Tensor& x) {
  return (x.unsqueeze(2) * x.unsqueeze(1)).flatten(1);
}

std::vector<torch::Tensor> Blocks(const torch::Tensor& x) {
  return x.split(std::max<std::int64_t>(1, kBlockNumbers / (x.size(1) * x.size(1))));
}

// ln (weight_k * N(x; mean_k, covariance_k)) = constant_k + linear_k x - products(x) precision_k /
// 2, so that all rows and components are two products of matrices.
struct Quadratic {
  torch::Tensor constant, linear, precision;  // [K], [K, L], [K, L * L]

  explicit Quadratic(const CodeMixture& m) {
    const std::int64_t l = m.means.size(1);
    const torch::Tensor p = torch::cholesky_inverse(m.factors);
    precision = p.flatten(1);
    linear = p.matmul(m.means.unsqueeze(2)).squeeze(2);
    const torch::Tensor log_det = m.factors.diagonal(0, 1, 2).log().sum(1);
    constant = m.weights.clamp_min(1e-300).log() - log_det - 0.5 * (linear * m.means).sum(1) -
               0.5 * static_cast<double>(l) * std::log(2 * std::numbers::pi);
  }
  // [n, K]
  torch::Tensor JointLog(const torch::Tensor& x, const torch::Tensor& products) const {
    return constant + x.matmul(linear.t()) - 0.5 * products.matmul(precision.t());
  }
};

}  // namespace

CodeMixture FitMixture(const torch::Tensor& rows, std::int64_t components,
                       at::Generator generator) {
  const std::int64_t k = components;
  TORCH_CHECK(rows.dim() == 2 && k >= 1 && k <= rows.size(0),
              "FitMixture: more components than rows");
  torch::NoGradGuard no_grad;
  // Around their mean: moments are differences of sums.
  const torch::Tensor given = rows.to(torch::kFloat64), origin = given.mean(0), x = given - origin;
  const std::int64_t l = x.size(1);
  const torch::Tensor floor = torch::diag(x.var(0, /*unbiased=*/false).clamp_min(1e-12) * kFloor);

  // The centres of k-means, each with all rows' covariance, scaled down.
  networks::Codebook clusters(networks::CodebookConfig{k, l});
  clusters->InitialiseByKMeans(x.to(torch::kFloat32), 10, generator);
  CodeMixture m;
  m.means = clusters->Codes(torch::arange(k, torch::kLong)).detach().to(torch::kFloat64);
  m.weights = torch::full({k}, 1.0 / static_cast<double>(k), torch::kFloat64);
  const torch::Tensor spread = torch::diag(x.var(0, /*unbiased=*/false).clamp_min(1e-12));
  const double share = std::pow(static_cast<double>(k), -2.0 / static_cast<double>(l));
  m.factors = torch::linalg_cholesky(spread * share + floor).expand({k, l, l}).contiguous();

  for (int round = 0; round < kRounds; ++round) {
    const Quadratic quadratic(m);
    torch::Tensor count = torch::zeros({k}, x.options()), sum = torch::zeros({k, l}, x.options()),
                  products_sum = torch::zeros({k, l * l}, x.options());
    for (const torch::Tensor& rows_here : Blocks(x)) {
      const torch::Tensor products = Products(rows_here);
      const torch::Tensor member =
          torch::softmax(quadratic.JointLog(rows_here, products), 1).t();  // [K, n]
      count += member.sum(1);
      sum += member.matmul(rows_here);
      products_sum += member.matmul(products);
    }
    count = count.clamp_min(1e-9).unsqueeze(1);
    m.weights = count.squeeze(1) / count.sum();
    m.means = sum / count;
    const torch::Tensor covariance = (products_sum / count - Products(m.means)).view({k, l, l});
    m.factors = torch::linalg_cholesky((covariance + covariance.transpose(1, 2)) / 2 + floor);
  }
  m.means = m.means + origin;
  return m;
}

CodeMixture ChooseMixture(const torch::Tensor& rows, const torch::Tensor& held_out,
                          std::int64_t most, at::Generator generator) {
  CodeMixture best;
  double best_density = 0;
  for (std::int64_t k = 1; k <= std::min(most, rows.size(0)); k *= 4) {
    CodeMixture m = FitMixture(rows, k, generator);
    const double density = LogDensity(m, held_out).mean().item<double>();
    if (best.means.defined() && !(density > best_density)) continue;
    best_density = density;
    best = std::move(m);
  }
  return best;
}

torch::Tensor LogDensity(const CodeMixture& mixture, const torch::Tensor& rows) {
  torch::NoGradGuard no_grad;
  const Quadratic quadratic(mixture);
  std::vector<torch::Tensor> parts;
  for (const torch::Tensor& x : Blocks(rows.to(torch::kFloat64))) {
    parts.push_back(torch::logsumexp(quadratic.JointLog(x, Products(x)), {1}));
  }
  return torch::cat(parts);
}

}  // namespace halfmoon::training
