// The refinement at the end of g_s (networks/refinement.h) without LibTorch.
//
//   x - 0.5 -> unshuffle 4 -> 1x1 -> * gain(Q) -> (+) -> blocks at 1/4 -> 1x1, shuffle 4 -> + x
//   features at 1/8 -> 1x1, shuffle 2 -----------/
#pragma once

#include <cstddef>

#include "halfmoon/status.h"
#include "models/config/ae_config.h"
#include "models/runtime/layers/float_layers.h"
#include "models/runtime/weights/safetensors.h"

namespace halfmoon::runtime {

class PixelRefinement {
 public:
  // Errors: kModelCorrupt naming the tensor.
  static Result<PixelRefinement> Load(const WeightsFile& file, const AeConfig& config);

  // features: [h8][w8]. pixels: 8 h8 rows of 8 w8 pixels, 3 floats each; refined in place. Zeros
  // lie outside for the blocks. The same bits everywhere. Throws nothing but std::bad_alloc.
  void Run(const FloatKernels& kernels, const FloatMap& features, int q, int threads,
           float* pixels) const;

 private:
  std::size_t channels_ = 0;
  FloatLevelVector gain_;
  FloatPointwise in_, up_, out_;
  FloatDepthStack blocks_;
};

}  // namespace halfmoon::runtime
