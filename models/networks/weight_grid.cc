#include "models/networks/weight_grid.h"

#include "models/networks/base_weights.h"

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

torch::Tensor RoundedNear(const torch::Tensor& x, const torch::Tensor& base, std::int64_t multiple,
                          double most) {
  if (multiple == 0) return base.to(x.dtype());
  const auto m = static_cast<double>(multiple);
  return (base + ((x - base) / m).round() * m).clamp(-most, most).to(x.dtype());
}

WeightGrid ToGrid(const torch::Tensor& weights, int most, const NearGrid& near) {
  const torch::Tensor w = weights.detach().to(torch::kFloat32);
  WeightGrid grid;
  grid.steps = near.base.steps.to(w.device());
  const torch::Tensor steps = PerRow(grid.steps, w), base = near.base.values.to(w.device());
  // A row that was zero has no steps to go.
  const torch::Tensor x = torch::where(steps > 0, w / steps.clamp_min(1e-30), base);
  grid.values = RoundedNear(x, base, near.multiple, most);
  return grid;
}

OnGrid::OnGrid(torch::nn::Module& network, const BaseWeights* base) {
  torch::NoGradGuard no_grad;
  for (auto& p : network.named_parameters()) {
    const int most = GridSteps(p.key(), p.value());
    if (most == 0) continue;
    parameters_.emplace_back(p.value(), p.value().detach().clone());
    const NearGrid* near = base == nullptr ? nullptr : base->Grid(p.key());
    const WeightGrid grid =
        near == nullptr ? ToGrid(p.value(), most) : ToGrid(p.value(), most, *near);
    p.value().copy_(grid.Weights());
  }
}

OnGrid::~OnGrid() {
  torch::NoGradGuard no_grad;
  for (auto& [parameter, own] : parameters_) parameter.copy_(own);
}

}  // namespace halfmoon::networks
