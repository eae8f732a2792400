// Training of the AE's refinement alone (networks/refinement.h), everything before it frozen.
// LibTorch.
#pragma once

#include <memory>

#include "models/training/ae_task.h"

namespace halfmoon::training {

// Decoded crops are made once and kept, so a step costs what the refinement costs (nine times as
// many pixels a second as training of the whole model; docs/training-log.md, 26), and what pictures
// take in bits stays what it is. Needs --init. The pool depends on the recipe and the frozen
// weights alone: a resumed run makes it again.
//
// Loss: lambda * distortion, weighted as AeTask does. Figures: PSNR of the refined crops, and by
// how much their distortion (squared error, or the model's mix with MS-SSIM) is lower.
class RefinementTask : public AeTask {
 public:
  // Fields of `loss`: "pool", the number of crops, 16 to 65536.
  static Status Check(const Recipe& recipe);
  static Result<std::unique_ptr<TrainingTask>> Create(const Recipe& recipe,
                                                      const std::vector<Pack>& packs,
                                                      std::int64_t validation_pictures,
                                                      torch::Device device);

  Status Initialise() override;
  void BeforeStep(const StepInfo& at) override;
  torch::Tensor Loss(const StepInfo& at, at::Generator& generator, Figures* figures) override;

 private:
  RefinementTask(const Recipe& recipe, const networks::AeConfig& config, CropSampler sampler,
                 torch::Tensor validation_crops, torch::Device device, std::int64_t pool)
      : AeTask(recipe, config, std::move(sampler), std::move(validation_crops), device),
        pool_(pool) {}

  void FillPool(int workers);

  std::int64_t pool_;
  torch::Tensor original_;           // [pool, 3, kPoolSide, kPoolSide], uint8
  networks::CoarsePicture decoded_;  // likewise, but not refined, float16
  torch::Tensor level_;              // [pool]
};

}  // namespace halfmoon::training
