// Training of the AE's refinement alone (networks/refinement.h), everything before it frozen.
// LibTorch.
#pragma once

#include <memory>

#include "models/training/ae_task.h"
#include "models/training/refinement_pool.h"

namespace halfmoon::training {

// Needs --init. The pool depends on the recipe and the frozen weights alone: a resumed run makes it
// again. Loss: lambda * distortion, weighted as AeTask does. Figures: refinement_pool.h.
class RefinementTask : public AeTask {
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

 private:
  RefinementTask(const Recipe& recipe, const AeConfig& config, CropSampler sampler,
                 torch::Tensor validation_crops, torch::Device device)
      : AeTask(recipe, config, std::move(sampler), std::move(validation_crops), device),
        pool_(recipe, config, device) {}

  RefinementPool pool_;
};

}  // namespace halfmoon::training
