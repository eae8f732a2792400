// VaeModel: a VAE as a codec of small pictures and as a generator. Internal; no LibTorch in this
// header.
#pragma once

#include <memory>
#include <string>

#include "codec/generate/generative_model.h"
#include "halfmoon/status.h"
#include "models/runtime/weights/safetensors.h"

namespace halfmoon {

class EncodingModel;

// The stream of a picture: its posterior mean in whole bins of width D per dimension, each under
// that dimension's table, in the order [row][column][dimension]. Tables and widths were frozen at
// export, so nothing that decides a probability is computed here.
class VaeModel {
 public:
  // Errors: kModelCorrupt naming the tensor or metadata key.
  static Result<std::unique_ptr<EncodingModel>> LoadCodec(const runtime::WeightsFile& file);
  // `prior`: runtime::CodePrior::Load. Errors: those of both.
  static Result<std::unique_ptr<GenerativeModel>> LoadGenerator(const runtime::WeightsFile& file,
                                                                const std::string& prior,
                                                                int threads);
};

}  // namespace halfmoon
