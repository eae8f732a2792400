// Exporter of VAEs: a checkpoint -> a weights file with frozen tables for coding its latents.
// LibTorch.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "halfmoon/status.h"
#include "models/networks/vae.h"
#include "models/runtime/weights/safetensors.h"
#include "models/training/data/pack.h"
#include "models/training/loop/checkpoint.h"

namespace halfmoon::training {

// Tensors of the file, all float16 unless said otherwise:
//   g_a.*, g_s.*           encoder and decoder
//   gain.step              F32 [latent]: width D of the integer bins of each dimension
//   tables.*               one table per dimension: N(0, 1) in bins of width D
//   likelihood.log_scale   F32 [channels, 1, 1]
//   posterior.summary      F32 [4, latent]: see VaeImpl::summary
//   mixture.*              with packs: see runtime::CodePrior
// D = sqrt(12) times the median posterior sigma: rounding to such a bin is as large an error as
// drawing from the posterior. A dimension that is not active gets a bin that always holds it and
// costs nothing. `packs`, may be empty: a mixture of up to kMixtureComponents is fitted to one code
// of each of their training pictures, drawn from its posterior; how many it has, the validation
// pictures decide. Errors: kCorrupt naming the tensor or key; kInvalidArgument when the checkpoint
// was never validated, or a code is too long for full covariances; those of PictureParts::Create.
Result<std::vector<std::uint8_t>> ExportVae(const Checkpoint& checkpoint,
                                            const std::map<std::string, std::string>& metadata,
                                            const std::vector<Pack>& packs);

inline constexpr std::int64_t kMixtureComponents = 256;
inline constexpr std::int64_t kMaxMixtureCode = 256;

// The way back: a whole model in evaluation mode, weights as stored. Errors: kModelCorrupt.
Result<networks::Vae> ImportVae(const runtime::WeightsFile& file);

}  // namespace halfmoon::training
