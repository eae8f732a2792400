#include "models/networks/distortion.h"

#include "models/networks/ms_ssim.h"

namespace halfmoon::networks {

torch::Tensor Distortion(const AeConfig& config, const torch::Tensor& x,
                         const torch::Tensor& x_hat) {
  const torch::Tensor error = (x_hat - x).square().mean({1, 2, 3}) * (255.0 * 255.0);
  const double share = config.ms_ssim_share;
  if (share == 0) return error;
  return (1 - share) * error + share * kMsSsimError * (1 - MsSsim(x, x_hat));
}

}  // namespace halfmoon::networks
