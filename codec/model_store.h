// ModelStore: finds, checks and keeps the models of an encoder or decoder. Internal.
#pragma once

#include <map>
#include <memory>
#include <string>

#include "codec/picture_model.h"
#include "models/runtime/manifest.h"

namespace halfmoon {

class ModelStore {
 public:
  struct Model {
    runtime::ModelEntry entry;
    std::array<std::uint8_t, 8> identity{};
    std::unique_ptr<PictureModel> model;
  };

  // Errors: kModelMissing when there is no manifest; kModelCorrupt.
  static Result<ModelStore> Open(const std::string& models_dir);

  // For encoding: by name or id. Lifetime of the pointer: the store's.
  Result<const Model*> ForEncoding(const std::string& name_or_id);
  // For decoding: by what a file says. Errors: kModelMissing, kModelMismatch, kModelCorrupt.
  Result<const Model*> ForDecoding(std::uint16_t id, const std::array<std::uint8_t, 8>& identity);

 private:
  explicit ModelStore(runtime::Manifest manifest) : manifest_(std::move(manifest)) {}
  Result<const Model*> Keep(runtime::LoadedWeights loaded, ModelParts parts);

  runtime::Manifest manifest_;
  std::map<std::uint16_t, Model> models_;
};

}  // namespace halfmoon
