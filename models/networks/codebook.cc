#include "models/networks/codebook.h"

#include <cmath>
#include <limits>

namespace halfmoon::networks {
namespace {

// k-means++: each start is a row drawn with a probability proportional to its squared distance from
// the starts before it.
torch::Tensor SpreadStart(const torch::Tensor& rows, std::int64_t count, at::Generator generator) {
  const std::int64_t n = rows.size(0);
  std::vector<torch::Tensor> starts;
  torch::Tensor distance = torch::full({n}, std::numeric_limits<float>::infinity(), rows.options());
  torch::Tensor weight = torch::ones({n}, rows.options());
  for (std::int64_t k = 0; k < count; ++k) {
    // All rows used up (duplicates): any will do.
    if (weight.sum().item<double>() <= 0) weight = torch::ones_like(weight);
    const torch::Tensor i = torch::multinomial(weight, 1, false, generator);
    starts.push_back(rows.index_select(0, i));
    distance = torch::minimum(distance, (rows - starts.back()).square().sum(1));
    weight = distance;
  }
  return torch::cat(starts);
}

}  // namespace

torch::Tensor UnitRows(const torch::Tensor& rows) {
  namespace F = torch::nn::functional;
  return F::normalize(rows, F::NormalizeFuncOptions().dim(1));
}

CodebookImpl::CodebookImpl(const CodebookConfig& c) : config_(c) {
  const torch::Tensor start =
      Placed(torch::randn({c.codes, c.dim}) / std::sqrt(static_cast<double>(c.dim)));
  if (c.ema) {
    codes_ = register_buffer("codes", start);
    average_count_ = register_buffer("average_count", torch::ones({c.codes}));
    average_sum_ = register_buffer("average_sum", start.clone());
  } else {
    codes_ = register_parameter("codes", start);
  }
}

torch::Tensor CodebookImpl::Nearest(const torch::Tensor& rows, const torch::Tensor& penalty) const {
  TORCH_CHECK(!(config_.cosine && penalty.defined()), "Nearest: a cosine codebook has no penalty");
  torch::NoGradGuard no_grad;
  const torch::Tensor codes = Placed(codes_);
  const torch::Tensor half_squares = codes.square().sum(1) * 0.5;
  // |r - e|^2 / 2 = |r|^2 / 2 - r e + |e|^2 / 2, and a row's own length shifts all its distances
  // alike. Blocks bound the memory of large pictures.
  constexpr std::int64_t kBlock = 16384;
  std::vector<torch::Tensor> indices;
  for (std::int64_t i = 0; i < rows.size(0); i += kBlock) {
    torch::Tensor half_distance = half_squares - rows.slice(0, i, i + kBlock).mm(codes.t());
    if (penalty.defined()) {
      half_distance += (penalty.dim() == 2 ? penalty.slice(0, i, i + kBlock) : penalty) * 0.5;
    }
    indices.push_back(half_distance.argmin(1));
  }
  return indices.empty() ? torch::empty({0}, torch::kLong) : torch::cat(indices);
}

CodebookImpl::Members CodebookImpl::CountMembers(const torch::Tensor& rows,
                                                 const torch::Tensor& indices) const {
  torch::NoGradGuard no_grad;
  const torch::Tensor ones = torch::ones({indices.size(0)}, rows.options());
  return {torch::zeros({config_.codes}, rows.options()).index_add(0, indices, ones),
          torch::zeros({config_.codes, config_.dim}, rows.options())
              .index_add(0, indices, Placed(rows))};
}

void CodebookImpl::UpdateAverages(const Members& members, double decay) {
  TORCH_CHECK(config_.ema, "UpdateAverages: this codebook is trained by gradients");
  torch::NoGradGuard no_grad;
  average_count_.lerp_(members.count, 1 - decay);
  average_sum_.lerp_(members.sum, 1 - decay);
  if (config_.cosine) {
    constexpr double kNothing = 1e-12;  // a code whose members are long gone stays where it is
    const torch::Tensor length = average_sum_.norm(2, 1, /*keepdim=*/true);
    codes_.copy_(torch::where(length > kNothing, average_sum_ / length, codes_));
    return;
  }
  constexpr double kSmall = 1e-5;  // keeps a code without members where it is, not at infinity
  const torch::Tensor total = average_count_.sum();
  const torch::Tensor smooth =
      (average_count_ + kSmall) / (total + static_cast<double>(config_.codes) * kSmall) * total;
  codes_.copy_(average_sum_ / smooth.unsqueeze(1));
}

std::int64_t CodebookImpl::RestartDeadCodes(const torch::Tensor& count, const torch::Tensor& rows,
                                            double threshold, at::Generator generator) {
  torch::NoGradGuard no_grad;
  const torch::Tensor dead = (count <= threshold).nonzero().view({-1});
  const std::int64_t n = std::min(dead.size(0), rows.size(0));
  if (n == 0) return 0;
  const torch::Tensor which = dead.slice(0, 0, n);
  const torch::Tensor order =
      torch::randperm(rows.size(0), generator, torch::kLong).to(rows.device());
  const torch::Tensor drawn = Placed(rows.index_select(0, order.slice(0, 0, n)));
  codes_.index_copy_(0, which, drawn);
  if (config_.ema) {
    average_count_.index_fill_(0, which, 1);
    average_sum_.index_copy_(0, which, drawn);
  }
  return n;
}

void CodebookImpl::InitialiseByKMeans(const torch::Tensor& all, int iterations,
                                      at::Generator generator) {
  TORCH_CHECK(all.size(0) >= config_.codes, "k-means needs at least as many rows as codes");
  torch::NoGradGuard no_grad;
  const torch::Tensor rows = Placed(all);
  codes_.copy_(SpreadStart(rows, config_.codes, generator));
  for (int i = 0; i < iterations; ++i) {
    const Members m = CountMembers(rows, Nearest(rows));
    const torch::Tensor centres = Placed(m.sum / m.count.clamp_min(1).unsqueeze(1));
    codes_.copy_(torch::where((m.count > 0).unsqueeze(1), centres, codes_));
    RestartDeadCodes(m.count, rows, 0, generator);
  }
  SetCodes(codes_.detach().clone());
}

void CodebookImpl::SetCodes(const torch::Tensor& codes) {
  torch::NoGradGuard no_grad;
  codes_.copy_(codes);
  if (config_.ema) {
    average_count_.fill_(1);
    average_sum_.copy_(codes);
  }
}

void CodebookImpl::KeepLength() {
  torch::NoGradGuard no_grad;
  if (config_.cosine) codes_.copy_(UnitRows(codes_));
}

double CodebookUsage(const torch::Tensor& count) {
  return (count > 0).to(torch::kFloat64).mean().item<double>();
}

double CodebookPerplexity(const torch::Tensor& count) {
  const torch::Tensor p = count.to(torch::kFloat64) / count.sum().clamp_min(1).to(torch::kFloat64);
  return (-(p * p.clamp_min(1e-300).log()).sum()).exp().item<double>();
}

}  // namespace halfmoon::networks
