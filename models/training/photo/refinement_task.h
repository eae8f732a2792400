// Training of a photographic codec's refinement alone (networks/refinement.h), everything before it
// frozen. LibTorch.
#pragma once

#include <memory>

#include "models/training/photo/ae_task.h"
#include "models/training/photo/refinement_pool.h"
#include "models/training/photo/vqvae_task.h"

namespace halfmoon::training {

// Codec: AeTask or VqvaeTask. Needs --init. The pool depends on the recipe and the frozen weights
// alone: a resumed run makes it again. Loss: lambda * distortion, weighted by level. Figures:
// refinement_pool.h.
template <class Codec>
class RefinementTask : public Codec {
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
  // Of the AE as it does; codebooks and slopes of the VQ-VAE stay.
  void AfterStep(const StepInfo& at) override;

 private:
  RefinementTask(const Recipe& recipe, const typename Codec::Config& config, PhotoData data,
                 torch::Device device);

  RefinementPool pool_;
};

using AeRefinementTask = RefinementTask<AeTask>;
using VqvaeRefinementTask = RefinementTask<VqvaeTask>;

}  // namespace halfmoon::training
