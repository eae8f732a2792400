#include "models/networks/ms_ssim.h"

#include <algorithm>
#include <cmath>
#include <iterator>

namespace halfmoon::networks {
namespace {

constexpr std::int64_t kWindow = 11;
constexpr std::int64_t kBlock = 32;  // outputs of one product
constexpr double kWindowSigma = 1.5;
constexpr double kC1 = 0.01 * 0.01, kC2 = 0.03 * 0.03;
// Exponents of the scales, finest first.
constexpr double kExponents[] = {0.0448, 0.2856, 0.3001, 0.2363, 0.1333};
constexpr double kLeastSimilarity = 1e-4;

// [kBlock + 10, kBlock]: the window's weights along each column. A line of kBlock + 10 numbers
// times this is kBlock means.
torch::Tensor MakeBand() {
  torch::Tensor taps = torch::arange(kWindow, torch::kFloat64) - kWindow / 2;
  taps = (-taps.square() / (2 * kWindowSigma * kWindowSigma)).exp();
  taps = taps / taps.sum();
  torch::Tensor band = torch::zeros({kBlock + kWindow - 1, kBlock}, torch::kFloat64);
  for (std::int64_t i = 0; i < kBlock; ++i) band.slice(0, i, i + kWindow).select(1, i).copy_(taps);
  return band;
}

// Both passes as matrix products with the band, block by block: many times faster than a
// convolution of one channel, and the same code on every device.
torch::Tensor Filter(const torch::Tensor& input) {
  static const torch::Tensor exact = MakeBand();
  const torch::Tensor x = input.contiguous(), band = exact.to(input.options());
  const std::int64_t height = x.size(-2), width = x.size(-1), maps = x.numel() / (height * width);
  const std::int64_t out_height = height - kWindow + 1, out_width = width - kWindow + 1;
  const torch::Tensor lines = x.view({maps * height, width});
  torch::Tensor across = torch::empty({maps * height, out_width}, x.options());
  for (std::int64_t from = 0; from < out_width; from += kBlock) {
    const std::int64_t n = std::min(kBlock, out_width - from), m = n + kWindow - 1;
    torch::Tensor part = across.narrow(1, from, n);
    at::mm_out(part, lines.narrow(1, from, m), band.slice(0, 0, m).slice(1, 0, n));
  }
  across = across.view({maps, height, out_width});
  torch::Tensor out = torch::empty({maps, out_height, out_width}, x.options());
  for (std::int64_t map = 0; map < maps; ++map) {
    for (std::int64_t from = 0; from < out_height; from += kBlock) {
      const std::int64_t n = std::min(kBlock, out_height - from), m = n + kWindow - 1;
      torch::Tensor part = out[map].narrow(0, from, n);
      at::mm_out(part, band.slice(0, 0, m).slice(1, 0, n).t(), across[map].narrow(0, from, m));
    }
  }
  std::vector<std::int64_t> sizes = x.sizes().vec();
  sizes[sizes.size() - 2] = out_height, sizes.back() = out_width;
  return out.view(sizes);
}

class WindowMeansFunction : public torch::autograd::Function<WindowMeansFunction> {
 public:
  static torch::Tensor forward(torch::autograd::AutogradContext*, const torch::Tensor& x) {
    return Filter(x);
  }
  // The window is symmetric: its adjoint is itself, over the gradient with zeros around.
  static torch::autograd::tensor_list backward(torch::autograd::AutogradContext*,
                                               torch::autograd::tensor_list gradient) {
    return {Filter(
        torch::constant_pad_nd(gradient[0], {kWindow - 1, kWindow - 1, kWindow - 1, kWindow - 1}))};
  }
};

}  // namespace

torch::Tensor WindowMeans(const torch::Tensor& x) { return WindowMeansFunction::apply(x); }

torch::Tensor MsSsim(const torch::Tensor& first, const torch::Tensor& second) {
  torch::Tensor a = first.detach().contiguous(), b = second.contiguous();
  std::size_t scales = 1;
  for (std::int64_t side = std::min(a.size(2), a.size(3)) / 2;
       side >= kWindow && scales < std::size(kExponents); side /= 2) {
    ++scales;
  }
  double sum = 0;
  for (std::size_t s = 0; s < scales; ++s) sum += kExponents[s];
  torch::Tensor product;
  for (std::size_t s = 0; s < scales; ++s) {
    if (s > 0) a = torch::avg_pool2d(a, 2), b = torch::avg_pool2d(b, 2);
    // Only the sum of the two variances is needed, so their squares are filtered together.
    const torch::Tensor mean_a = Filter(a);
    const torch::Tensor means = WindowMeans(torch::cat({b, a.square() + b.square(), a * b}, 1));
    const auto parts = means.chunk(3, 1);
    const torch::Tensor& mean_b = parts[0];
    const torch::Tensor squares = mean_a.square() + mean_b.square(), both = mean_a * mean_b;
    torch::Tensor similarity = (2 * (parts[2] - both) + kC2) / (parts[1] - squares + kC2);
    if (s + 1 == scales) similarity = similarity * ((2 * both + kC1) / (squares + kC1));
    const torch::Tensor power =
        similarity.mean({2, 3}).clamp_min(kLeastSimilarity).pow(kExponents[s] / sum);
    product = s == 0 ? power : product * power;
  }
  return product.mean(1);
}

}  // namespace halfmoon::networks
