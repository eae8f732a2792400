// The pixel transforms of model family AE without LibTorch: synthesis g_s, analysis g_a and h_a, with
// their quality gains. The networks are those of models/networks (transforms.h, autoencoder.h), which
// trains them. Must not include LibTorch.
//
// Pixels are [height][width][3] floats, 0 black and 1 white. Latents are [height / 16][width / 16][M].
// The same input gives the same bits on every machine and with any number of threads
// (float_kernels.h). Throws nothing but std::bad_alloc. Thread-safety: const.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

#include "halfmoon/status.h"
#include "models/runtime/float_layers.h"
#include "models/runtime/safetensors.h"

namespace halfmoon::runtime {

// Dimensions, from a weights file's metadata (networks/ae_config.h).
struct AeTransformDims {
  std::size_t block = 0, trunk = 0;  // channels at 1/8 and 1/16
  std::size_t analysis_blocks = 0, analysis_trunk_blocks = 0;
  std::size_t synthesis_blocks = 0, synthesis_trunk_blocks = 0;
  std::size_t latent = 0, hyper = 0, hyper_width = 0;
  std::size_t anchors = 0;  // of the level vectors
  bool lapped = false;      // linear paths over windows of 32x32 pixels

  // Errors: kModelCorrupt naming the key.
  static Result<AeTransformDims> Read(const WeightsFile& file);
  // How far, in latent positions, an output pixel of g_s looks beyond its own position.
  std::size_t SynthesisHalo() const { return synthesis_trunk_blocks + (synthesis_blocks + 1) / 2; }
  // How far, in latent positions, a latent looks beyond its own 16x16 pixels in g_a.
  std::size_t AnalysisHalo() const { return analysis_trunk_blocks + (analysis_blocks + 1) / 2; }
};

// y^ -> pixels:
//   y^ * gain'(Q) -> 1x1 -> blocks at 1/16 -> 1x1, shuffle 2 -> * gain(Q) -> blocks at 1/8 -> 1x1, shuffle 8
//                \-> 1x1, shuffle 16 ------------------------------------------------------------- + --> + 0.5
class AeSynthesis {
 public:
  // Errors: kModelCorrupt naming the tensor or key.
  static Result<AeSynthesis> Load(const WeightsFile& file, const AeTransformDims& dims);

  // latent: [h16][w16][M] in 1/16 (AePriorTile::latent). Zeros lie outside. Writes 16 h16 rows of
  // 16 w16 pixels, not clamped. q: 0..16128.
  void Run(Isa isa, std::span<const std::int32_t> latent, std::size_t h16, std::size_t w16, int q,
           int threads, float* pixels) const;

 private:
  AeTransformDims dims_;
  FloatLevelVector inverse_gain_, gain_;
  FloatPointwise in_, up_, out_, linear_;
  FloatDepthStack trunk_, blocks_;
};

// Pixels -> y, after the quality gain, and z:
//   x - 0.5 -> unshuffle 8 -> 1x1 -> blocks at 1/8 -> * gain(Q) -> unshuffle 2, 1x1 -> blocks at 1/16 -> 1x1 --> + -> * gain -> y
//          \-> unshuffle 16, 1x1 -----------------------------------------------------------------------------/
//   y / 4 -> 1x1 -> lrelu -> unshuffle 2, 1x1 -> block at 1/32 -> unshuffle 2, 1x1 -> block at 1/64 -> 1x1 -> z
class AeAnalysis {
 public:
  static Result<AeAnalysis> Load(const WeightsFile& file, const AeTransformDims& dims);

  // pixels: 16 h16 rows of 16 w16 pixels. y: [h16][w16][M]. Zeros, grey 0.5, lie outside for the blocks.
  void Run(Isa isa, const float* pixels, std::size_t h16, std::size_t w16, int q, int threads,
           float* y) const;
  // y: [h16][w16][M], h16 and w16 multiples of 4. z: [h16 / 4][w16 / 4][Nz].
  void RunHyper(Isa isa, const float* y, std::size_t h16, std::size_t w16, int threads, float* z) const;

 private:
  AeTransformDims dims_;
  FloatLevelVector latent_gain_, gain_;
  FloatPointwise in_, down_, out_, linear_;
  FloatDepthStack blocks_, trunk_;
  FloatPointwise hyper_in_, hyper_down1_, hyper_down2_, hyper_out_;
  FloatDepthBlock hyper_mid1_, hyper_mid2_;
};

}  // namespace halfmoon::runtime
