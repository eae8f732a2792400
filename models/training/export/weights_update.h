// Writes update files: what turns one weights file into another
// (models/runtime/weights/safetensors.h reads them). Must not include LibTorch.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "halfmoon/status.h"
#include "models/runtime/weights/safetensors.h"

namespace halfmoon::training {

// The update that makes `file` of `base`, which lies in a file called `base_name`. Of I8 and I16
// tensors it holds the differences, others only where they are not the same. Metadata is `file`'s,
// with the base's name and hash.
// Errors: kModelMismatch naming a tensor that the two have in different types or shapes.
Result<std::vector<std::uint8_t>> MakeUpdate(const runtime::WeightsFile& file,
                                             const runtime::WeightsFile& base,
                                             const std::string& base_name);

}  // namespace halfmoon::training
