// The AE codec with an encoder that searches for better latents (models/networks/latent_search).
// Internal; no LibTorch in this header.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>

#include "codec/families/picture_model.h"
#include "halfmoon/status.h"
#include "models/runtime/weights/safetensors.h"

namespace halfmoon {

// Called from any thread after each step on a window, with the pixels of the window, halo included.
// May be empty.
using SearchProgress = std::function<void(std::uint64_t pixels)>;

// `codec` with another Analyse for plans with a search; files are of the same kind. `file`: its
// weights. Errors: kModelCorrupt naming the tensor; Analyse: kOutOfMemory, kInternal.
Result<std::unique_ptr<EncodingModel>> LoadAeSearch(const runtime::WeightsFile& file,
                                                    std::unique_ptr<EncodingModel> codec,
                                                    const SearchProgress& progress);

}  // namespace halfmoon
