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

// Gradient steps of an effort, 1..9; 0: the encoder's own latent, without LibTorch.
// Each effort takes two to three times as long as the one before; the last at most 1000 steps.
constexpr int SearchSteps(int effort) {
  constexpr int kSteps[] = {0, 0, 0, 0, 0, 20, 50, 120, 350, 1000};
  return kSteps[effort];
}

struct AeSearchOptions {
  int steps = 1;  // >= 1
  // Called from any thread after each step on a window, with the pixels of the window, halo
  // included.
  std::function<void(std::uint64_t pixels)> progress;
};

// `codec` with another Analyse; files are of the same kind. `file`: its weights.
// Errors: kModelCorrupt naming the tensor; Analyse: kOutOfMemory, kInternal.
Result<std::unique_ptr<PictureModel>> LoadAeSearch(const runtime::WeightsFile& file,
                                                   std::unique_ptr<PictureModel> codec,
                                                   const AeSearchOptions& options);

}  // namespace halfmoon
