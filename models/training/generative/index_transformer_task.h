// Training of the prior that draws indices from prompts or classes. LibTorch.
#pragma once

#include <memory>

#include "models/networks/index_transformer.h"
#include "models/runtime/generative/prompt_words.h"
#include "models/training/data/pack.h"
#include "models/training/loop/checkpoint.h"
#include "models/training/loop/recipe.h"
#include "models/training/loop/task.h"

namespace halfmoon::training {

// What a picture's caption or class becomes in front of its indices.
struct ConditionOptions {
  double drop_condition = 0.1;  // share of pictures shown without any: for guidance
  double drop_word = 0.1;       // of single words, so that a prompt may say less than a name
  std::int64_t copies = 0;      // of each picture, moved at random ...
  std::int64_t shift = 2;       // ... by at most so many pixels
  bool flip = false;            // half of the copies mirrored
  std::int64_t least = 2;       // captions that a word must be in to be one

  void VisitFields(FieldVisitor& f);
  Status Rules() const;
};

// The indices are those of a trained codec, `recipe.codec`; all pictures are encoded when the task
// is made. Captions, where the packs have them, are the condition, else classes. A caption may have
// parts, "red heart; love; symbol": the first nearly always counts, each other one every second
// time.
class IndexTransformerTask : public TrainingTask {
 public:
  // Errors: kInvalidArgument naming the field.
  static Status Check(const Recipe& recipe);
  // REQUIRES: Check. Errors: kInvalidArgument (no codec; packs without captions and classes); those
  // of reading the codec and of PictureSampler::Create.
  static Result<std::unique_ptr<TrainingTask>> Create(const Recipe& recipe,
                                                      const std::vector<Pack>& packs,
                                                      std::int64_t validation_pictures,
                                                      torch::Device device);
  // The weights file of a checkpoint, averaged weights: "prior.transformer.*", and the metadata
  // "codec" (identity of the codec), "prompt_words" (PromptWords::ToText) or "classes" (one per
  // line).
  static Result<std::vector<std::uint8_t>> Export(
      const Checkpoint& checkpoint, const std::map<std::string, std::string>& metadata);

  torch::nn::Module& network() override { return *model_; }
  Status ImportWeightsFile(const std::string& path) override;
  torch::Tensor Loss(const StepInfo& at, at::Generator& generator, Figures* figures) override;
  bool HasValidation() const override { return validation_.indices.defined(); }
  // Score: bits per index of validation pictures, given their condition. Figures: also without it.
  ValidationReport Validate(WorkerPool& pool) override;
  std::map<std::string, std::string> Metadata() const override;

 private:
  // Pictures as they are learnt.
  struct Part {
    torch::Tensor indices;              // int64 [copies, n, N]
    std::vector<std::string> captions;  // n, or none
    std::vector<std::int64_t> labels;   // n
  };
  IndexTransformerTask(const Recipe& recipe, const ConditionOptions& options,
                       const IndexTransformerConfig& config, torch::Device device);
  static Result<Part> EncodePart(const Recipe& recipe, const ConditionOptions& options,
                                 const std::vector<Pack>& packs, bool validation,
                                 std::string* codec, std::vector<std::string>* classes,
                                 IndexTransformerConfig* config);
  // int64 [count, L]. With a generator words and whole conditions are dropped.
  torch::Tensor Conditions(const Part& part, const torch::Tensor& which,
                           at::Generator* generator) const;
  double BitsPerIndex(const Part& part, bool conditional);

  Recipe recipe_;
  ConditionOptions options_;
  torch::Device device_;
  Part training_, validation_;
  std::string codec_;                 // its identity
  std::vector<std::string> classes_;  // where there are no captions
  runtime::PromptWords words_;
  networks::IndexTransformer model_;
};

}  // namespace halfmoon::training
