// AeConfig: the dimensions of the AE codec's networks, and what follows from them alone. No
// LibTorch.
#pragma once

#include <cmath>
#include <cstdint>

#include "models/config/config_fields.h"

namespace halfmoon {

// All spatial strides are fixed by the file format: blocks at 1/8, latent y at 1/16, hyper-latent z
// at 1/64, refinement at 1/4. Channel counts and depths are free.
struct AeConfig {
  static constexpr char kArchitecture[] = "ae";  // of weights files

  std::int64_t block_channels = 128;        // C: width at 1/8, analysis and synthesis
  std::int64_t trunk_channels = 192;        // D: width at 1/16
  std::int64_t analysis_blocks = 5;         // depth at 1/8 of g_a
  std::int64_t analysis_trunk_blocks = 2;   // depth at 1/16 of g_a
  std::int64_t synthesis_blocks = 6;        // depth at 1/8 of g_s
  std::int64_t synthesis_trunk_blocks = 2;  // depth at 1/16 of g_s
  std::int64_t latent_channels = 256;       // M: y; a multiple of 4 (channel groups)
  std::int64_t hyper_channels = 96;         // Nz: z
  std::int64_t hyper_width = 128;           // h_a
  std::int64_t prior_h0 = 192;              // H0: h_s at 1/64
  std::int64_t prior_h1 = 128;              // H1: h_s at 1/32
  std::int64_t prior_features = 192;        // F: h_s output at 1/16
  std::int64_t prior_hidden = 224;          // H2: width of the context networks
  // The linear paths see windows of 32x32 pixels that overlap by half, not blocks of 16x16.
  bool lapped = false;
  // The refinement of the decoded picture at 1/4 (networks/refinement.h); 0 blocks: none.
  std::int64_t refine_channels = 48;
  std::int64_t refine_blocks = 0;
  // 8: weights are whole steps within 127 (networks/weight_grid.h), and the integer path's as well;
  // 16: half floats, and 2047 steps.
  std::int64_t weight_bits = 16;
  std::int64_t level_anchors = 8;  // gains are interpolated between that many vectors
  double lambda_min = 0.0006;      // level 0
  double lambda_max = 0.16;        // level 63
  // What the model was trained to keep low, 0..1: the share of 1 - MS-SSIM in the distortion; the
  // rest is squared error (networks/distortion.h). 0: PSNR alone.
  double ms_ssim_share = 0;

  static constexpr int kLevels = 64;  // of quality

  // lambda of a quality level: log-spaced. Loss = bpp + lambda * distortion.
  double Lambda(double level) const {
    return lambda_min * std::pow(lambda_max / lambda_min, level / (kLevels - 1));
  }
  // The level that has this lambda, which may lie outside 0..63.
  double Level(double lambda) const {
    return (kLevels - 1) * std::log(lambda / lambda_min) / std::log(lambda_max / lambda_min);
  }

  // How far, in pixels, a latent reaches beyond its own 16x16 block in the output of g_s, and a
  // pixel beyond its own block in that of g_a. Each block holds one 3x3 convolution: one position
  // to each side, 16, 8 or 4 pixels wide.
  std::int64_t SynthesisReach() const {
    return 16 * synthesis_trunk_blocks + 8 * synthesis_blocks + 4 * refine_blocks;
  }
  std::int64_t AnalysisReach() const { return 16 * analysis_trunk_blocks + 8 * analysis_blocks; }
  // The same in whole latent positions: the halo that a window needs on each side.
  std::int64_t SynthesisHalo() const { return (SynthesisReach() + 15) / 16; }
  std::int64_t AnalysisHalo() const { return (AnalysisReach() + 15) / 16; }
  // Side in pixels of the square of input that one output block of 16x16 pixels depends on.
  std::int64_t ReceptiveField() const { return 2 * SynthesisReach() + 16; }

  // Multiply-accumulates per picture pixel, in thousands (KMAC/px).
  double AnalysisKmac() const;   // g_a and h_a
  double SynthesisKmac() const;  // g_s
  double PriorKmac() const;      // h_s and context; inputs known to be 0 are skipped

  void VisitFields(FieldVisitor& f);
  Status Rules() const;
};

}  // namespace halfmoon
