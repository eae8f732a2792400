#include "models/training/loop/validation.h"

#include <cmath>

#include "models/networks/distortion.h"
#include "models/networks/ms_ssim.h"

namespace halfmoon::training {

ValidationResult Validate(networks::Autoencoder& model, const torch::Tensor& crops,
                          const std::vector<double>& levels, WorkerPool& pool) {
  const bool was_training = model->is_training();
  model->eval();
  const std::int64_t n = crops.size(0);
  const double pixels = static_cast<double>(crops.size(2) * crops.size(3));
  const torch::Device device = model->parameters().front().device();
  // One job is one picture at one level; results have their own place, so their order is fixed.
  const std::size_t jobs = levels.size() * static_cast<std::size_t>(n);
  std::vector<double> bits(jobs), psnr(jobs), ms_ssim_db(jobs), distortion(jobs);
  pool.Run([&](int w) {
    torch::NoGradGuard no_grad;
    for (std::size_t job = static_cast<std::size_t>(w); job < jobs;
         job += static_cast<std::size_t>(pool.size())) {
      const double level = levels[job / static_cast<std::size_t>(n)];
      const auto i = static_cast<std::int64_t>(job % static_cast<std::size_t>(n));
      const torch::Tensor x = crops.slice(0, i, i + 1).to(device);
      const auto out = model->forward(x, torch::full({1}, level, x.options()), c10::nullopt);
      bits[job] = (out.y_bits + out.z_bits).item<double>();
      const torch::Tensor rounded = (out.x_hat.clamp(0, 1) * 255).round() / 255;
      const double mse = (rounded - x).square().mean().item<double>();
      psnr[job] = -10 * std::log10(std::max(mse, 1e-14));
      ms_ssim_db[job] =
          -10 * std::log10(std::max(1 - networks::MsSsim(x, rounded).item<double>(), 1e-7));
      distortion[job] = networks::Distortion(model->config(), x, rounded).item<double>();
    }
  });
  ValidationResult result;
  for (std::size_t l = 0; l < levels.size(); ++l) {
    RatePoint p;
    p.level = levels[l];
    double sum = 0;
    for (std::size_t i = l * static_cast<std::size_t>(n); i < (l + 1) * static_cast<std::size_t>(n);
         ++i) {
      p.bpp += bits[i] / pixels / static_cast<double>(n);
      p.psnr += psnr[i] / static_cast<double>(n);
      p.ms_ssim_db += ms_ssim_db[i] / static_cast<double>(n);
      sum += distortion[i] / static_cast<double>(n);
    }
    p.loss = p.bpp + model->config().Lambda(p.level) * sum;
    result.ms_ssim_db += p.ms_ssim_db / static_cast<double>(levels.size());
    result.score += std::log(p.loss) / static_cast<double>(levels.size());
    result.points.push_back(p);
  }
  model->train(was_training);
  return result;
}

}  // namespace halfmoon::training
