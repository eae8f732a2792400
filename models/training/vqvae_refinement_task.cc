#include "models/training/vqvae_refinement_task.h"

namespace halfmoon::training {

Status VqvaeRefinementTask::Check(const Recipe& r) {
  HALFMOON_RETURN_IF_ERROR(VqvaeTask::Check(WithoutLoss(r)));
  HALFMOON_ASSIGN_OR_RETURN(const VqvaeConfig config, FromJson<VqvaeConfig>(r.model));
  return RefinementPool::Check(r, config.transforms);
}

Result<std::unique_ptr<TrainingTask>> VqvaeRefinementTask::Create(const Recipe& r,
                                                                  const std::vector<Pack>& packs,
                                                                  std::int64_t validation_pictures,
                                                                  torch::Device device) {
  HALFMOON_ASSIGN_OR_RETURN(const VqvaeConfig config, FromJson<VqvaeConfig>(r.model));
  HALFMOON_ASSIGN_OR_RETURN(CropSampler sampler,
                            CropSampler::Create(packs, RefinementPool::SampledSide(), device));
  torch::Tensor crops = CropSampler::ValidationCrops(packs, 256, validation_pictures);
  torch::manual_seed(static_cast<std::uint64_t>(r.seed));
  return std::unique_ptr<TrainingTask>(
      new VqvaeRefinementTask(r, config, std::move(sampler), std::move(crops), device));
}

Status VqvaeRefinementTask::Initialise() {
  return {StatusCode::kInvalidArgument,
          "family 'vqvae-refinement' refines what a trained codec decodes; give its weights with "
          "--init"};
}

double VqvaeRefinementTask::Prepare(WorkerPool& workers) {
  model_->SetQuantised(true);  // what a decoder sees
  return pool_.FillMore(sampler_, workers, [&](const torch::Tensor& x, at::Generator& generator) {
    const torch::Tensor used = torch::randint(1, config_.stages + 1, {1}, generator, torch::kLong);
    const auto q = model_->Quantise(model_->Analyse(x), {used.item<std::int64_t>()});
    return RefinementPool::Decoded{model_->Coarse(q.z, used), model_->SynthesisLevel(used)};
  });
}

void VqvaeRefinementTask::BeforeStep(const StepInfo&) { model_->SetQuantised(true); }

torch::Tensor VqvaeRefinementTask::Loss(const StepInfo& at, at::Generator& generator,
                                        Figures* figures) {
  return pool_.Loss(at, model_->g_s, generator, figures);
}

}  // namespace halfmoon::training
