#include "models/networks/low_precision.h"

#include <algorithm>
#include <chrono>

namespace halfmoon::networks {
namespace {

bool g_bfloat16 = false;

// Seconds of a product as the depth-wise blocks have them, the best of several.
double SecondsOfProduct(torch::ScalarType type) {
  const torch::Tensor rows = torch::ones({2048, 128}, type), matrix = torch::ones({256, 128}, type);
  const torch::Tensor bias = torch::zeros({256}, type);
  double best = 1e9;
  for (int i = 0; i < 12; ++i) {  // the first ones make the kernels
    const auto start = std::chrono::steady_clock::now();
    const torch::Tensor out = at::addmm(bias, rows, matrix.t());
    const torch::Tensor back = out.t().mm(rows);
    const std::chrono::duration<double> seconds = std::chrono::steady_clock::now() - start;
    best = std::min(best, seconds.count());
  }
  return best;
}

}  // namespace

void SetBfloat16Products(bool on) { g_bfloat16 = on; }
bool Bfloat16Products() { return g_bfloat16; }

torch::Tensor Low(const torch::Tensor& x) { return g_bfloat16 ? x.to(torch::kBFloat16) : x; }

bool HasBfloat16Instructions() {
#if defined(__x86_64__)
  return __builtin_cpu_supports("avx512bf16");
#else
  return false;
#endif
}

bool Bfloat16IsFaster() {
  torch::NoGradGuard no_grad;
  // Conversions take a part of the gain.
  return SecondsOfProduct(torch::kBFloat16) < 0.8 * SecondsOfProduct(torch::kFloat32);
}

}  // namespace halfmoon::networks
