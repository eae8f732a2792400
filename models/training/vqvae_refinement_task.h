// Training of the VQ-VAE codec's refinement alone (networks/refinement.h), everything before it
// frozen. LibTorch.
#pragma once

#include <memory>

#include "models/training/refinement_pool.h"
#include "models/training/vqvae_task.h"

namespace halfmoon::training {

// As RefinementTask, for pictures of a random number of stages each. Needs --init.
class VqvaeRefinementTask : public VqvaeTask {
 public:
  // Fields of `loss`: "pool", the number of crops, 16 to 65536.
  static Status Check(const Recipe& recipe);
  static Result<std::unique_ptr<TrainingTask>> Create(const Recipe& recipe,
                                                      const std::vector<Pack>& packs,
                                                      std::int64_t validation_pictures,
                                                      torch::Device device);

  Status Initialise() override;
  double Prepare(WorkerPool& workers) override;
  void BeforeStep(const StepInfo& at) override;
  torch::Tensor Loss(const StepInfo& at, at::Generator& generator, Figures* figures) override;
  void AfterStep(const StepInfo&) override {}  // codebooks and slopes stay

 private:
  VqvaeRefinementTask(const Recipe& recipe, const VqvaeConfig& config, CropSampler sampler,
                      torch::Tensor validation_crops, torch::Device device)
      : VqvaeTask(WithoutLoss(recipe), config, std::move(sampler), std::move(validation_crops),
                  device),
        pool_(recipe, config.transforms, device) {}

  static Recipe WithoutLoss(Recipe recipe) {
    recipe.loss.clear();
    return recipe;
  }

  RefinementPool pool_;
};

}  // namespace halfmoon::training
