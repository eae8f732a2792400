// IndexPriorConfig: the dimensions of the integer networks that code a VQ-VAE's indices. No
// LibTorch.
#pragma once

#include <cstdint>

#include "models/config/config_fields.h"

namespace halfmoon {

struct IndexPriorConfig {
  std::int64_t codes = 256;            // K: of each stage; at most 256
  std::int64_t stages = 1;             // S
  std::int64_t context_channels = 32;  // E: of the embedding of an index
  std::int64_t context_hidden = 64;    // H1
  std::int64_t context_out = 64;       // H2

  // Thousands of multiply-accumulates per pixel of a codec on the 1/16 grid, with all stages.
  double PriorKmac() const;
};

}  // namespace halfmoon
