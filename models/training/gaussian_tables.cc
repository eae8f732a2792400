#include "models/training/gaussian_tables.h"

#include <algorithm>
#include <cmath>
#include <cstddef>

#include "models/networks/ae_config.h"

namespace halfmoon::training {
namespace {

constexpr std::int32_t kTotal = 1 << 16;

double NormalTail(double x) { return 0.5 * std::erfc(x / std::sqrt(2.0)); }  // P(N > x)

// Integers >= 1 with the given sum, as close as possible to `p` (sum 1) in coding cost: the largest
// entries give or take what rounding leaves over, where one step costs the least.
std::vector<std::int32_t> Quantise(const std::vector<double>& p) {
  std::vector<std::int32_t> f(p.size());
  std::int32_t sum = 0;
  for (std::size_t i = 0; i < p.size(); ++i) {
    f[i] = std::max(1, static_cast<std::int32_t>(std::lround(p[i] * kTotal)));
    sum += f[i];
  }
  while (sum != kTotal) {
    const std::int32_t step = sum < kTotal ? 1 : -1;
    std::size_t best = f.size();
    double best_gain = -1e300;
    for (std::size_t i = 0; i < f.size(); ++i) {
      if (f[i] + step < 1) continue;
      const double gain = p[i] * std::log(static_cast<double>(f[i] + step) / f[i]);
      if (gain > best_gain) best_gain = gain, best = i;
    }
    f[best] += step;
    sum += step;
  }
  return f;
}

}  // namespace

FrequencyTables MakeGaussianTables() {
  std::vector<double> scales;
  for (int t = 0; t < networks::kScaleTables; ++t) scales.push_back(networks::TableScale(t));
  return MakeGaussianTables(scales);
}

FrequencyTables MakeGaussianTables(const std::vector<double>& scales) {
  FrequencyTables tables;
  for (const double sigma : scales) {
    // Out to where a symbol's probability falls below half a step; the rest is the escape's.
    int reach = 1;
    while (NormalTail((reach + 0.5) / sigma) * 2 * kTotal > 0.5) ++reach;
    std::vector<double> p;
    for (int r = -reach; r <= reach; ++r) {
      const double a = std::abs(r);
      p.push_back(NormalTail((a - 0.5) / sigma) - NormalTail((a + 0.5) / sigma));
    }
    p.push_back(2 * NormalTail((reach + 0.5) / sigma));
    const std::vector<std::int32_t> f = Quantise(p);
    tables.sizes.push_back(static_cast<std::int32_t>(f.size()));
    tables.offsets.push_back(-reach);
    tables.frequencies.insert(tables.frequencies.end(), f.begin(), f.end());
  }
  return tables;
}

}  // namespace halfmoon::training
