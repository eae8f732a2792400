#include "models/training/refinement_task.h"

namespace halfmoon::training {

Status RefinementTask::Check(const Recipe& r) {
  Recipe rest = r;
  rest.loss.clear();
  HALFMOON_RETURN_IF_ERROR(AeTask::Check(rest));
  HALFMOON_ASSIGN_OR_RETURN(const AeConfig config, FromJson<AeConfig>(r.model));
  return RefinementPool::Check(r, config);
}

Result<std::unique_ptr<TrainingTask>> RefinementTask::Create(const Recipe& r,
                                                             const std::vector<Pack>& packs,
                                                             std::int64_t validation_pictures,
                                                             torch::Device device) {
  HALFMOON_ASSIGN_OR_RETURN(const AeConfig config, FromJson<AeConfig>(r.model));
  HALFMOON_ASSIGN_OR_RETURN(CropSampler sampler,
                            CropSampler::Create(packs, RefinementPool::SampledSide(), device));
  torch::Tensor crops = CropSampler::ValidationCrops(packs, 256, validation_pictures);
  torch::manual_seed(static_cast<std::uint64_t>(r.seed));
  std::unique_ptr<RefinementTask> task(
      new RefinementTask(r, config, std::move(sampler), std::move(crops), device));
  HALFMOON_RETURN_IF_ERROR(task->HoldBase());
  return std::unique_ptr<TrainingTask>(std::move(task));
}

Status RefinementTask::Initialise() {
  return {
      StatusCode::kInvalidArgument,
      "family 'ae-refinement' refines what a trained codec decodes; give its weights with --init"};
}

double RefinementTask::Prepare(WorkerPool& workers) {
  model_->SetQuantised(true);  // what a decoder sees
  const bool was_training = model_->is_training();
  model_->eval();  // symbols are rounded
  const double done =
      pool_.FillMore(sampler_, workers, [&](const torch::Tensor& x, at::Generator& generator) {
        const torch::Tensor level =
            torch::rand({1}, generator, x.options()) * (AeConfig::kLevels - 1);
        return RefinementPool::Decoded{model_->forward(x, level, c10::nullopt).coarse, level};
      });
  model_->train(was_training);
  return done;
}

void RefinementTask::BeforeStep(const StepInfo&) { model_->SetQuantised(true); }

torch::Tensor RefinementTask::Loss(const StepInfo& at, at::Generator& generator, Figures* figures) {
  return pool_.Loss(at, model_->g_s, generator, figures);
}

}  // namespace halfmoon::training
