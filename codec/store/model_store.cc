#include "codec/store/model_store.h"

#include "codec/store/model_loaders.h"
#include "codec/store/network_models.h"

namespace halfmoon {
namespace {

// The highest effort without a search.
int HighestWithoutSearch() {
  int effort = kHighestEffort;
  while (EffortPlanOf(effort).search_steps > 0) --effort;
  return effort;
}

Result<std::unique_ptr<EncodingModel>> Load(const runtime::LoadedWeights& loaded, ModelParts parts,
                                            const SearchProgress* search_progress) {
  const Architecture* architecture = FindArchitecture(loaded.entry.architecture);
  if (architecture == nullptr || !architecture->codes_pictures) {
    return Status(StatusCode::kUnsupportedFeature,
                  "architecture '" + loaded.entry.architecture +
                      "' can't code pictures with this version; use another model or a newer "
                      "Halfmoon");
  }
  HALFMOON_ASSIGN_OR_RETURN(const ModelLoaders* loaders, LoadersOf(*architecture));
  HALFMOON_ASSIGN_OR_RETURN(std::unique_ptr<EncodingModel> model,
                            loaders->codec({*loaded.weights, parts}));
  if (search_progress == nullptr) return model;
  if (!architecture->has_search) {
    return Status(StatusCode::kUnsupportedFeature,
                  "only AE models have a search for better latents; use an effort of at most " +
                      std::to_string(HighestWithoutSearch()));
  }
  HALFMOON_ASSIGN_OR_RETURN(const NetworkModels* networks, GetNetworkModels());
  return networks->load_ae_search(*loaded.weights, std::move(model), *search_progress);
}

}  // namespace

Result<ModelStore> ModelStore::Open(const std::string& models_dir, const std::string& model) {
  HALFMOON_ASSIGN_OR_RETURN(runtime::Manifest manifest, runtime::OpenModels(models_dir, {model}));
  return ModelStore(std::move(manifest));
}

Result<const ModelStore::Model*> ModelStore::ForEncoding(const std::string& name_or_id,
                                                         const EffortPlan& plan,
                                                         const SearchProgress& progress) {
  HALFMOON_ASSIGN_OR_RETURN(const runtime::LoadedWeights loaded,
                            runtime::LoadModel(*manifest_, name_or_id));
  return Keep(loaded, ModelParts::kBoth, plan.search_steps > 0 ? &progress : nullptr);
}

Result<const ModelStore::Model*> ModelStore::ForDecoding(
    std::uint16_t id, const std::array<std::uint8_t, 8>& identity) {
  // A kept model was checked when it was loaded, but another file may ask for other weights.
  if (const auto it = models_.find(id); it != models_.end() && it->second.identity == identity) {
    return &it->second;
  }
  HALFMOON_ASSIGN_OR_RETURN(const runtime::LoadedWeights loaded,
                            runtime::LoadModelForFile(*manifest_, id, identity));
  return Keep(loaded, ModelParts::kDecoder, nullptr);
}

Result<const ModelStore::Model*> ModelStore::Keep(const runtime::LoadedWeights& loaded,
                                                  ModelParts parts,
                                                  const SearchProgress* search_progress) {
  Result<std::unique_ptr<EncodingModel>> network = Load(loaded, parts, search_progress);
  if (!network.ok()) return network.status().WithContext("model '" + loaded.entry.name + "'");
  Model& slot = models_[loaded.entry.id];
  slot.entry = loaded.entry;
  slot.identity = loaded.weights->identity();
  slot.model = std::move(*network);
  return &slot;
}

}  // namespace halfmoon
