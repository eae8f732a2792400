// Analysis g_a and synthesis g_s in integers: pixels -> latent -> pixels, as the AE and the VQ-VAE
// codec use them. The networks are those of models/networks/transforms.h, which trains them, their
// arithmetic is that of transform_layers.h. Must not include LibTorch.
//
// Samples are 16-bit integers, (x - 0.5) * 2^15 of a sample x in 0..1, and lie as rows of planes:
// sample (y, x) of colour c is at (y * 3 + c) * width + x. Latents are [height / 16][width /
// 16][M]. The same input gives the same numbers on every machine and with any number of threads,
// and the same samples in every window that holds them and the halo around them. Throws nothing but
// std::bad_alloc. Thread-safety: const.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <vector>

#include "halfmoon/status.h"
#include "models/config/ae_config.h"
#include "models/runtime/layers/transform_layers.h"
#include "models/runtime/weights/safetensors.h"

namespace halfmoon::runtime {

// Whether a weights file has its transforms in integers.
inline bool HasIntegerTransforms(const WeightsFile& file) { return file.Has("g_s.in.shift"); }

// Pixels [height][width][3] of floats, 0 black and 1 white, from samples and back; what lies beyond
// the samples' range, a colour's width on each side of 0 .. 1, becomes its end.
void PixelsOfSamples(std::span<const std::int16_t> samples, std::size_t height, std::size_t width,
                     float* pixels);
std::vector<std::int16_t> SamplesOfPixels(const float* pixels, std::size_t height,
                                          std::size_t width);

// The refinement at the end of g_s:
//
//   x -> unshuffle 4 -> 1x1 -> * gain(Q) -> (+) -> blocks at 1/4 -> 1x1, shuffle 4 -> + x
//   features at 1/8 -> 1x1, shuffle 2 ------/
class IntegerRefinement {
 public:
  // Errors: kModelCorrupt naming the tensor.
  static Result<IntegerRefinement> Load(const WeightsFile& file, const AeConfig& config);

  // features: [h8][w8]. samples: 8 h8 rows of 8 w8; refined in place.
  void Run(const TransformKernels& kernels, const IntMap& features, int q, int threads,
           std::int16_t* samples) const;

 private:
  std::size_t channels_ = 0;
  IntLevelGains gain_;
  IntPointwise in_, up_, out_;
  IntDepthStack blocks_;
};

// y -> samples:
//   y -> 1x1 -> blocks at 1/16 -> 1x1, shuffle 2 -> * gain(Q) -> blocks at 1/8 -> 1x1, shuffle 8
//      \-> 1x1, shuffle 16 (or windows of 32x32, lapped) ------------------------- + --> samples
// and then the refinement, where a model has one.
class IntegerSynthesis {
 public:
  // Errors: kModelCorrupt naming the tensor or key.
  static Result<IntegerSynthesis> Load(const WeightsFile& file, const AeConfig& config);

  // y: [h16][w16], M channels. Zeros lie outside. Writes 16 h16 rows of 16 w16 samples. q:
  // 0..16128.
  void Run(Isa isa, const IntMap& y, int q, int threads, std::int16_t* samples) const;

  const AeConfig& config() const { return config_; }

 private:
  // Row `row` of the linear path's blocks, and the details on them.
  struct Rows;
  void RunBlocks(const TransformKernels& kernels, const IntMap& y, const IntMap& features,
                 std::size_t row, Rows* rows, std::int16_t* samples) const;

  AeConfig config_;
  IntLevelGains gain_;
  IntPointwise in_, up_, out_, linear_;
  IntDepthStack trunk_, blocks_;
  std::optional<IntegerRefinement> refinement_;
};

// Samples -> y:
//   x -> unshuffle 8 -> 1x1 -> blocks at 1/8 -> * gain(Q) -> unshuffle 2, 1x1
//      |                                      -> blocks at 1/16 -> 1x1 --> + -> y
//      \-> unshuffle 16 (or windows of 32x32, lapped), 1x1 ---------------/
class IntegerAnalysis {
 public:
  // Errors: kModelCorrupt naming the tensor or key.
  static Result<IntegerAnalysis> Load(const WeightsFile& file, const AeConfig& config);

  // samples: 16 h16 rows of 16 w16. y: gets h16 x w16 positions of M channels. Zeros, grey 0.5, lie
  // outside for the blocks.
  void Run(Isa isa, std::span<const std::int16_t> samples, std::size_t h16, std::size_t w16, int q,
           int threads, IntMap* y) const;

  const AeConfig& config() const { return config_; }

 private:
  AeConfig config_;
  IntLevelGains gain_;
  IntPointwise in_, down_, out_;
  std::vector<IntPointwise> linear_;  // of 256 inputs each
  IntDepthStack blocks_, trunk_;
};

}  // namespace halfmoon::runtime
