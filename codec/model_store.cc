#include "codec/model_store.h"

#include "codec/network_models.h"
#include "codec/vqvae_model.h"

namespace halfmoon {
namespace {

Result<std::unique_ptr<PictureModel>> Load(const runtime::LoadedWeights& loaded, ModelParts parts,
                                           const AeEncoding& encoding) {
  const std::string& architecture = loaded.entry.architecture;
  if (architecture == "ae") {
    HALFMOON_ASSIGN_OR_RETURN(std::unique_ptr<PictureModel> model,
                              AeModel::Load(*loaded.weights, parts, encoding));
    return model;
  }
  if (architecture == "vae") {
    HALFMOON_ASSIGN_OR_RETURN(const NetworkModels* networks, GetNetworkModels());
    return networks->load_vae_codec(*loaded.weights);
  }
  if (architecture == "vqvae-small") {
    HALFMOON_ASSIGN_OR_RETURN(const NetworkModels* networks, GetNetworkModels());
    return networks->load_small_vqvae_codec(*loaded.weights);
  }
  if (architecture == "vqvae") {
    HALFMOON_ASSIGN_OR_RETURN(std::unique_ptr<PictureModel> model,
                              VqvaeModel::Load(*loaded.weights, parts, encoding.by_synthesis));
    return model;
  }
  return Status(StatusCode::kUnsupportedFeature, "architecture '" + architecture +
                                                     "' can't code pictures with this version; use "
                                                     "another model or a newer Halfmoon");
}

Result<std::unique_ptr<PictureModel>> AddSearch(const runtime::LoadedWeights& loaded,
                                                std::unique_ptr<PictureModel> codec,
                                                const AeSearchOptions& search) {
  if (loaded.entry.architecture != "ae") {
    return Status(StatusCode::kUnsupportedFeature,
                  "only AE models have a search for better latents; use an effort of at most 4");
  }
  HALFMOON_ASSIGN_OR_RETURN(const NetworkModels* networks, GetNetworkModels());
  return networks->load_ae_search(*loaded.weights, std::move(codec), search);
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
                            runtime::LoadModel(manifest_, name_or_id));
  return Keep(std::move(loaded), ModelParts::kBoth, encoding, search);
}

Result<const ModelStore::Model*> ModelStore::ForDecoding(
    std::uint16_t id, const std::array<std::uint8_t, 8>& identity) {
  // A kept model was checked when it was loaded, but another file may ask for other weights.
  if (const auto it = models_.find(id); it != models_.end() && it->second.identity == identity) {
    return &it->second;
  }
  HALFMOON_ASSIGN_OR_RETURN(runtime::LoadedWeights loaded,
                            runtime::LoadModelForFile(manifest_, id, identity));
  return Keep(std::move(loaded), ModelParts::kDecoder, AeEncoding{}, std::nullopt);
}

Result<const ModelStore::Model*> ModelStore::Keep(runtime::LoadedWeights loaded, ModelParts parts,
                                                  const AeEncoding& encoding,
                                                  const std::optional<AeSearchOptions>& search) {
  Result<std::unique_ptr<PictureModel>> network = Load(loaded, parts, encoding);
  if (network.ok() && search) network = AddSearch(loaded, std::move(*network), *search);
  if (!network.ok()) return network.status().WithContext("model '" + loaded.entry.name + "'");
  Model& slot = models_[loaded.entry.id];
  slot.entry = loaded.entry;
  slot.identity = loaded.weights->identity();
  slot.model = std::move(*network);
  return &slot;
}

}  // namespace halfmoon
