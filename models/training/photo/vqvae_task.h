// Training of the VQ-VAE codec: codebooks by moving averages, synthesis and prior by gradients.
// LibTorch.
#pragma once

#include <memory>

#include "models/networks/vqvae.h"
#include "models/runtime/weights/safetensors.h"
#include "models/training/loop/codebook_keeper.h"
#include "models/training/photo/photo_task.h"
#include "models/training/photo/refinement_pool.h"

namespace halfmoon::training {

// Every picture of a batch uses a random number of stages n. Its loss is kPriorWeight * rate +
// lambda(n) * distortion, where lambda(n) is that of the AE codec at the quality level that belongs
// to n stages; the rate moves the prior alone. Loss fields of the recipe:
//   "commitment"  weight of |p - sg(z)|^2 per dimension; 0 (default): the analysis stays as it is
//   "rate"        weight of the bits against the distance when an index is chosen (default 1), in
//                 units of what a bit saves in the stages that follow; measured when a run begins
//                 with an AE codec's weights, and once more when the prior has learnt something. A
//                 run that begins with a file of this family takes that file's slopes, times "rate"
//   "first_stage_rate"  the same of the first stage alone, as a share of "rate" (default 1). Below
//                 1 it spends more than it need: stages that follow would do the same work as
//                 cheaply, so the rule lets the first one idle on a few codes.
class VqvaeTask : public PhotoTask {
 public:
  using Config = VqvaeConfig;

  static Status Check(const Recipe& recipe);
  // REQUIRES: Check. Errors: kInvalidArgument when the packs hold no picture large enough.
  static Result<std::unique_ptr<TrainingTask>> Create(const Recipe& recipe,
                                                      const std::vector<Pack>& packs,
                                                      std::int64_t validation_pictures,
                                                      torch::Device device);

  torch::nn::Module& network() override { return *model_; }
  torch::OrderedDict<std::string, torch::Tensor> StateBuffers() override {
    return model_->TrainedBuffers();
  }
  Status Initialise() override;
  // A file of this family is trained on; it may lack the refinement that a recipe has. One of the
  // AE codec gives g_a and g_s, then the codebooks start as in Initialise.
  Status ImportWeightsFile(const std::string& path) override;
  void BeforeStep(const StepInfo& at) override;
  torch::Tensor Loss(const StepInfo& at, at::Generator& generator, Figures* figures) override;
  void AfterStep(const StepInfo& at) override;
  ValidationReport Validate(WorkerPool& pool) override;
  std::map<std::string, std::string> Metadata() const override;

 protected:
  VqvaeTask(const Recipe& recipe, const VqvaeConfig& config, PhotoData data, torch::Device device);
  // A crop as decoders see it, with a random number of stages. REQUIRES: quantised.
  RefinementPool::Decoded DecodeCrop(const torch::Tensor& x, at::Generator& generator);

  VqvaeConfig config_;
  networks::Vqvae model_;

 private:
  Status GoOnFrom(const runtime::WeightsFile& file);
  Status StartFromAe(const runtime::WeightsFile& file);
  // What a bit of each stage is worth: `energy` [S] left after it and `bits` [S] it took, per
  // position.
  void SetSlopes(const std::vector<double>& energy, const std::vector<double>& bits);
  // The same from what the model does now, with all stages, to pictures drawn for it.
  void MeasureSlopes();
  // Projection, codebooks and slopes from the latents of random crops.
  void StartCodebooks(const torch::Tensor& gain);

  double commitment_ = 0, rate_ = 1, first_stage_rate_ = 1;
  CodebookKeeper keeper_;
};

}  // namespace halfmoon::training
