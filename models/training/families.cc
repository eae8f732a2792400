#include "models/training/families.h"

#include "models/training/ae_task.h"

namespace halfmoon::training {
namespace {

struct Family {
  const char* name;
  Status (*check)(const Recipe&);
  Result<std::unique_ptr<TrainingTask>> (*make)(const Recipe&, const std::vector<Pack>&,
                                                std::int64_t validation_pictures, torch::Device);
};

constexpr Family kFamilies[] = {
    {"ae", AeTask::Check, AeTask::Create},
};

Result<const Family*> Find(const std::string& name) {
  std::string legal;
  for (const Family& f : kFamilies) {
    if (name == f.name) return &f;
    legal += (legal.empty() ? "\"" : ", \"") + std::string(f.name) + "\"";
  }
  return Status(StatusCode::kInvalidArgument,
                "field 'family' is '" + name + "'; legal: " + legal);
}

}  // namespace

Status CheckFamily(const Recipe& recipe) {
  HALFMOON_ASSIGN_OR_RETURN(const Family* family, Find(recipe.family));
  return family->check(recipe);
}

Result<std::unique_ptr<TrainingTask>> MakeTask(const Recipe& recipe, const std::vector<Pack>& packs,
                                               std::int64_t validation_pictures,
                                               const std::string& device) {
  HALFMOON_ASSIGN_OR_RETURN(const Family* family, Find(recipe.family));
  HALFMOON_RETURN_IF_ERROR(family->check(recipe));
  return family->make(recipe, packs, validation_pictures, torch::Device(device));
}

}  // namespace halfmoon::training
