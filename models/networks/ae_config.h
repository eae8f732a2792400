// AeConfig: the dimensions of the AE codec's networks. Plain data; must not include LibTorch.
#pragma once

#include <cmath>
#include <cstdint>
#include <map>
#include <string>

#include "halfmoon/status.h"

namespace halfmoon::networks {

// All spatial strides are fixed by the file format: blocks at 1/8, latent y at 1/16, hyper-latent z
// at 1/64, refinement at 1/4. Channel counts and depths are free.
struct AeConfig {
  std::int64_t block_channels = 128;        // C: width at 1/8, analysis and synthesis
  std::int64_t trunk_channels = 192;        // D: width at 1/16
  std::int64_t analysis_blocks = 5;         // depth at 1/8 of g_a
  std::int64_t analysis_trunk_blocks = 2;   // depth at 1/16 of g_a
  std::int64_t synthesis_blocks = 6;        // depth at 1/8 of g_s
  std::int64_t synthesis_trunk_blocks = 2;  // depth at 1/16 of g_s
  std::int64_t latent_channels = 256;       // M: y; a multiple of 4 (channel groups)
  std::int64_t hyper_channels = 96;         // Nz: z
  std::int64_t hyper_width = 128;           // h_a
  std::int64_t prior_h0 = 192;              // h_s at 1/64
  std::int64_t prior_h1 = 128;              // h_s at 1/32
  std::int64_t prior_features = 192;        // F: h_s output at 1/16
  std::int64_t prior_hidden = 224;          // H2: width of the context networks
  // 1: the linear paths see windows of 32x32 pixels that overlap by half, not blocks of 16x16.
  std::int64_t lapped = 0;
  // The refinement of the decoded picture at 1/4 (refinement.h); 0 blocks: none.
  std::int64_t refine_channels = 48;
  std::int64_t refine_blocks = 0;
  // 8: weights are whole steps within 127 (weight_grid.h), and the integer path's as well; 16: half
  // floats, and 2047 steps.
  std::int64_t weight_bits = 16;
  std::int64_t level_anchors = 8;  // gains are interpolated between that many vectors
  double lambda_min = 0.0006;      // level 0
  double lambda_max = 0.16;        // level 63
  // What the model was trained to keep low, 0..1: the share of 1 - MS-SSIM in the distortion; the
  // rest is squared error (distortion.h). 0: PSNR alone.
  double ms_ssim_share = 0;

  // lambda of a quality level: log-spaced. Loss = bpp + lambda * distortion.
  double Lambda(double level) const {
    return lambda_min * std::pow(lambda_max / lambda_min, level / (kLevels - 1));
  }
  // The level that has this lambda, which may lie outside 0..63.
  double Level(double lambda) const {
    return (kLevels - 1) * std::log(lambda / lambda_min) / std::log(lambda_max / lambda_min);
  }

  static constexpr int kLevels = 64;
  static constexpr int kPasses = 4;

  Status Validate() const;
  // As string pairs, for a weights file's metadata; and back (missing keys are errors, but for
  // those that older files lack).
  std::map<std::string, std::string> ToMetadata() const;
  // The defaults with some fields replaced, for a recipe. Errors: kInvalidArgument naming the
  // field.
  static Result<AeConfig> FromFields(const std::map<std::string, std::string>& fields);
  static Result<AeConfig> FromMetadata(const std::map<std::string, std::string>& metadata);
};

// The shared scale table: sigma of table index t, log-spaced in [0.11, 64].
inline constexpr int kScaleTables = 64;
inline constexpr double kScaleMin = 0.11;
inline constexpr double kScaleMax = 64.0;
inline double TableScale(double t) {
  return kScaleMin * std::pow(kScaleMax / kScaleMin, t / (kScaleTables - 1));
}

// Units of the integer path (models/runtime/README.md): the latent in 1/16, hidden activations in
// 1/64; both saturate at 4095 steps.
inline constexpr double kLatentUnit = 1.0 / 16;
inline constexpr double kHiddenUnit = 1.0 / 64;
inline constexpr double kActivationMax = 4095;

}  // namespace halfmoon::networks
