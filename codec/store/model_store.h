// ModelStore: finds, checks and keeps the models of an encoder or decoder. Internal.
#pragma once

#include <map>
#include <memory>
#include <optional>
#include <string>

#include "codec/families/ae_search.h"
#include "codec/families/picture_model.h"
#include "models/runtime/weights/manifest.h"

namespace halfmoon {

class ModelStore {
 public:
  // Without models.
  ModelStore() = default;

  struct Model {
    runtime::ModelEntry entry;
    std::array<std::uint8_t, 8> identity{};
    std::unique_ptr<EncodingModel> model;
  };

  // `model`: opened, too, if it is a weights file. Errors: those of runtime::OpenModels.
  static Result<ModelStore> Open(const std::string& models_dir, const std::string& model);

  // For encoding by that plan: by name or id. `progress`: of a search. Lifetime of the pointer: the
  // store's. Errors also: kUnsupportedFeature for a plan with a search and a model that has none.
  Result<const Model*> ForEncoding(const std::string& name_or_id, const EffortPlan& plan,
                                   const SearchProgress& progress);
  // For decoding: by what a file says. Errors: kModelMissing, kModelMismatch, kModelCorrupt.
  Result<const Model*> ForDecoding(std::uint16_t id, const std::array<std::uint8_t, 8>& identity);

 private:
  explicit ModelStore(runtime::Manifest manifest) : manifest_(std::move(manifest)) {}
  // search_progress: null for a model without a search.
  Result<const Model*> Keep(const runtime::LoadedWeights& loaded, ModelParts parts,
                            const SearchProgress* search_progress);

  std::optional<runtime::Manifest> manifest_;
  std::map<std::uint16_t, Model> models_;
};

}  // namespace halfmoon
