// What a photographic codec is trained to keep low. LibTorch.
#pragma once

#include <torch/torch.h>

#include "models/config/ae_config.h"

namespace halfmoon::networks {

// So much squared error (of samples 0..255) weighs 1 - MS-SSIM = 1. The usual lambdas of models for
// the one and the other (CompressAI: 0.0018 .. 0.18 and 2.4 .. 220) are that far apart, so a
// quality level makes files of about the same size whatever the model is tuned for.
inline constexpr double kMsSsimError = 1250;

// Squared error of samples 0..255, or its mix with MS-SSIM as `config` says: [N], >= 0.
// x, x_hat: [N, 3, H, W] in [0, 1] (x_hat not clamped). MS-SSIM's conditions on sizes: ms_ssim.h.
torch::Tensor Distortion(const AeConfig& config, const torch::Tensor& x,
                         const torch::Tensor& x_hat);

}  // namespace halfmoon::networks
