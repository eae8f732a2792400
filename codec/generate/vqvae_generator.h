// The VQ-VAE codec as a generator: random bits through its entropy decoder and prior are indices,
// and those are a picture. Internal; no LibTorch.
#pragma once

#include <memory>

#include "codec/generate/generative_model.h"
#include "halfmoon/status.h"
#include "models/runtime/weights/safetensors.h"

namespace halfmoon {

// Errors: those of VqvaeModel::Load.
Result<std::unique_ptr<GenerativeModel>> LoadVqvaeGenerator(const runtime::WeightsFile& file,
                                                            int threads);

}  // namespace halfmoon
