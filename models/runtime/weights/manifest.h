// The list of installed models (manifest.json) and loading by id or name. Must not include LibTorch
// or JSON.
#pragma once

#include <array>
#include <cstdint>
#include <filesystem>
#include <initializer_list>
#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "halfmoon/status.h"
#include "models/runtime/weights/safetensors.h"

namespace halfmoon::runtime {

// The newest layout of weights files this library reads; a manifest entry with a larger number is
// refused. 1: float weights as they are. 2: some are whole steps of their row (LoadFloats). 3:
// updates of another file (safetensors.h). 4: the pixel transforms are integers
// (integer_transforms.h).
inline constexpr int kWeightsFormatVersion = 4, kUpdateFormatVersion = 3;

// One entry of manifest.json, checked.
struct ModelEntry {
  std::uint16_t id = 0;      // stable; stored in .hmn files; never used for another model
  std::string name;          // e.g. "ae-photo-1": letters, digits, '-', '_', '.'; not a number
  std::string file;          // a plain file name in the manifest's folder
  std::string architecture;  // the family: "ae", "vae", "vqvae", "vqvae-small", "index-transformer"
  std::string sha256;        // of the file, 64 lower-case hex digits
  std::string identity;      // WeightsFile::identity_hex()
  int format_version = 1;    // 1 to kWeightsFormatVersion
  std::string training;      // JSON text of the free-form "training" object
  std::string data;          // what it was trained on
  std::string licence;
  std::string measured;  // JSON text of the free-form "measured" object
  std::string codec;     // of a prior over codebook indices: the identity of the codec they are of

  // Weights that the model had before, for files that were made with them.
  struct Previous {
    std::string file, sha256, identity;
    int format_version = 1;
  };
  std::vector<Previous> previous;

  // What tells weights apart in lists, 16 hex digits: the identity or, for models that no decoder
  // computes with (classifiers, which share the identity of nothing), the start of the file's
  // SHA-256.
  std::string ShortHash() const;
};

// manifest.json is a list of objects with these keys: id (1..65535), name, file, architecture,
// sha256, identity, format_version, data, licence; and, optionally, codec (16 hex digits), previous
// (a list of objects with file, sha256, identity, format_version), training and measured (any
// JSON). Other keys are ignored.
class Manifest {
 public:
  // `directory`: where the weights files lie. Errors: kModelCorrupt naming entry and key.
  static Result<Manifest> Parse(std::string_view json, std::filesystem::path directory);
  // Reads directory/manifest.json. Errors: kModelMissing when there is none; kIo; kModelCorrupt.
  static Result<Manifest> Load(const std::filesystem::path& directory);

  // Those of manifest.json by ascending ids, then those that were added.
  const std::vector<ModelEntry>& entries() const { return entries_; }
  const std::filesystem::path& directory() const { return directory_; }

  // Adds a weights file, to be found by the path given here. Its entry is made of the file's
  // metadata; the id is that of the entry with the same identity, else the largest that is free.
  // Errors: as WeightsFile::FromFile; kModelCorrupt when the file does not say what it is.
  Status AddFile(const std::string& path);

  // Lifetime of the pointers: until the manifest changes. Errors: kModelMissing, lists what there
  // is.
  Result<const ModelEntry*> FindById(std::uint16_t id) const;
  Result<const ModelEntry*> FindByName(std::string_view name) const;
  // By what a .hmn file says of its weights, which may be previous ones of the entry; null: none.
  const ModelEntry* FindByIdentity(std::string_view identity) const;
  // A decimal number is an id, what ends in .safetensors a file that was added, anything else a
  // name.
  Result<const ModelEntry*> Find(std::string_view id_or_name) const;

 private:
  Manifest() = default;
  Status Missing(const std::string& what) const;

  std::filesystem::path directory_;
  std::vector<ModelEntry> entries_;
  std::map<std::string, std::size_t> added_;  // places in entries_, by path
};

// Where the models are. The first that is set or exists: `explicit_directory` (--models-dir), the
// environment variable HALFMOON_MODELS_DIR, models/weights of the source tree this library was
// built from, ../share/halfmoon/models beside the running program. The first two, when given, are
// returned without a look whether they exist: a wrong path must be an error, not another model.
// Errors: kModelMissing naming the places looked at.
Result<std::filesystem::path> FindModelsDirectory(
    const std::filesystem::path& explicit_directory = {});

// Whether a model is named by its weights file: "mine.safetensors".
bool IsWeightsPath(std::string_view model);

// The manifest of FindModelsDirectory, and with it those of `models` that are weights files. With
// such a file there need not be a manifest. Errors: those of finding, loading and AddFile.
Result<Manifest> OpenModels(const std::filesystem::path& explicit_directory,
                            std::initializer_list<std::string> models = {});

struct LoadedWeights {
  ModelEntry entry;
  std::shared_ptr<const WeightsFile> weights;
};

// Loads a model's weights and checks that they are the ones the manifest promises.
// Errors: kModelMissing (unknown, or its file is absent; names id, hash and how to get it),
// kModelMismatch (SHA-256 or identity differ; names both), kUnsupportedVersion (format_version),
// kModelCorrupt, kIo, kOutOfMemory.
Result<LoadedWeights> LoadModel(const Manifest& manifest, std::string_view id_or_name);
Result<LoadedWeights> LoadModel(const Manifest& manifest, std::uint16_t id);

// As above for a .hmn file that was made with model `id` of this identity, now or before (the entry
// is then one of those weights), or with weights of this identity under another id: those of a file
// of one's own. Errors: also kModelMismatch when the installed model of that id has other
// identities.
Result<LoadedWeights> LoadModelForFile(const Manifest& manifest, std::uint16_t id,
                                       const std::array<std::uint8_t, 8>& identity);

}  // namespace halfmoon::runtime
