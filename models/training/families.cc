#include "models/training/families.h"

#include <string_view>
#include <thread>

#include "models/training/export/exporter.h"
#include "models/training/export/small_vqvae_exporter.h"
#include "models/training/export/table_fit.h"
#include "models/training/export/vae_exporter.h"
#include "models/training/export/vqvae_exporter.h"
#include "models/training/export/weights_export.h"
#include "models/training/generative/classifier_task.h"
#include "models/training/generative/index_transformer_task.h"
#include "models/training/generative/small_vqvae_task.h"
#include "models/training/generative/vae_task.h"
#include "models/training/photo/ae_task.h"
#include "models/training/photo/refinement_task.h"
#include "models/training/photo/vqvae_task.h"

namespace halfmoon::training {
namespace {

struct Family {
  const char* name;
  const char* architecture;  // of its weights files
  // Whether its code keeps to one device. Others make tensors of the CPU on the way.
  bool on_cuda;
  Status (*check)(const Recipe&);
  Result<std::unique_ptr<TrainingTask>> (*make)(const Recipe&, const std::vector<Pack>&,
                                                std::int64_t validation_pictures, torch::Device);
  Result<std::vector<std::uint8_t>> (*export_weights)(const Checkpoint&, const ModelMetadata&,
                                                      const std::vector<Pack>&);
};

// Of families whose export needs no data.
template <Result<std::vector<std::uint8_t>> (*Export)(const Checkpoint&, const ModelMetadata&)>
Result<std::vector<std::uint8_t>> WithoutData(const Checkpoint& checkpoint,
                                              const ModelMetadata& metadata,
                                              const std::vector<Pack>&) {
  return Export(checkpoint, metadata);
}

Result<std::vector<std::uint8_t>> ExportAe(const Checkpoint& checkpoint,
                                           const ModelMetadata& metadata,
                                           const std::vector<Pack>& packs) {
  HALFMOON_ASSIGN_OR_RETURN(networks::Autoencoder model, LoadAveragedModel(checkpoint));
  HALFMOON_ASSIGN_OR_RETURN(const std::unique_ptr<networks::BaseWeights> base,
                            HoldCheckpointsBase(checkpoint, model));
  HALFMOON_ASSIGN_OR_RETURN(std::vector<std::uint8_t> bytes,
                            ExportWeights(model, metadata, base.get()));
  if (packs.empty()) return bytes;
  return FitTablesOf(bytes, packs, static_cast<int>(std::thread::hardware_concurrency()), {});
}

constexpr Family kFamilies[] = {
    {"ae", AeConfig::kArchitecture, true, AeTask::Check, AeTask::Create, ExportAe},
    {"ae-refinement", AeConfig::kArchitecture, false, AeRefinementTask::Check,
     AeRefinementTask::Create, ExportAe},
    {"classifier", ClassifierConfig::kArchitecture, true, ClassifierTask::Check,
     ClassifierTask::Create, WithoutData<ClassifierTask::Export>},
    {"index-transformer", IndexTransformerConfig::kArchitecture, true, IndexTransformerTask::Check,
     IndexTransformerTask::Create, WithoutData<IndexTransformerTask::Export>},
    {"vae", VaeConfig::kArchitecture, true, VaeTask::Check, VaeTask::Create, ExportVae},
    {"vqvae", VqvaeConfig::kArchitecture, false, VqvaeTask::Check, VqvaeTask::Create,
     WithoutData<ExportVqvae>},
    {"vqvae-refinement", VqvaeConfig::kArchitecture, false, VqvaeRefinementTask::Check,
     VqvaeRefinementTask::Create, WithoutData<ExportVqvae>},
    {"vqvae-small", SmallVqvaeConfig::kArchitecture, false, SmallVqvaeTask::Check,
     SmallVqvaeTask::Create, WithoutData<ExportSmallVqvae>},
};

Result<const Family*> Find(const std::string& name) {
  std::string legal;
  for (const Family& f : kFamilies) {
    if (name == f.name) return &f;
    legal += (legal.empty() ? "\"" : ", \"") + std::string(f.name) + "\"";
  }
  return Status(StatusCode::kInvalidArgument, "field 'family' is '" + name + "'; legal: " + legal);
}

}  // namespace

Status CheckFamily(const Recipe& recipe) {
  HALFMOON_ASSIGN_OR_RETURN(const Family* family, Find(recipe.family));
  if (family->architecture != std::string_view(AeConfig::kArchitecture)) {
    auto bad = [&](const std::string& field, const std::string& why) {
      return Status(StatusCode::kInvalidArgument,
                    "field '" + field + "; family '" + recipe.family + "' " + why);
    };
    if (recipe.quantiser != "rounding")
      return bad("quantiser' is '" + recipe.quantiser + "'", "has nothing but \"rounding\"");
    if (recipe.by_synthesis) return bad("by_synthesis' is true", "corrects no latents");
    if (!recipe.base.empty())
      return bad("base' is '" + recipe.base + "'", "makes no updates of weights files");
  }
  const std::string_view name = family->name;
  if (recipe.max_downscale != 1 && name != "ae" && name != "vqvae") {
    return {StatusCode::kInvalidArgument,
            "field 'max_downscale': family '" + recipe.family + "' takes its pictures as they are"};
  }
  if (recipe.fewer_blocks && name != "ae") {
    return {StatusCode::kInvalidArgument,
            "field 'fewer_blocks': family '" + recipe.family + "' leaves out no blocks"};
  }
  return family->check(recipe);
}

Status CheckDevice(const Recipe& recipe, const std::string& device) {
  HALFMOON_ASSIGN_OR_RETURN(const Family* family, Find(recipe.family));
  if (device == "cpu" || family->on_cuda) return Status::Ok();
  return {StatusCode::kInvalidArgument, "family '" + recipe.family +
                                            "' is trained on the CPU only, not on device '" +
                                            device + "'; use --device cpu"};
}

Result<std::unique_ptr<TrainingTask>> MakeTask(const Recipe& recipe, const std::vector<Pack>& packs,
                                               std::int64_t validation_pictures,
                                               const std::string& device) {
  HALFMOON_ASSIGN_OR_RETURN(const Family* family, Find(recipe.family));
  HALFMOON_RETURN_IF_ERROR(family->check(recipe));
  return family->make(recipe, packs, validation_pictures, torch::Device(device));
}

std::string FamilyOf(const Checkpoint& checkpoint) {
  const auto it = checkpoint.metadata.find("family");
  return it == checkpoint.metadata.end() ? "ae" : it->second;
}

Result<std::string> ArchitectureOf(const Checkpoint& checkpoint) {
  const auto family = Find(FamilyOf(checkpoint));
  if (!family.ok()) return Status(StatusCode::kCorrupt, "checkpoint: " + family.status().message());
  return std::string((*family)->architecture);
}

Result<std::vector<std::uint8_t>> ExportCheckpoint(const Checkpoint& checkpoint,
                                                   const ModelMetadata& metadata,
                                                   const std::vector<Pack>& packs) {
  const auto family = Find(FamilyOf(checkpoint));
  if (!family.ok()) return Status(StatusCode::kCorrupt, "checkpoint: " + family.status().message());
  return (*family)->export_weights(checkpoint, metadata, packs);
}

}  // namespace halfmoon::training
