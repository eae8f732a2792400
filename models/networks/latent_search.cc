#include "models/networks/latent_search.h"

#include <algorithm>
#include <cmath>
#include <numbers>

#include "models/networks/distortion.h"
#include "models/networks/ops.h"

namespace halfmoon::networks {
namespace {

// Found by short searches (docs/training-log.md). The rate is in quantiser steps.
constexpr double kLearningRate = 0.01;
constexpr double kMomentum = 0.9, kSquareDecay = 0.999;
constexpr double kTemperature = 0.3, kFinalTemperature = 0.15;  // reached at 70 % of the steps
// What a search saves goes into bits and distortion as their cost says. With lambda itself the
// picture would get worse by 0.1 to 0.3 dB, which nobody expects of an effort; with this it stays
// as it was.
constexpr double kDistortionWeight = 1.2;
constexpr int kLooks = 4;  // how often a search looks what its latent costs when it is rounded

// Bits + lambda * distortion, in bits.
torch::Tensor Cost(const AeConfig& config, const AutoencoderImpl::Output& out,
                   const torch::Tensor& x, double lambda) {
  const double pixels = static_cast<double>(x.size(2) * x.size(3));
  return out.y_bits.sum() + out.z_bits.sum() +
         lambda * pixels * Distortion(config, x, out.x_hat).sum();
}

// Softly to one of the two neighbours of r. The draw is a Gumbel-softmax over both, of temperature
// 1: with sharper draws, as in the paper, the gradients were noisier and the search slower.
torch::Tensor DrawNeighbour(const torch::Tensor& r, double temperature, at::Generator& generator) {
  const torch::Tensor low = r.detach().floor();
  const torch::Tensor share = (r - low).clamp(1e-4, 1 - 1e-4);  // 0: on the lower neighbour
  const torch::Tensor odds = (torch::atanh(share) - torch::atanh(1 - share)) * (1 / temperature);
  const torch::Tensor u = torch::empty_like(odds).uniform_(1e-6, 1 - 1e-6, generator);
  // A logistic variable: the difference of two Gumbel variables.
  return low + torch::sigmoid(odds + u.logit());
}

// Adam with the learning rate of a share of the search.
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

torch::Tensor SearchLatent(Autoencoder& model, const torch::Tensor& x, const torch::Tensor& level,
                           const LatentSearchOptions& o) {
  const AeConfig& config = model->config();
  const double lambda = config.Lambda(level.item<double>()) * kDistortionWeight;
  torch::Tensor best, y;
  double best_cost = 0;
  auto look = [&] {
    torch::NoGradGuard no_grad;
    const double cost =
        Cost(config, model->CodeLatent(y, level, SteRound), x, lambda).item<double>();
    if (best.defined() && !(cost < best_cost)) return;
    best = y.detach().clone();
    best_cost = cost;
  };
  {
    torch::NoGradGuard no_grad;
    y = model->Latent(x, level).contiguous(torch::MemoryFormat::ChannelsLast);
  }
  look();

  at::Generator generator = at::detail::createCPUGenerator(o.seed);
  y.requires_grad_(true);
  Adam adam(y);
  for (int step = 0; step < o.steps; ++step) {
    const double share = static_cast<double>(step) / o.steps;
    const double temperature =
        kTemperature * std::pow(kFinalTemperature / kTemperature, std::min(1.0, share / 0.7));
    const double rate =
        kLearningRate *
        (share < 0.5 ? 1 : 0.5 * (1 + std::cos(std::numbers::pi * (2 * share - 1))));
    const torch::Tensor cost =
        Cost(config,
             model->CodeLatent(
                 y, level,
                 [&](const torch::Tensor& r) { return DrawNeighbour(r, temperature, generator); }),
             x, lambda);
    const torch::Tensor gradient = torch::autograd::grad({cost}, {y})[0];
    {
      torch::NoGradGuard no_grad;
      adam.Step(y, gradient, rate);
    }
    if ((step + 1) * kLooks / o.steps > step * kLooks / o.steps) look();
    if (o.progress) o.progress();
  }
  return best;
}

}  // namespace halfmoon::networks
