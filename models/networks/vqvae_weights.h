// The VQ-VAE codec's network from its weights file, ready to be trained on. LibTorch.
#pragma once

#include "halfmoon/status.h"
#include "models/networks/vqvae.h"
#include "models/runtime/weights/safetensors.h"

namespace halfmoon::networks {

// Transforms, projections, codebooks and slopes as stored; the prior's integer layers as float
// weights on the same grid. Errors: kModelCorrupt naming the tensor.
Result<Vqvae> ImportVqvae(const runtime::WeightsFile& file);

}  // namespace halfmoon::networks
