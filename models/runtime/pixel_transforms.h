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
#include "models/runtime/float_layers.h"
#include "models/runtime/pixel_refinement.h"
#include "models/runtime/safetensors.h"

namespace halfmoon::runtime {

// Dimensions, from a weights file's metadata (networks/ae_config.h).
struct TransformDims {
  std::size_t block = 0, trunk = 0;  // channels at 1/8 and 1/16
  std::size_t analysis_blocks = 0, analysis_trunk_blocks = 0;
  std::size_t synthesis_blocks = 0, synthesis_trunk_blocks = 0;
  std::size_t latent = 0, hyper = 0, hyper_width = 0;
  std::size_t anchors = 0;                    // of the level vectors
  bool lapped = false;                        // linear paths over windows of 32x32 pixels
  std::size_t refine = 0, refine_blocks = 0;  // the refinement at 1/4; 0 blocks: none

  // Errors: kModelCorrupt naming the key.
  static Result<TransformDims> Read(const WeightsFile& file);
  // How far, in latent positions, an output pixel of g_s looks beyond its own position.
  std::size_t SynthesisHalo() const {
    return synthesis_trunk_blocks + (2 * synthesis_blocks + refine_blocks + 3) / 4;
  }
  // How far, in latent positions, a latent looks beyond its own 16x16 pixels in g_a.
  std::size_t AnalysisHalo() const { return analysis_trunk_blocks + (analysis_blocks + 1) / 2; }
};

// y^ -> pixels:
//   y^ -> 1x1 -> blocks at 1/16 -> 1x1, shuffle 2 -> * gain(Q) -> blocks at 1/8 -> 1x1, shuffle 8
//      \-> 1x1, shuffle 16 (or windows of 32x32, lapped) ------------------------- + --> + 0.5
// and then the refinement (pixel_refinement.h), where a model has one.
class PixelSynthesis {
 public:
  // Errors: kModelCorrupt naming the tensor or key.
  static Result<PixelSynthesis> Load(const WeightsFile& file, const TransformDims& dims);

  // y: [h16][w16], M channels. Zeros lie outside. Writes 16 h16 rows of 16 w16 pixels, not clamped.
  // q: 0..16128.
  void Run(Isa isa, const FloatMap& y, int q, int threads, float* pixels) const;

  const TransformDims& dims() const { return dims_; }

 private:
  // The picture before its refinement, and the last blocks' map.
  void RunCoarse(const FloatKernels& kernels, const FloatMap& y, int q, int threads,
                 FloatMap* features, float* pixels) const;

  TransformDims dims_;
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
  static Result<PixelAnalysis> Load(const WeightsFile& file, const TransformDims& dims);

  // pixels: 16 h16 rows of 16 w16 pixels. gains: what to multiply y's channels by; empty: nothing.
  // y: [h16][w16][M]. Zeros, grey 0.5, lie outside for the blocks.
  void Run(Isa isa, const float* pixels, std::size_t h16, std::size_t w16, int q, int threads,
           std::span<const float> gains, float* y) const;

  const TransformDims& dims() const { return dims_; }

 private:
  TransformDims dims_;
  FloatLevelVector gain_;
  FloatPointwise in_, down_, out_, linear_;
  FloatDepthStack blocks_, trunk_;
};

}  // namespace halfmoon::runtime
