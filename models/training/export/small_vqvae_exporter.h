// Exporter of VQ-VAEs of small pictures: a checkpoint -> a weights file. LibTorch.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "halfmoon/status.h"
#include "models/training/loop/checkpoint.h"

namespace halfmoon::training {

// Tensors of the file, float16 unless said otherwise:
//   g_a.*, g_a.project.*      encoder, and the projection to the look-up's dimensions
//   g_s.*, g_s.unproject.*    decoder, and the way back
//   g_s.codes                 [K, d]: the codebook
//   prior.*                   integers: the prior that codes the indices in files
// Errors: kCorrupt naming the tensor or key; kInternal when the runtime would refuse the prior.
Result<std::vector<std::uint8_t>> ExportSmallVqvae(
    const Checkpoint& checkpoint, const std::map<std::string, std::string>& metadata);

}  // namespace halfmoon::training
