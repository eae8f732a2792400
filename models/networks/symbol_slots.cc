#include "models/networks/symbol_slots.h"

namespace halfmoon::networks {

torch::Tensor ToSlots(const torch::Tensor& map) {
  const std::int64_t n = map.size(0), m = map.size(1), h = map.size(2) / 2, w = map.size(3) / 2;
  return map.permute({0, 2, 3, 1})
      .reshape({n, h, 2, w, 2, 4, m / 4})
      .permute({2, 4, 5, 0, 1, 3, 6})
      .reshape({16, n * h * w, m / 4});
}

torch::Tensor FromSlots(const torch::Tensor& slots, at::IntArrayRef s) {
  const std::int64_t n = s[0], m = s[1], h = s[2] / 2, w = s[3] / 2;
  return slots.view({2, 2, 4, n, h, w, m / 4})
      .permute({3, 4, 0, 5, 1, 2, 6})
      .reshape({n, 2 * h, 2 * w, m})
      .permute({0, 3, 1, 2});
}

torch::Tensor ByClass(const torch::Tensor& map) {
  const std::int64_t n = map.size(0), c = map.size(1), h = map.size(2) / 2, w = map.size(3) / 2;
  return map.permute({0, 2, 3, 1})
      .reshape({n, h, 2, w, 2, c})
      .permute({2, 4, 0, 1, 3, 5})
      .reshape({4, n * h * w, c});
}

torch::Tensor PassGroups(int k) {
  const torch::Tensor groups = torch::arange(4, torch::kLong);
  return groups.bitwise_xor(kAePassOrder[static_cast<std::size_t>(k)]);
}

torch::Tensor PassSlots(int k) { return PassGroups(k) + torch::arange(0, 16, 4, torch::kLong); }

torch::Tensor CollectSlots(const std::vector<torch::Tensor>& passes) {
  torch::Tensor order = torch::empty({16}, torch::kLong);
  for (int k = 0; k < kAePasses; ++k) {
    order.index_put_({PassSlots(k)}, torch::arange(4 * k, 4 * k + 4, torch::kLong));
  }
  std::vector<torch::Tensor> parts = passes;
  for (std::size_t k = passes.size(); k < kAePasses; ++k) {
    parts.push_back(torch::zeros_like(passes[0]));
  }
  return torch::cat(parts).index_select(0, order.to(passes[0].device()));
}

}  // namespace halfmoon::networks
