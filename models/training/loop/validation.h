// Validation: rate and distortion per quality level on pictures the run never saw. LibTorch.
#pragma once

#include <torch/torch.h>

#include <vector>

#include "models/networks/autoencoder.h"
#include "models/training/loop/worker_pool.h"

namespace halfmoon::training {

struct RatePoint {
  double level = 0;
  double bpp = 0;   // estimated bits, rounded latents, mean over the pictures
  double psnr = 0;  // dB, mean over the pictures, reconstruction clamped and rounded to 8 bits
  double ms_ssim_db = 0;  // -10 log10(1 - MS-SSIM), mean over the pictures
  double loss = 0;        // bpp + lambda * distortion; what the model was trained for
};

struct ValidationResult {
  std::vector<RatePoint> points;
  // Mean of ln(loss) over the levels: one number to compare runs by; 0.01 less is about 1 % better.
  double score = 0;
  double ms_ssim_db = 0;  // mean over the levels
};

// `crops`: [n, 3, S, S]. The model is switched to evaluation and back.
ValidationResult Validate(networks::Autoencoder& model, const torch::Tensor& crops,
                          const std::vector<double>& levels, WorkerPool& pool);

}  // namespace halfmoon::training
