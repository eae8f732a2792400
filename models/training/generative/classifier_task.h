// Training of the classifier that generated pictures are measured with: cross entropy. LibTorch.
#pragma once

#include <memory>

#include "models/networks/classifier.h"
#include "models/training/data/picture_sampler.h"
#include "models/training/loop/checkpoint.h"
#include "models/training/loop/recipe.h"
#include "models/training/loop/task.h"

namespace halfmoon::training {

class ClassifierTask : public TrainingTask {
 public:
  // Loss field "flip": mirror every other picture. Errors: kInvalidArgument naming the field.
  static Status Check(const Recipe& recipe);
  // REQUIRES: Check. Errors: also kInvalidArgument when the packs have no classes.
  static Result<std::unique_ptr<TrainingTask>> Create(const Recipe& recipe,
                                                      const std::vector<Pack>& packs,
                                                      std::int64_t validation_pictures,
                                                      torch::Device device);
  // The weights file of a checkpoint, averaged weights.
  static Result<std::vector<std::uint8_t>> Export(
      const Checkpoint& checkpoint, const std::map<std::string, std::string>& metadata);

  torch::nn::Module& network() override { return *model_; }
  Status ImportWeightsFile(const std::string& path) override;
  torch::Tensor Loss(const StepInfo& at, at::Generator& generator, Figures* figures) override;
  bool HasValidation() const override { return validation_.size() > 0; }
  // Score: cross entropy in nats; figures: accuracy.
  ValidationReport Validate(WorkerPool& pool) override;
  std::map<std::string, std::string> Metadata() const override {
    return ToMetadata(model_->config());
  }

 private:
  ClassifierTask(const Recipe& recipe, bool flip, const ClassifierConfig& config,
                 PictureParts pictures, torch::Device device);

  Recipe recipe_;
  bool flip_;
  PictureSampler training_, validation_;
  networks::Classifier model_;
};

}  // namespace halfmoon::training
