#include "codec/store/model_store.h"

#include "codec/store/model_loaders.h"
#include "codec/store/network_models.h"

namespace halfmoon {
namespace {

Result<std::unique_ptr<PictureModel>> Load(const runtime::LoadedWeights& loaded, ModelParts parts,
                                           const AeEncoding& encoding,
                                           const std::optional<AeSearchOptions>& search) {
  const Architecture* architecture = FindArchitecture(loaded.entry.architecture);
  if (architecture == nullptr || !architecture->codes_pictures) {
    return Status(StatusCode::kUnsupportedFeature,
                  "architecture '" + loaded.entry.architecture +
                      "' can't code pictures with this version; use another model or a newer "
                      "Halfmoon");
  }
  HALFMOON_ASSIGN_OR_RETURN(const ModelLoaders* loaders, LoadersOf(*architecture));
  HALFMOON_ASSIGN_OR_RETURN(std::unique_ptr<PictureModel> model,
                            loaders->codec({*loaded.weights, parts, encoding}));
  if (!search) return model;
  if (!architecture->has_search) {
    return Status(StatusCode::kUnsupportedFeature,
                  "only AE models have a search for better latents; use an effort of at most 4");
  }
  HALFMOON_ASSIGN_OR_RETURN(const NetworkModels* networks, GetNetworkModels());
  return networks->load_ae_search(*loaded.weights, std::move(model), *search);
}

}  // namespace

Result<ModelStore> ModelStore::Open(const std::string& models_dir, const std::string& model) {
  HALFMOON_ASSIGN_OR_RETURN(runtime::Manifest manifest, runtime::OpenModels(models_dir, {model}));
  return ModelStore(std::move(manifest));
}

Result<const ModelStore::Model*> ModelStore::ForEncoding(
    const std::string& name_or_id, const AeEncoding& encoding,
    const std::optional<AeSearchOptions>& search) {
  HALFMOON_ASSIGN_OR_RETURN(runtime::LoadedWeights loaded,
                            runtime::LoadModel(*manifest_, name_or_id));
  return Keep(std::move(loaded), ModelParts::kBoth, encoding, search);
}

Result<const ModelStore::Model*> ModelStore::ForDecoding(
    std::uint16_t id, const std::array<std::uint8_t, 8>& identity) {
  // A kept model was checked when it was loaded, but another file may ask for other weights.
  if (const auto it = models_.find(id); it != models_.end() && it->second.identity == identity) {
    return &it->second;
  }
  HALFMOON_ASSIGN_OR_RETURN(runtime::LoadedWeights loaded,
                            runtime::LoadModelForFile(*manifest_, id, identity));
  return Keep(std::move(loaded), ModelParts::kDecoder, AeEncoding{}, std::nullopt);
}

Result<const ModelStore::Model*> ModelStore::Keep(runtime::LoadedWeights loaded, ModelParts parts,
                                                  const AeEncoding& encoding,
                                                  const std::optional<AeSearchOptions>& search) {
  Result<std::unique_ptr<PictureModel>> network = Load(loaded, parts, encoding, search);
  if (!network.ok()) return network.status().WithContext("model '" + loaded.entry.name + "'");
  Model& slot = models_[loaded.entry.id];
  slot.entry = loaded.entry;
  slot.identity = loaded.weights->identity();
  slot.model = std::move(*network);
  return &slot;
}

}  // namespace halfmoon
