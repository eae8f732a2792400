#include "models/networks/autoencoder.h"

#include <cmath>

#include "models/networks/ops.h"
#include "models/runtime/ae/ae_transforms.h"

namespace halfmoon::networks {
namespace {

// Uniform noise in [-1/2, 1/2) of x's shape, from `generator`.
torch::Tensor UniformNoise(const torch::Tensor& x, const c10::optional<at::Generator>& generator) {
  return torch::empty_like(x).uniform_(-0.5, 0.5, generator);
}

}  // namespace

HyperAnalysisImpl::HyperAnalysisImpl(const AeConfig& c) {
  const std::int64_t w = c.hyper_width;
  in_ = register_module("in", Conv1x1(c.latent_channels, w));
  down1_ = register_module("down1", Conv1x1(4 * w, w));
  mid1_ = register_module("mid1", DepthBlock(w));
  down2_ = register_module("down2", Conv1x1(4 * w, w));
  mid2_ = register_module("mid2", DepthBlock(w));
  out_ = register_module("out", Conv1x1(w, c.hyper_channels));
}

torch::Tensor HyperAnalysisImpl::forward(const torch::Tensor& y) {
  // The latent reaches hundreds at high quality; the first layer likes it near one.
  torch::Tensor h = in_(y * 0.25, 0.1);
  h = mid1_(down1_->Down(h));
  h = mid2_(down2_->Down(h));
  return out_(h);
}

AutoencoderImpl::AutoencoderImpl(const AeConfig& c) : config_(c) {
  g_a = register_module("g_a", Analysis(c));
  g_s = register_module("g_s", Synthesis(c));
  h_a = register_module("h_a", HyperAnalysis(c));
  h_s = register_module("h_s", HyperSynthesis(c));
  context = register_module("context", ContextModel(c));
  gain = register_module("gain", LevelVector(c.level_anchors, c.latent_channels, true));
  inverse_gain =
      register_module("inverse_gain", LevelVector(c.level_anchors, c.latent_channels, true));
  z_table = register_module("z_table", LevelVector(c.level_anchors, c.hyper_channels, false));
  z_mean = register_module("z_mean", LevelVector(c.level_anchors, c.hyper_channels, false));
  // For an orthonormal transform at high rate the best step is sqrt(18 / (lambda ln 2)) grey
  // levels: minimise lambda step^2 / 12 - 3 log2(step) per pixel. Pixels are in [0, 1].
  auto log_gain = [&](double level) {
    return std::log(255.0 / std::sqrt(18.0 / (c.Lambda(level) * std::log(2.0))));
  };
  gain->Initialise(log_gain);
  inverse_gain->Initialise([&](double level) { return -log_gain(level); });
  z_table->Initialise(
      [](double) { return ContextPassImpl::kInitialTable / ContextPassImpl::kTableGain; });
}

torch::Tensor AutoencoderImpl::Latent(const torch::Tensor& x, const torch::Tensor& level) {
  return g_a(x, level) * gain(level);
}

torch::Tensor AutoencoderImpl::Corrected(const torch::Tensor& y, const torch::Tensor& level) {
  const torch::Tensor decoded = y.round();
  const torch::Tensor x_hat = g_s(decoded * inverse_gain(level), level).clamp(0, 1);
  return y + runtime::kAeCorrection * (decoded - Latent(x_hat, level));
}

AutoencoderImpl::Output AutoencoderImpl::forward(const torch::Tensor& x, const torch::Tensor& level,
                                                 const c10::optional<at::Generator>& generator) {
  torch::Tensor y = Latent(x, level);
  if (correct_latents_) {
    const auto correction = [&] {
      const torch::NoGradGuard no_grad;
      return Corrected(y, level) - y;
    };
    y = y + correction();
  }
  const torch::Tensor z = h_a(y);
  if (!is_training()) return Code(y, z, level, latent_quantiser_, SteRound, nullptr);
  return Code(y, z, level, latent_quantiser_, SteRound,
              [&](const torch::Tensor& r) { return r + UniformNoise(r, generator); });
}

AutoencoderImpl::Output AutoencoderImpl::CodeLatent(const torch::Tensor& y, const torch::Tensor& z,
                                                    const torch::Tensor& level,
                                                    const Quantiser& quantise) {
  return Code(y, z, level, Elementwise(quantise), quantise, nullptr);
}

AutoencoderImpl::Output AutoencoderImpl::Code(const torch::Tensor& y, const torch::Tensor& z,
                                              const torch::Tensor& level,
                                              const LatentQuantiser& quantise_y,
                                              const Quantiser& quantise_z,
                                              const Quantiser& rate_noise) {
  // Everything that selects probabilities sees the nearest whole level, as in the file.
  const torch::Tensor whole = (level + 0.5).floor();
  torch::Tensor zt = z_table(whole) * ContextPassImpl::kTableGain;
  torch::Tensor zm = z_mean(whole);
  if (quantised_) {
    zt = SteRound(zt);
    zm = SteRound(zm * 16) * (1.0 / 16);
  }
  const torch::Tensor z_hat = quantise_z(z - zm) + zm;
  const torch::Tensor f = h_s(z_hat, whole);
  const ContextModelImpl::Output c = context->forward(f, y, quantise_y);

  const bool knows_bits = !rate_noise && c.bits.defined();
  const torch::Tensor ry = rate_noise ? rate_noise(y - c.mean) : c.y_hat - c.mean;
  const torch::Tensor rz = rate_noise ? rate_noise(z - zm) : z_hat - zm;
  Output out;
  out.y_bits = (knows_bits ? c.bits : GaussianBits(ry, c.t)).sum({1, 2, 3});
  out.z_bits = GaussianBits(rz, zt.expand_as(rz)).sum({1, 2, 3});
  out.coarse = g_s->Coarse(c.y_hat * inverse_gain(level), level);
  out.x_hat = g_s->Refine(out.coarse, level);
  return out;
}

void AutoencoderImpl::SetQuantised(bool on) {
  quantised_ = on;
  h_s->SetQuantised(on);
  context->SetQuantised(on);
}

void AutoencoderImpl::TakeLevelsOf(const AeConfig& other) {
  if (other.lambda_min == config_.lambda_min && other.lambda_max == config_.lambda_max) return;
  for (const auto& module : modules(false)) {
    if (auto* vector = module->as<LevelVectorImpl>())
      vector->Resample([&](double level) { return other.Level(config_.Lambda(level)); });
  }
}

void AutoencoderImpl::InitialiseLinear(const torch::Tensor& basis) {
  // Neighbours in variance go to different channel groups, so that every coding pass carries a
  // quarter of the energy at each position.
  const std::int64_t m = config_.latent_channels;
  std::vector<std::int64_t> rank(static_cast<std::size_t>(m));
  for (std::int64_t i = 0; i < m; ++i)
    rank[static_cast<std::size_t>((i % 4) * (m / 4) + i / 4)] = i;
  const torch::Tensor order = torch::tensor(rank);
  const torch::Tensor rows = basis.index_select(0, order);
  g_a->InitialiseLinear(rows);
  g_s->InitialiseLinear(rows);
}

}  // namespace halfmoon::networks
