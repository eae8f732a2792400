#include "models/networks/weight_grid.h"

namespace halfmoon::networks {
namespace {

torch::Tensor PerRow(const torch::Tensor& steps, const torch::Tensor& weights) {
  std::vector<std::int64_t> shape(static_cast<std::size_t>(weights.dim()), 1);
  shape[0] = steps.size(0);
  return steps.view(shape);
}

// The transforms; the prior has integers of its own (integer_conv.h).
bool IsFloatModule(const std::string& name) {
  return name.starts_with("g_a.") || name.starts_with("g_s.") || name.starts_with("h_a.");
}

}  // namespace

int GridSteps(const std::string& name, const torch::Tensor& parameter) {
  if (!IsFloatModule(name) || parameter.dim() != 4) return 0;
  return name.ends_with(".linear.weight") ? kLinearGridSteps : kGridSteps;
}

torch::Tensor WeightGrid::Weights() const { return values * PerRow(steps, values); }

WeightGrid ToGrid(const torch::Tensor& weights, int most) {
  const torch::Tensor w = weights.detach().to(torch::kFloat32);
  WeightGrid grid;
  grid.steps = std::get<0>(w.flatten(1).abs().max(1)) / static_cast<double>(most);
  const torch::Tensor divisor = PerRow(grid.steps.clamp_min(1e-30), w);
  grid.values = (w / divisor).round().clamp(-most, most);
  return grid;
}

OnGrid::OnGrid(torch::nn::Module& network) {
  torch::NoGradGuard no_grad;
  for (auto& p : network.named_parameters()) {
    const int most = GridSteps(p.key(), p.value());
    if (most == 0) continue;
    parameters_.emplace_back(p.value(), p.value().detach().clone());
    p.value().copy_(ToGrid(p.value(), most).Weights());
  }
}

OnGrid::~OnGrid() {
  torch::NoGradGuard no_grad;
  for (auto& [parameter, own] : parameters_) parameter.copy_(own);
}

}  // namespace halfmoon::networks
