// PromptSampler: draws the indices of small pictures from a prompt or a class. Internal; LibTorch.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "halfmoon/generator.h"
#include "models/networks/index_transformer.h"
#include "models/runtime/generative/prompt_words.h"
#include "models/runtime/weights/safetensors.h"

namespace halfmoon {

class PromptSampler {
 public:
  // `codec`: the identity (16 hex digits) of the codec whose indices are to be drawn, K codes and N
  // indices a picture. Errors: kModelMismatch naming both when the prior was trained for another
  // codec; kModelCorrupt.
  static Result<std::unique_ptr<PromptSampler>> Load(const runtime::WeightsFile& file,
                                                     const std::string& codec, std::int64_t codes,
                                                     std::int64_t indices, int threads);

  // Empty for a prior of prompts.
  const std::vector<std::string>& classes() const { return classes_; }
  PromptReport ReadPrompt(const std::string& prompt) const;

  // The indices of pictures first .. first + count - 1, [count][N] in raster order. A picture's
  // depend on the request's options, its seed and its number alone. Errors: kInvalidArgument (a
  // class that is none; a prompt where there are classes, or the reverse).
  Result<std::vector<std::vector<std::int32_t>>> Draw(const SampleRequest& request) const;

 private:
  PromptSampler(const IndexTransformerConfig& config, int threads)
      : threads_(threads), model_(config) {}
  // int64 [1, L].
  Result<torch::Tensor> Condition(const SampleRequest& request) const;

  int threads_;
  std::vector<std::string> classes_;
  runtime::PromptWords words_;
  // LibTorch's forward functions are not const; they change nothing in evaluation mode.
  mutable networks::IndexTransformer model_;
};

}  // namespace halfmoon
