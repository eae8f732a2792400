#include "models/networks/dependent_rounding.h"

#include <algorithm>
#include <cmath>
#include <vector>

#include "bitstream/trellis.h"
#include "models/runtime/ae/ae_transforms.h"

namespace halfmoon::networks {
namespace {

// Of float32 values on the CPU, contiguous.
torch::Tensor ForReading(const torch::Tensor& x) {
  return x.detach().to(torch::kCPU, torch::kFloat32).contiguous();
}

QuantisedLatent RoundDependently(const CdfTables& cdf, const DependentTables& tables,
                                 const torch::Tensor& r, const torch::Tensor& t) {
  const torch::Tensor r_here = ForReading(r), t_here = ForReading(t);
  const auto n = static_cast<std::size_t>(r_here.numel());
  const float *residual = r_here.data_ptr<float>(), *table = t_here.data_ptr<float>();
  std::vector<std::uint8_t> scales(n), path_tables(n);
  std::vector<std::int32_t> residuals(n), symbols(n), values(n);
  for (std::size_t i = 0; i < n; ++i) {
    const float bounded = std::clamp(table[i], 0.0f, static_cast<float>(kScaleTables - 1));
    scales[i] = static_cast<std::uint8_t>(std::lround(bounded));
    residuals[i] = runtime::AeResidual(residual[i], 0, kResidualUnit);
  }
  ChooseDependentSymbols(cdf, tables, scales, residuals, kErrorWeight, symbols);
  FollowPath(tables, scales, symbols, values, path_tables);

  torch::Tensor value = torch::empty_like(r_here), bits = torch::empty_like(r_here);
  for (std::size_t i = 0; i < n; ++i) {
    value.data_ptr<float>()[i] = static_cast<float>(values[i]) / DependentTables::kStep;
    bits.data_ptr<float>()[i] = static_cast<float>(cdf.CostQ16(path_tables[i], symbols[i])) / 65536;
  }
  return {r + (value.to(r.device()) - r.detach()), bits.to(r.device())};
}

}  // namespace

LatentQuantiser DependentRounding(std::shared_ptr<const CdfTables> cdf,
                                  const DependentTables& tables) {
  return [cdf = std::move(cdf), tables](const torch::Tensor& r, const torch::Tensor& t) {
    return RoundDependently(*cdf, tables, r, t);
  };
}

}  // namespace halfmoon::networks
