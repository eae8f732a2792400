#include "models/networks/latent_search.h"

#include <algorithm>
#include <cmath>
#include <numbers>

#include "models/networks/distortion.h"
#include "models/networks/ops.h"

namespace halfmoon::networks {
namespace {

// Found by short searches (docs/history/training-log.md, 11 and 25). Rates are in quantiser steps.
constexpr double kRate = 0.011, kHyperRate = 0.01;
constexpr int kFullRateSteps = 25;  // at most half of a search; then the rate falls as a cosine
constexpr double kMomentum = 0.9, kSquareDecay = 0.999;
constexpr double kTemperature = 0.3, kFinalTemperature = 0.15;  // reached at 70 % of the steps
constexpr int kLooks = 4;  // how often a search looks what its latent costs when it is rounded

// What changes as a search goes on.
struct Schedule {
  double rate;  // share of the full rate
  double temperature, draw_temperature;
};

// Soft draws make the first steps quick, but lie between the integers, where the picture is better
// than it will be: a search that has the steps ends with sharp ones.
double FinalDrawTemperature(int steps) { return std::min(1.0, std::sqrt(40.0 / steps)); }

Schedule At(int step, int steps) {
  const double share = static_cast<double>(step) / steps;
  const double full = std::min(0.5, static_cast<double>(kFullRateSteps) / steps);
  const double last_draw = FinalDrawTemperature(steps), first_draw = std::max(0.8, last_draw);
  Schedule s;
  s.rate = share < full ? 1 : 0.5 * (1 + std::cos(std::numbers::pi * (share - full) / (1 - full)));
  s.temperature =
      kTemperature * std::pow(kFinalTemperature / kTemperature, std::min(1.0, share / 0.7));
  s.draw_temperature = first_draw * std::pow(last_draw / first_draw, share);
  return s;
}

// Bits + lambda * distortion, in bits.
torch::Tensor Cost(const AeConfig& config, const AutoencoderImpl::Output& out,
                   const torch::Tensor& x, double lambda) {
  const double pixels = static_cast<double>(x.size(2) * x.size(3));
  return out.y_bits.sum() + out.z_bits.sum() +
         lambda * pixels * Distortion(config, x, out.x_hat).sum();
}

// Softly to one of the two neighbours of r: a Gumbel-softmax over both.
torch::Tensor DrawNeighbour(const torch::Tensor& r, const Schedule& now, at::Generator& generator) {
  const torch::Tensor low = r.detach().floor();
  const torch::Tensor share = (r - low).clamp(1e-4, 1 - 1e-4);  // 0: on the lower neighbour
  const torch::Tensor odds =
      (torch::atanh(share) - torch::atanh(1 - share)) * (1 / now.temperature);
  const torch::Tensor u = torch::empty_like(odds).uniform_(1e-6, 1 - 1e-6, generator);
  // A logistic variable: the difference of two Gumbel variables.
  return low + torch::sigmoid((odds + u.logit()) * (1 / now.draw_temperature));
}

// Adam whose rate is given with each step.
class Adam {
 public:
  explicit Adam(const torch::Tensor& y) : m_(torch::zeros_like(y)), v_(torch::zeros_like(y)) {}

  void Step(torch::Tensor& y, const torch::Tensor& gradient, double rate) {
    ++steps_;
    m_.mul_(kMomentum).add_(gradient, 1 - kMomentum);
    v_.mul_(kSquareDecay).addcmul_(gradient, gradient, 1 - kSquareDecay);
    const double m_bias = 1 - std::pow(kMomentum, steps_),
                 v_bias = 1 - std::pow(kSquareDecay, steps_);
    y.addcdiv_(m_, (v_ * (1 / v_bias)).sqrt_().add_(1e-8), -rate / m_bias);
  }

 private:
  torch::Tensor m_, v_;
  int steps_ = 0;
};

}  // namespace

double SearchDistortionWeight(int steps) {
  // The softer the last draws, the better a picture they promised than the rounded one is.
  return 1 + 0.2 * std::max(0.5, FinalDrawTemperature(steps));
}

SearchedLatent SearchLatent(Autoencoder& model, const torch::Tensor& x, const torch::Tensor& level,
                            const LatentSearchOptions& o) {
  const AeConfig& config = model->config();
  const double lambda = config.Lambda(level.item<double>()) * SearchDistortionWeight(o.steps);
  SearchedLatent best;
  torch::Tensor y, z;
  double best_cost = 0;
  auto look = [&] {
    torch::NoGradGuard no_grad;
    const double cost =
        Cost(config, model->CodeLatent(y, z, level, SteRound), x, lambda).item<double>();
    if (best.y.defined() && !(cost < best_cost)) return;
    best = {y.detach().clone(), z.detach().clone()};
    best_cost = cost;
  };
  {
    torch::NoGradGuard no_grad;
    y = model->Latent(x, level).contiguous(torch::MemoryFormat::ChannelsLast);
    z = model->h_a(y).contiguous(torch::MemoryFormat::ChannelsLast);
  }
  look();
  {
    torch::NoGradGuard no_grad;
    y = model->Corrected(y, level).contiguous(torch::MemoryFormat::ChannelsLast);
    z = model->h_a(y).contiguous(torch::MemoryFormat::ChannelsLast);
  }
  look();

  at::Generator generator = at::detail::createCPUGenerator(o.seed);
  y.requires_grad_(true);
  z.requires_grad_(true);
  Adam adam_y(y), adam_z(z);
  for (int step = 0; step < o.steps; ++step) {
    const Schedule now = At(step, o.steps);
    auto draw = [&](const torch::Tensor& r) { return DrawNeighbour(r, now, generator); };
    const torch::Tensor cost = Cost(config, model->CodeLatent(y, z, level, draw), x, lambda);
    const auto gradients = torch::autograd::grad({cost}, {y, z});
    {
      torch::NoGradGuard no_grad;
      adam_y.Step(y, gradients[0], kRate * now.rate);
      adam_z.Step(z, gradients[1], kHyperRate * now.rate);
    }
    if ((step + 1) * kLooks / o.steps > step * kLooks / o.steps) look();
    if (o.progress) o.progress();
  }
  return best;
}

}  // namespace halfmoon::networks
