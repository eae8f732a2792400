// The AE's network <-> its weights file: which tensor is where, and the way back from a file.
// LibTorch.
#pragma once

#include <string>
#include <vector>

#include "halfmoon/status.h"
#include "models/networks/autoencoder.h"
#include "models/runtime/weights/safetensors.h"

namespace halfmoon::networks {

// One integer layer of the prior: where it sits in the file and what its outputs mean.
struct IntegerLayer {
  std::string name;
  IntegerConv conv;
  torch::Tensor out_scale, out_step;  // [out]
  LevelVector level_bias{nullptr};
};

// All of them, in the file's order; the layers are those of `model`, not copies.
std::vector<IntegerLayer> IntegerLayers(Autoencoder& model);

// The network of a weights file, ready to be trained on: transforms and gains as stored, integer
// layers as float weights on the same grid. Errors: kModelCorrupt naming the tensor.
Result<Autoencoder> ImportAutoencoder(const runtime::WeightsFile& file);

}  // namespace halfmoon::networks
