#include "codec/model_store.h"

namespace halfmoon {

Result<ModelStore> ModelStore::Open(const std::string& models_dir) {
  HALFMOON_ASSIGN_OR_RETURN(const std::filesystem::path dir, runtime::FindModelsDirectory(models_dir));
  HALFMOON_ASSIGN_OR_RETURN(runtime::Manifest manifest, runtime::Manifest::Load(dir));
  return ModelStore(std::move(manifest));
}

Result<const ModelStore::Model*> ModelStore::ForEncoding(const std::string& name_or_id) {
  HALFMOON_ASSIGN_OR_RETURN(runtime::LoadedWeights loaded, runtime::LoadModel(manifest_, name_or_id));
  return Keep(std::move(loaded), AeModel::Parts::kBoth);
}

Result<const ModelStore::Model*> ModelStore::ForDecoding(
    std::uint16_t id, const std::array<std::uint8_t, 8>& identity) {
  // A kept model was checked when it was loaded, but another file may ask for other weights.
  if (const auto it = models_.find(id); it != models_.end() && it->second.identity == identity) {
    return &it->second;
  }
  HALFMOON_ASSIGN_OR_RETURN(runtime::LoadedWeights loaded,
                            runtime::LoadModelForFile(manifest_, id, identity));
  return Keep(std::move(loaded), AeModel::Parts::kDecoder);
}

Result<const ModelStore::Model*> ModelStore::Keep(runtime::LoadedWeights loaded,
                                                  AeModel::Parts parts) {
  if (loaded.entry.architecture != "ae") {
    return Status(StatusCode::kUnsupportedFeature,
                  "model '" + loaded.entry.name + "' has architecture '" + loaded.entry.architecture +
                      "', which this version can't run; use a newer Halfmoon");
  }
  auto network = AeModel::Load(*loaded.weights, parts);
  if (!network.ok()) return network.status().WithContext("model '" + loaded.entry.name + "'");
  Model& slot = models_[loaded.entry.id];
  slot.entry = loaded.entry;
  slot.identity = loaded.weights->identity();
  slot.model = std::move(*network);
  return &slot;
}

}  // namespace halfmoon
