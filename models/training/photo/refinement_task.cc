#include "models/training/photo/refinement_task.h"

#include <type_traits>

namespace halfmoon::training {
namespace {

const AeConfig& TransformsOf(const AeConfig& config) { return config; }
const AeConfig& TransformsOf(const VqvaeConfig& config) { return config.transforms; }

// The loss fields are the pool's, not the codec's.
Recipe WithoutLoss(Recipe recipe) {
  recipe.loss.clear();
  return recipe;
}

}  // namespace

template <class Codec>
RefinementTask<Codec>::RefinementTask(const Recipe& recipe, const typename Codec::Config& config,
                                      PhotoData data, torch::Device device)
    : Codec(WithoutLoss(recipe), config, std::move(data), device),
      pool_(recipe, TransformsOf(config), device) {}

template <class Codec>
Status RefinementTask<Codec>::Check(const Recipe& r) {
  HALFMOON_RETURN_IF_ERROR(Codec::Check(WithoutLoss(r)));
  HALFMOON_ASSIGN_OR_RETURN(const auto config, FromJson<typename Codec::Config>(r.model));
  return RefinementPool::Check(r, TransformsOf(config));
}

template <class Codec>
Result<std::unique_ptr<TrainingTask>> RefinementTask<Codec>::Create(
    const Recipe& r, const std::vector<Pack>& packs, std::int64_t validation_pictures,
    torch::Device device) {
  HALFMOON_ASSIGN_OR_RETURN(const auto config, FromJson<typename Codec::Config>(r.model));
  HALFMOON_ASSIGN_OR_RETURN(PhotoData data, PhotoData::Load(r, packs, RefinementPool::SampledSide(),
                                                            validation_pictures, device));
  std::unique_ptr<RefinementTask> task(new RefinementTask(r, config, std::move(data), device));
  HALFMOON_RETURN_IF_ERROR(task->Prepared());
  return std::unique_ptr<TrainingTask>(std::move(task));
}

template <class Codec>
Status RefinementTask<Codec>::Initialise() {
  return {StatusCode::kInvalidArgument,
          "family '" + this->recipe_.family +
              "' refines what a trained codec decodes; give its weights with --init"};
}

template <class Codec>
double RefinementTask<Codec>::Prepare(WorkerPool& workers) {
  auto& model = this->model_;
  model->SetQuantised(true);  // what a decoder sees
  const bool was_training = model->is_training();
  model->eval();  // symbols are rounded
  const double done = pool_.FillMore(this->sampler_, workers,
                                     [&](const torch::Tensor& x, at::Generator& generator) {
                                       return this->DecodeCrop(x, generator);
                                     });
  model->train(was_training);
  return done;
}

template <class Codec>
void RefinementTask<Codec>::BeforeStep(const StepInfo&) {
  this->model_->SetQuantised(true);
}

template <class Codec>
torch::Tensor RefinementTask<Codec>::Loss(const StepInfo& at, at::Generator& generator,
                                          Figures* figures) {
  return pool_.Loss(at, this->model_->g_s, generator, figures);
}

template <class Codec>
void RefinementTask<Codec>::AfterStep(const StepInfo& at) {
  if constexpr (std::is_same_v<Codec, AeTask>) AeTask::AfterStep(at);
}

template class RefinementTask<AeTask>;
template class RefinementTask<VqvaeTask>;

}  // namespace halfmoon::training
