#include "models/networks/vqvae.h"

#include <cmath>

#include "models/networks/ops.h"

namespace halfmoon::networks {

VqvaeImpl::VqvaeImpl(const VqvaeConfig& c) : config_(c) {
  const std::int64_t m = c.transforms.latent_channels;
  g_a = register_module("g_a", Analysis(c.transforms));
  g_s = register_module("g_s", Synthesis(c.transforms));
  project = register_buffer("project", torch::eye(c.dim, m));
  unproject = register_buffer("unproject", torch::eye(m, c.dim));
  slopes = register_buffer("slopes", torch::zeros({c.stages}));
  slopes_final = register_buffer("slopes_final", torch::zeros({}, torch::kLong));
  support =
      register_buffer("support", torch::arange(c.code_dim, torch::kLong).repeat({c.stages, 1}));
  for (std::int64_t s = 0; s < c.stages; ++s) {
    CodebookConfig codebook{c.codes, c.code_dim};
    codebook.ema = true;
    codebooks.push_back(register_module("stage" + std::to_string(s), Codebook(codebook)));
  }
  prior = register_module("prior", IndexPrior(c));
}

torch::Tensor VqvaeImpl::Analyse(const torch::Tensor& x) {
  const torch::Tensor level =
      torch::full({x.size(0)}, static_cast<double>(config_.analysis_level), x.options());
  return Pointwise(g_a(x, level), project.view({config_.dim, -1, 1, 1}), {});
}

torch::Tensor VqvaeImpl::SynthesisLevel(const torch::Tensor& used) const {
  const double step = config_.LevelOf(2) - config_.LevelOf(1);
  return (used.to(torch::kFloat32) - 1) * step + config_.LevelOf(1);
}

torch::Tensor VqvaeImpl::Synthesise(const torch::Tensor& z, const torch::Tensor& used) {
  return g_s->Refine(Coarse(z, used), SynthesisLevel(used));
}

CoarsePicture VqvaeImpl::Coarse(const torch::Tensor& z, const torch::Tensor& used) {
  return g_s->Coarse(Pointwise(z, unproject.view({-1, config_.dim, 1, 1}), {}),
                     SynthesisLevel(used));
}

VqvaeImpl::Quantised VqvaeImpl::Quantise(const torch::Tensor& p,
                                         const std::vector<std::int64_t>& used, bool keep_sums) {
  const std::int64_t n = p.size(0), d = p.size(1), h = p.size(2), w = p.size(3);
  const torch::Tensor rows = ToRows(p.detach()).to(torch::kFloat32).contiguous();
  torch::Tensor sum = torch::zeros_like(rows);
  torch::Tensor state = torch::zeros({n * h * w, config_.context_channels}, rows.options());
  Quantised out;
  torch::Tensor row_bits = torch::zeros({n * h * w}, rows.options());
  std::vector<torch::Tensor> stage_bits, stage_energy;
  const double per_bit = 1 / std::log(2.0);
  for (std::int64_t s = 0; s < config_.stages; ++s) {
    std::int64_t active = 0;
    while (active < n && used[static_cast<std::size_t>(active)] > s) ++active;
    if (active == 0) break;
    const std::int64_t count = active * h * w;
    const auto stage = static_cast<std::size_t>(s);
    const torch::Tensor residual =
        (rows.slice(0, 0, count) - sum.slice(0, 0, count)).index_select(1, support[s]);
    const torch::Tensor embedding = prior->Embedding(s);
    state = state.slice(0, 0, count);
    torch::Tensor index = torch::zeros({count}, torch::kLong);
    torch::Tensor bits = torch::zeros({count}, rows.options());
    for (int k = 0; k < kVqPasses; ++k) {
      const torch::Tensor logits = prior->Logits(s, k, ToMap(state, {active, 0, h, w}));
      const torch::Tensor cost = torch::log_softmax(logits, 1) * -per_bit;
      const torch::Tensor at = IndexPriorImpl::PassRows(k, active, h, w);
      torch::Tensor chosen;
      {
        torch::NoGradGuard no_grad;
        chosen = codebooks[stage]->Nearest(residual.index_select(0, at),
                                           cost * (slopes[s] * config_.SlopeShare(s)));
      }
      index.index_copy_(0, at, chosen);
      bits = bits.index_add(0, at, cost.gather(1, chosen.view({-1, 1})).view({-1}));
      state = state.index_add(0, at, embedding.index_select(0, chosen));
    }
    {
      torch::NoGradGuard no_grad;
      sum.slice(0, 0, count).index_add_(1, support[s], codebooks[stage]->Codes(index));
    }
    row_bits = row_bits + torch::constant_pad_nd(bits, {0, n * h * w - count});
    stage_bits.push_back(bits.detach().sum());
    stage_energy.push_back((rows.slice(0, 0, count) - sum.slice(0, 0, count)).square().sum());
    out.indices.push_back(index);
    out.residuals.push_back(residual);
    if (keep_sums) out.sums.push_back(ToMap(sum.slice(0, 0, count).clone(), {active, d, h, w}));
  }
  out.z = ToMap(sum, {n, d, h, w});
  out.bits = row_bits.view({n, h * w}).sum(1);
  out.stage_bits = torch::stack(stage_bits);
  out.stage_energy = torch::stack(stage_energy);
  return out;
}

}  // namespace halfmoon::networks
