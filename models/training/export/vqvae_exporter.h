// Exporter of the VQ-VAE codec: a checkpoint -> a weights file. LibTorch.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "halfmoon/status.h"
#include "models/networks/vqvae.h"
#include "models/training/loop/checkpoint.h"

namespace halfmoon::training {

// Tensors: transforms and codebooks as float16 ("g_a.", "g_s.", "g_s.codes" [S, K, g],
// "g_s.support" I32 [S, g], "g_s.unproject" [M, d]; for the encoder "g_a.project" [d, M] and
// "g_a.slopes" [S], float32), the prior as integers. `metadata` is added to the model's own keys.
// Errors: kInternal when the runtime's loader would refuse the result.
Result<std::vector<std::uint8_t>> ExportVqvae(networks::Vqvae& model,
                                              const std::map<std::string, std::string>& metadata);

// The same of a checkpoint with its averaged weights. Errors: also kCorrupt naming tensor or key.
Result<std::vector<std::uint8_t>> ExportVqvae(const Checkpoint& checkpoint,
                                              const std::map<std::string, std::string>& metadata);

}  // namespace halfmoon::training
