// SmallVqvaeModel: VQ-VAEs of small pictures as codecs and as generators. Internal; no LibTorch in
// this header.
#pragma once

#include <memory>

#include "codec/families/picture_model.h"
#include "codec/generate/generative_model.h"
#include "models/runtime/weights/safetensors.h"

namespace halfmoon {

// A picture of the model's one size is one tile and one latent position with g * g values: its
// indices plus 1, in raster order; streams are those of IndexTileCodec with one stage.
struct SmallVqvaeModel {
  // Errors: kModelCorrupt naming tensor or key.
  static Result<std::unique_ptr<EncodingModel>> LoadCodec(const runtime::WeightsFile& file);
  // `prior`: what draws indices from prompts or classes (prompt_sampler.h), or null: then pictures
  // are drawn from random bits through the integer prior of files. Errors: also those of
  // PromptSampler::Load.
  static Result<std::unique_ptr<GenerativeModel>> LoadGenerator(const runtime::WeightsFile& file,
                                                                const runtime::WeightsFile* prior,
                                                                int threads);
};

}  // namespace halfmoon
