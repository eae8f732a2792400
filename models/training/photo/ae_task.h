// Training of the AE codec: rate + lambda * distortion at random quality levels. LibTorch.
#pragma once

#include <memory>

#include "models/networks/autoencoder.h"
#include "models/networks/base_weights.h"
#include "models/networks/weight_grid.h"
#include "models/training/photo/photo_task.h"
#include "models/training/photo/refinement_pool.h"

namespace halfmoon::training {

class AeTask : public PhotoTask {
 public:
  using Config = AeConfig;
  // Whether the recipe's fields are legal for this family. Errors: kInvalidArgument naming the
  // field.
  static Status Check(const Recipe& recipe);
  // REQUIRES: Check. Errors: kInvalidArgument when the packs hold no picture large enough.
  static Result<std::unique_ptr<TrainingTask>> Create(const Recipe& recipe,
                                                      const std::vector<Pack>& packs,
                                                      std::int64_t validation_pictures,
                                                      torch::Device device);

  torch::nn::Module& network() override { return *model_; }
  Status Initialise() override;
  Status ImportWeightsFile(const std::string& path) override;
  void BeforeStep(const StepInfo& at) override;
  void BeforeUpdate() override { on_grid_.reset(); }
  void AfterStep(const StepInfo& at) override;
  torch::Tensor Loss(const StepInfo& at, at::Generator& generator, Figures* figures) override;
  ValidationReport Validate(WorkerPool& pool) override;
  std::map<std::string, std::string> Metadata() const override { return ToMetadata(config_); }

 protected:
  AeTask(const Recipe& recipe, const AeConfig& config, PhotoData data, torch::Device device);
  // Reads the recipe's base, if it has one. Errors: those of the file; kModelMismatch.
  Status Prepared() override;
  // A crop as decoders see it, at a random level. REQUIRES: quantised, evaluation mode.
  RefinementPool::Decoded DecodeCrop(const torch::Tensor& x, at::Generator& generator);

  AeConfig config_;
  networks::Autoencoder model_;

 private:
  bool RoundsWeights(double progress) const {
    return config_.weight_bits == 8 && progress >= recipe_.quantise_from;
  }

  std::unique_ptr<networks::BaseWeights> base_;
  std::unique_ptr<networks::OnGrid> on_grid_;  // from a step's beginning to its update
  double progress_ = 0;                        // of the last step
};

}  // namespace halfmoon::training
