// The integer prior over indices as tensors of a weights file; exporters of VQ-VAEs share it.
// LibTorch.
#pragma once

#include "halfmoon/status.h"
#include "models/networks/index_prior.h"
#include "models/training/export/safetensors_writer.h"

namespace halfmoon::training {

// Tensors "prior.*" (models/runtime/vqvae/vq_prior.h). Errors: those of the writer.
Status AddIndexPrior(SafetensorsWriter& writer, networks::IndexPrior& prior,
                     const IndexPriorConfig& config);

// What is shipped is what the decoder accepts: runs the loader's proofs. Errors: kInternal.
Status CheckIndexPrior(const std::vector<std::uint8_t>& file, const IndexPriorConfig& config);

}  // namespace halfmoon::training
