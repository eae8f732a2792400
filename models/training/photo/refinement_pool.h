// Decoded crops, and how a refinement (networks/refinement.h) learns from them. LibTorch.
#pragma once

#include <torch/torch.h>

#include <functional>

#include "models/networks/transforms.h"
#include "models/training/data/crop_sampler.h"
#include "models/training/loop/recipe.h"
#include "models/training/loop/task.h"

namespace halfmoon::training {

// What families that train a refinement alone have in common. Crops are decoded once and kept, so a
// step costs what the refinement costs (nine times as many pixels a second as training of the whole
// model; docs/history/training-log.md, 26), and what pictures take in bits stays what it is.
class RefinementPool {
 public:
  // Legal fields of a recipe: `loss` has "pool", the number of crops, 16 to 65536, or nothing
  // (2000); `crop` is at most 256.
  // Errors: kInvalidArgument naming the field.
  static Status Check(const Recipe& recipe, const AeConfig& transforms);
  // Draws from packs need pictures of this side: a crop and what lies around it.
  static std::int64_t SampledSide();

  // REQUIRES: Check.
  RefinementPool(const Recipe& recipe, const AeConfig& transforms, torch::Device device);

  struct Decoded {
    networks::CoarsePicture coarse;
    torch::Tensor level;  // [1]: what g_s worked at
  };
  // Decodes a crop: [1, 3, S, S]. Called from several threads at once, without gradients.
  using Decode = std::function<Decoded(const torch::Tensor& x, at::Generator& generator)>;

  // Decodes the next few crops and returns the share of the pool that is there. What is drawn
  // depends on the recipe's seed alone: a resumed run makes the same pool again.
  double FillMore(const CropSampler& sampler, WorkerPool& workers, const Decode& decode);

  // lambda * distortion, weighted by level, over this worker's share of a batch, as in
  // TrainingTask::Loss. Figures: PSNR of the refined crops; gain_db: by how much their distortion
  // (squared error, or the model's mix with MS-SSIM) is lower.
  torch::Tensor Loss(const StepInfo& at, networks::Synthesis& g_s, at::Generator& generator,
                     Figures* figures) const;

 private:
  std::int64_t size_, filled_ = 0;
  std::int64_t batch_, crop_;
  std::uint64_t seed_;
  double level_weight_;
  AeConfig config_;
  torch::Device device_;
  torch::Tensor original_;           // [pool, 3, kPoolSide, kPoolSide], uint8
  networks::CoarsePicture decoded_;  // likewise, but not refined, float16
  torch::Tensor level_;              // [pool]
};

}  // namespace halfmoon::training
