#include "models/training/photo/photo_task.h"

#include <algorithm>

namespace halfmoon::training {

Result<PhotoData> PhotoData::Load(const Recipe& recipe, const std::vector<Pack>& packs,
                                  std::int64_t side, std::int64_t validation_pictures,
                                  torch::Device device) {
  HALFMOON_ASSIGN_OR_RETURN(CropSampler sampler, CropSampler::Create(packs, side, device));
  PhotoData data{std::move(sampler), CropSampler::ValidationCrops(packs, 256, validation_pictures)};
  torch::manual_seed(static_cast<std::uint64_t>(recipe.seed));
  return data;
}

Status PhotoTask::CheckCrops(const Recipe& r) {
  for (auto [field, side] : {std::pair{"crop", r.crop}, {"late_crop", r.late_crop}}) {
    if (side % 64 != 0) {
      return {StatusCode::kInvalidArgument,
              std::string("field '") + field + "' must be a multiple of 64"};
    }
  }
  return Status::Ok();
}

std::int64_t PhotoTask::LargestCrop(const Recipe& r) {
  return std::max(r.crop, r.late_crop_from < 1 ? r.late_crop : r.crop);
}

PhotoTask::Crops PhotoTask::DrawCrops(const StepInfo& at, at::Generator& generator) const {
  const Recipe& r = recipe_;
  const bool late = at.progress >= r.late_crop_from;
  const std::int64_t side = late ? r.late_crop : r.crop;
  const std::int64_t batch =
      late ? std::max<std::int64_t>(at.workers, r.batch * r.crop * r.crop / (side * side))
           : r.batch;
  Crops crops;
  crops.count = ShareOf(batch, at);
  crops.batch = static_cast<double>(batch);
  crops.pixels = static_cast<double>(side * side);
  if (crops.count > 0)
    crops.x = sampler_.SampleScaled(crops.count, side, r.max_downscale, generator);
  return crops;
}

}  // namespace halfmoon::training
