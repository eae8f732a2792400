#include "models/training/loop/optimizer.h"

#include <algorithm>
#include <cmath>

#include "models/networks/low_precision.h"

namespace halfmoon::training {

torch::Tensor Orthogonalise(const torch::Tensor& matrix) {
  torch::Tensor x = matrix / (matrix.norm() + 1e-12);
  const bool tall = x.size(0) > x.size(1);
  if (tall) x = x.t();
  x = networks::Low(x);
  for (int i = 0; i < 5; ++i) {
    const torch::Tensor a = x.matmul(x.t());
    const torch::Tensor b = at::addmm(a, a, a, -4.7750, 2.0315);
    x = at::addmm(x, b, x, 3.4445);
  }
  if (tall) x = x.t();
  return x.to(torch::kFloat32);
}

Optimizer::Optimizer(std::vector<std::pair<std::string, torch::Tensor>> parameters,
                     OptimizerOptions options)
    : options_(options) {
  int matrices = 0;
  for (auto& [name, p] : parameters) {
    Slot slot;
    slot.name = name;
    slot.parameter = p;
    slot.first = torch::zeros_like(p);
    slot.average = p.detach().clone();
    const std::int64_t rows = p.dim() > 0 ? p.size(0) : 1;
    const std::int64_t columns = rows > 0 ? p.numel() / rows : 0;
    const bool level_vector = p.dim() == 2;  // anchors [levels, channels]: not a linear map
    // The linear paths carry most of the picture with weights of about 0.03 each: at Adam's full
    // rate a step would change them by per cents, which is noise in every pixel.
    const bool linear_path = name.find(".linear.") != std::string::npos ||
                             name.find(".refine.out.") != std::string::npos;
    slot.matrix = options_.muon && !level_vector && !linear_path && std::min(rows, columns) >= 16;
    if (!slot.matrix) slot.second = torch::zeros_like(p);
    if (linear_path) slot.rate = options_.linear_rate;
    if (slot.matrix) slot.rate = options_.matrix_rate;
    const auto small = static_cast<double>(std::min(rows, columns));
    if (slot.matrix) slot.turn = matrices++;
    slot.cost = static_cast<double>(p.numel()) * (slot.matrix ? 30 + 20 * small : 20);
    slots_.push_back(std::move(slot));
  }
}

void Optimizer::Update(Slot& slot, const torch::Tensor& gradient, double scale,
                       double base_rate) const {
  const double learning_rate = base_rate * slot.rate;
  const torch::Tensor g = scale == 1 ? gradient : gradient * scale;
  torch::Tensor p = slot.parameter;
  if (slot.matrix) {
    slot.first.mul_(options_.momentum).add_(g);
    if (!slot.direction.defined() || (step_ + slot.turn) % options_.orthogonalise_every == 0) {
      const torch::Tensor nesterov = g + slot.first * options_.momentum;
      slot.direction = Orthogonalise(nesterov.reshape({p.size(0), -1})).view(p.sizes());
    }
    const double longer = static_cast<double>(std::max(p.size(0), p.numel() / p.size(0)));
    p.add_(slot.direction, -learning_rate * 0.2 * std::sqrt(longer));
  } else {
    slot.first.lerp_(g, 1 - options_.beta1);
    slot.second.lerp_(g * g, 1 - options_.beta2);
    const double t = static_cast<double>(step_);
    const double correct1 = 1 - std::pow(options_.beta1, t),
                 correct2 = 1 - std::pow(options_.beta2, t);
    const torch::Tensor denominator =
        slot.second.sqrt().mul_(1 / std::sqrt(correct2)).add_(options_.epsilon);
    p.addcdiv_(slot.first, denominator, -learning_rate / correct1);
  }
  // A short average at first, the full one later.
  const double decay =
      std::min(options_.ema, static_cast<double>(step_ + 1) / static_cast<double>(step_ + 10));
  slot.average.lerp_(p, 1 - decay);
}

double Optimizer::Step(std::vector<torch::Tensor>& gradients, double learning_rate,
                       WorkerPool& pool) {
  torch::NoGradGuard no_grad;
  torch::Tensor sum = torch::zeros({}, slots_.empty() ? torch::kCPU : slots_[0].parameter.device());
  for (const torch::Tensor& g : gradients) {
    if (g.defined()) sum += g.square().sum();
  }
  const double norm = std::sqrt(sum.item<double>());
  if (!std::isfinite(norm)) return norm;
  const double scale = norm > options_.gradient_clip ? options_.gradient_clip / norm : 1.0;
  ++step_;

  // Largest first, each to the least loaded worker: the same split every time.
  const auto workers = static_cast<std::size_t>(pool.size());
  std::vector<std::size_t> order(slots_.size());
  for (std::size_t i = 0; i < order.size(); ++i) order[i] = i;
  std::stable_sort(order.begin(), order.end(),
                   [&](std::size_t a, std::size_t b) { return slots_[a].cost > slots_[b].cost; });
  std::vector<std::vector<std::size_t>> share(workers);
  std::vector<double> load(workers, 0);
  for (std::size_t i : order) {
    const auto w =
        static_cast<std::size_t>(std::min_element(load.begin(), load.end()) - load.begin());
    share[w].push_back(i);
    load[w] += slots_[i].cost;
  }
  pool.Run([&](int w) {
    torch::NoGradGuard guard;
    for (std::size_t i : share[static_cast<std::size_t>(w)]) {
      if (gradients[i].defined()) Update(slots_[i], gradients[i], scale, learning_rate);
    }
  });
  return norm;
}

std::map<std::string, torch::Tensor> Optimizer::State() const {
  std::map<std::string, torch::Tensor> state;
  for (const Slot& s : slots_) {
    state["first." + s.name] = s.first;
    if (s.second.defined()) state["second." + s.name] = s.second;
    state["average." + s.name] = s.average;
    if (s.direction.defined()) state["direction." + s.name] = s.direction;
  }
  state["optimizer_step"] = torch::tensor({step_}, torch::kLong);
  return state;
}

void Optimizer::LoadState(const std::map<std::string, torch::Tensor>& state) {
  torch::NoGradGuard no_grad;
  for (Slot& s : slots_) {
    s.first.copy_(state.at("first." + s.name));
    if (s.second.defined()) s.second.copy_(state.at("second." + s.name));
    s.average.copy_(state.at("average." + s.name));
    if (const auto d = state.find("direction." + s.name); d != state.end())
      s.direction = d->second.clone();
  }
  step_ = state.at("optimizer_step").item<std::int64_t>();
}

void Optimizer::SwapAveraged() {
  torch::NoGradGuard no_grad;
  for (Slot& s : slots_) {
    const torch::Tensor weights = s.parameter.detach().clone();
    s.parameter.copy_(s.average);
    s.average.copy_(weights);
  }
}

}  // namespace halfmoon::training
