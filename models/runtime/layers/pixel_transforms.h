// Analysis g_a and synthesis g_s without LibTorch: pixels -> latent -> pixels, as the AE and the
// VQ-VAE codec use them. The networks are those of models/networks/transforms.h, which trains them.
// Must not include LibTorch.
//
// Pixels are [height][width][3] floats, 0 black and 1 white. Latents are [height / 16][width /
// 16][M]. The same input gives the same bits on every machine and with any number of threads
// (float_kernels.h), and the same pixels in every window that holds them and the halo around them.
// Throws nothing but std::bad_alloc. Thread-safety: const.
#pragma once

#include <cstddef>
#include <optional>
#include <span>
#include <vector>

#include "halfmoon/status.h"
#include "models/config/ae_config.h"
#include "models/runtime/layers/float_layers.h"
#include "models/runtime/layers/pixel_refinement.h"
#include "models/runtime/weights/safetensors.h"

namespace halfmoon::runtime {

// y^ -> pixels:
//   y^ -> 1x1 -> blocks at 1/16 -> 1x1, shuffle 2 -> * gain(Q) -> blocks at 1/8 -> 1x1, shuffle 8
//      \-> 1x1, shuffle 16 (or windows of 32x32, lapped) ------------------------- + --> + 0.5
// and then the refinement (pixel_refinement.h), where a model has one.
class PixelSynthesis {
 public:
  // Errors: kModelCorrupt naming the tensor or key.
  static Result<PixelSynthesis> Load(const WeightsFile& file, const AeConfig& config);

  // y: [h16][w16], M channels. Zeros lie outside. Writes 16 h16 rows of 16 w16 pixels, not clamped.
  // q: 0..16128.
  void Run(Isa isa, const FloatMap& y, int q, int threads, float* pixels) const;

  const AeConfig& config() const { return config_; }

 private:
  // The picture before its refinement, and the last blocks' map.
  void RunCoarse(const FloatKernels& kernels, const FloatMap& y, int q, int threads,
                 FloatMap* features, float* pixels) const;

  AeConfig config_;
  FloatLevelVector gain_;
  FloatPointwise in_, up_, out_, linear_;
  FloatDepthStack trunk_, blocks_;
  std::optional<PixelRefinement> refinement_;
};

// Pixels -> y:
//   x - 0.5 -> unshuffle 8 -> 1x1 -> blocks at 1/8 -> * gain(Q) -> unshuffle 2, 1x1
//      |                                            -> blocks at 1/16 -> 1x1 --> + -> y
//      \-> unshuffle 16 (or windows of 32x32, lapped), 1x1 ---------------------/
class PixelAnalysis {
 public:
  // Errors: kModelCorrupt naming the tensor or key.
  static Result<PixelAnalysis> Load(const WeightsFile& file, const AeConfig& config);

  // pixels: 16 h16 rows of 16 w16 pixels. gains: what to multiply y's channels by; empty: nothing.
  // y: [h16][w16][M]. Zeros, grey 0.5, lie outside for the blocks.
  void Run(Isa isa, const float* pixels, std::size_t h16, std::size_t w16, int q, int threads,
           std::span<const float> gains, float* y) const;

  const AeConfig& config() const { return config_; }

 private:
  AeConfig config_;
  FloatLevelVector gain_;
  FloatPointwise in_, down_, out_, linear_;
  FloatDepthStack blocks_, trunk_;
};

}  // namespace halfmoon::runtime
