#include "models/training/photo/ae_task.h"

#include "models/networks/ae_weights.h"
#include "models/networks/dependent_rounding.h"
#include "models/networks/distortion.h"
#include "models/training/export/frequency_tables.h"
#include "models/training/export/weights_export.h"
#include "models/training/loop/run_random.h"
#include "models/training/loop/schedule.h"
#include "models/training/photo/level_weight.h"
#include "models/training/photo/principal_components.h"

namespace halfmoon::training {
namespace {

// As encoders choose symbols by default, but by tables that no symbols were counted for: what a
// network learns must not hang on those of the weights that it began with.
networks::LatentQuantiser EncodersQuantiser() {
  const FrequencyTables tables = MakeGaussianTables();
  auto cdf = CdfTables::Create(tables.sizes, tables.offsets, tables.frequencies);
  return networks::DependentRounding(std::make_shared<const CdfTables>(std::move(*cdf)), kAeTables);
}

}  // namespace

AeTask::AeTask(const Recipe& recipe, const AeConfig& config, PhotoData data, torch::Device device)
    : PhotoTask(recipe, std::move(data), device), config_(config), model_(config) {
  if (recipe.quantiser == "dependent") model_->QuantiseBy(EncodersQuantiser());
  model_->CorrectLatents(recipe.by_synthesis);
}

Status AeTask::Check(const Recipe& r) {
  HALFMOON_RETURN_IF_ERROR(FromJson<AeConfig>(r.model).status());
  HALFMOON_RETURN_IF_ERROR(CheckCrops(r));
  if (r.loss.empty()) return Status::Ok();
  return {StatusCode::kInvalidArgument, "unknown loss field '" + r.loss.begin().key() + "'"};
}

Result<std::unique_ptr<TrainingTask>> AeTask::Create(const Recipe& r,
                                                     const std::vector<Pack>& packs,
                                                     std::int64_t validation_pictures,
                                                     torch::Device device) {
  HALFMOON_ASSIGN_OR_RETURN(const AeConfig config, FromJson<AeConfig>(r.model));
  HALFMOON_ASSIGN_OR_RETURN(PhotoData data,
                            PhotoData::Load(r, packs, LargestCrop(r), validation_pictures, device));
  std::unique_ptr<AeTask> task(new AeTask(r, config, std::move(data), device));
  HALFMOON_RETURN_IF_ERROR(task->Prepared());
  return std::unique_ptr<TrainingTask>(std::move(task));
}

Status AeTask::Prepared() {
  if (recipe_.base.empty()) return Status::Ok();
  HALFMOON_ASSIGN_OR_RETURN(networks::BaseWeights base, LoadBase(recipe_, config_));
  base.Hold(model_);
  base_ = std::make_unique<networks::BaseWeights>(std::move(base));
  return Status::Ok();
}

Status AeTask::Initialise() {
  if (base_ != nullptr) {
    return {StatusCode::kInvalidArgument,
            "field 'base': such a run goes on from its base or from what came of it; give it with "
            "--init"};
  }
  if (!recipe_.linear_initialisation) return Status::Ok();
  at::Generator generator = MakeGenerator(device_);
  generator.set_current_seed(recipe_.seed);
  const torch::Tensor crops = sampler_.Sample(256, recipe_.crop, generator);
  model_->InitialiseLinear(PrincipalComponents(crops, config_.latent_channels));
  return Status::Ok();
}

// Whether a parameter belongs to a block of g_a or g_s, of which a recipe may have more or fewer
// than a weights file, or to the refinement.
static bool MayDiffer(const std::string& name) {
  return name.starts_with("g_s.refine.") || name.starts_with("g_a.blocks.") ||
         name.starts_with("g_a.trunk.") || name.starts_with("g_s.blocks.") ||
         name.starts_with("g_s.trunk.");
}

Status AeTask::ImportWeightsFile(const std::string& path) {
  HALFMOON_ASSIGN_OR_RETURN(const runtime::WeightsFile file, runtime::WeightsFile::FromFile(path));
  auto imported = networks::ImportAutoencoder(file);
  if (!imported.ok()) return imported.status().WithContext(path);
  const auto theirs = (*imported)->named_parameters();
  auto other_shape = [&](const std::string& tensor) {
    return Status(StatusCode::kCorrupt,
                  path + ": tensor '" + tensor +
                      "' is missing or has another shape; the recipe's model dimensions must be "
                      "those of the weights file, or more blocks (fewer with 'fewer_blocks')");
  };
  // Blocks that the recipe adds start as identities: the network computes what the file's does.
  // Those it leaves out are the last ones; a block adds to what comes in, so that the network still
  // draws pictures.
  const AeConfig& file_config = (*imported)->config();
  model_->g_a->MakeIdentityFrom(file_config.analysis_blocks, file_config.analysis_trunk_blocks);
  model_->g_s->MakeIdentityFrom(file_config.synthesis_blocks, file_config.synthesis_trunk_blocks,
                                file_config.refine_blocks);
  const auto ours = model_->named_parameters();
  for (const auto& p : theirs) {
    if (ours.contains(p.key()) || (recipe_.fewer_blocks && MayDiffer(p.key()))) continue;
    return other_shape(p.key());
  }
  torch::NoGradGuard no_grad;
  for (auto& p : model_->named_parameters()) {
    const torch::Tensor* value = theirs.find(p.key());
    if (value == nullptr && MayDiffer(p.key())) continue;
    // Linear paths over blocks become lapped ones that are zero around the block.
    if (config_.lapped && value != nullptr && p.key() == "g_a.linear.weight" &&
        value->size(1) == 768) {
      model_->g_a->InitialiseLinear(value->flatten(1));
      continue;
    }
    if (config_.lapped && value != nullptr && p.key() == "g_s.linear.weight" &&
        value->size(0) == 768) {
      model_->g_s->InitialiseLinear(value->flatten(1).t());
      continue;
    }
    if (value == nullptr || value->sizes() != p.value().sizes()) {
      return other_shape(p.key());
    }
    p.value().copy_(*value);
  }
  model_->TakeLevelsOf(file_config);
  return Status::Ok();
}

void AeTask::BeforeStep(const StepInfo& at) {
  model_->SetQuantised(at.progress >= recipe_.quantise_from);
  progress_ = at.progress;
  if (RoundsWeights(at.progress))
    on_grid_ = std::make_unique<networks::OnGrid>(*model_, base_.get());
}

void AeTask::AfterStep(const StepInfo& at) {
  if (base_ != nullptr && recipe_.base_decay > 0)
    base_->Pull(model_, recipe_.base_decay * LearningRate(recipe_, at.step, at.progress));
}

torch::Tensor AeTask::Loss(const StepInfo& at, at::Generator& generator, Figures* figures) {
  const Crops crops = DrawCrops(at, generator);
  if (crops.count == 0) return {};
  const torch::Tensor& x = crops.x;
  const torch::Tensor level =
      torch::rand({crops.count}, generator, x.options()) * (AeConfig::kLevels - 1);
  const auto out = model_->forward(x, level, generator);
  const torch::Tensor bpp = (out.y_bits + out.z_bits) / crops.pixels;
  const torch::Tensor mse = (out.x_hat - x).square().mean({1, 2, 3}) * (255.0 * 255.0);
  const torch::Tensor lambda = LevelLambda(config_, level),
                      weight = LevelWeight(config_, recipe_.level_weight, level);
  const torch::Tensor psnr = 10 * torch::log10(255.0 * 255.0 / mse.detach().clamp_min(1e-6));
  *figures = {{"bpp", bpp.mean().item<double>()}, {"psnr", psnr.mean().item<double>()}};
  const torch::Tensor distortion =
      config_.ms_ssim_share > 0 ? networks::Distortion(config_, x, out.x_hat) : mse;
  if (config_.ms_ssim_share > 0)
    figures->emplace_back("distortion", distortion.detach().mean().item<double>());
  return (weight * (bpp + lambda * distortion)).sum() / crops.batch;
}

RefinementPool::Decoded AeTask::DecodeCrop(const torch::Tensor& x, at::Generator& generator) {
  const torch::Tensor level = torch::rand({1}, generator, x.options()) * (AeConfig::kLevels - 1);
  return {model_->forward(x, level, c10::nullopt).coarse, level};
}

ValidationReport AeTask::Validate(WorkerPool& pool) {
  std::unique_ptr<networks::OnGrid> on_grid;
  if (RoundsWeights(progress_)) on_grid = std::make_unique<networks::OnGrid>(*model_, base_.get());
  const ValidationResult result =
      training::Validate(model_, validation_crops_, {4, 15, 26, 37, 48, 59}, pool);
  return {result.score, {{"ms_ssim_db", result.ms_ssim_db}}, result.points};
}

}  // namespace halfmoon::training
