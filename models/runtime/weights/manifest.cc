#include "models/runtime/weights/manifest.h"

#include <algorithm>
#include <charconv>
#include <cstdlib>
#include <fstream>
#include <iterator>
#include <new>
#include <nlohmann/json.hpp>
#include <optional>
#include <set>
#include <utility>

#include "models/runtime/weights/sha256.h"

namespace halfmoon::runtime {
namespace {

namespace fs = std::filesystem;
using Json = nlohmann::json;

constexpr char kManifestName[] = "manifest.json";
constexpr std::uintmax_t kMaxManifestBytes = std::uintmax_t{16} << 20;

// The remedy, the same wherever a model is not there.
constexpr char kHowToGet[] =
    "name its weights file with --model FILE.safetensors, or another models directory with "
    "--models-dir or HALFMOON_MODELS_DIR; the project's releases list what they ship";

Status Corrupt(const std::string& what) {
  return {StatusCode::kModelCorrupt, "manifest.json: " + what + "; restore it from the release"};
}

bool IsHex(const std::string& text, std::size_t digits) {
  return text.size() == digits && std::all_of(text.begin(), text.end(), [](char c) {
           return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f');
         });
}

bool IsPlainName(const std::string& text) {
  return !text.empty() && text.size() <= 128 && text[0] != '.' &&
         std::all_of(text.begin(), text.end(), [](char c) {
           return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
                  c == '-' || c == '_' || c == '.';
         });
}

bool IsNumber(std::string_view text) {
  return !text.empty() &&
         std::all_of(text.begin(), text.end(), [](char c) { return c >= '0' && c <= '9'; });
}

// Reads `key` of `entry` as text.
Status ReadText(const Json& entry, const char* key, const std::string& where, std::string* text) {
  const auto found = entry.find(key);
  if (found == entry.end() || !found->is_string()) {
    return Corrupt(where + " lacks the text \"" + key + "\"");
  }
  *text = found->get<std::string>();
  return Status::Ok();
}

// What says which weights: of an entry, or of one of its previous ones.
template <typename Entry>
Status ReadWeightsFields(const Json& json, const std::string& where, Entry* entry) {
  HALFMOON_RETURN_IF_ERROR(ReadText(json, "file", where, &entry->file));
  HALFMOON_RETURN_IF_ERROR(ReadText(json, "sha256", where, &entry->sha256));
  HALFMOON_RETURN_IF_ERROR(ReadText(json, "identity", where, &entry->identity));
  const auto version = json.find("format_version");
  if (version == json.end() || !version->is_number_unsigned() ||
      version->get<std::uint64_t>() < 1 || version->get<std::uint64_t>() > 1000000) {
    return Corrupt(where + " lacks a \"format_version\" of 1 or more");
  }
  entry->format_version = version->get<int>();
  // No separators and no leading dot: a manifest must not reach outside its folder.
  if (!IsPlainName(entry->file)) {
    return Corrupt(where +
                   " has a \"file\" that is not a plain file name in the manifest's folder");
  }
  if (!IsHex(entry->sha256, 64)) {
    return Corrupt(where + " has a \"sha256\" that is not 64 lower-case hex digits");
  }
  if (!IsHex(entry->identity, 16)) {
    return Corrupt(where + " has an \"identity\" that is not 16 lower-case hex digits");
  }
  return Status::Ok();
}

Result<ModelEntry> ParseEntry(const Json& json, std::size_t index) {
  std::string where = "entry " + std::to_string(index);
  if (!json.is_object()) return Corrupt(where + " is not an object");
  ModelEntry entry;
  const auto id = json.find("id");
  if (id == json.end() || !id->is_number_unsigned() || id->get<std::uint64_t>() < 1 ||
      id->get<std::uint64_t>() > 65535) {
    return Corrupt(where + " lacks an \"id\" in 1..65535");
  }
  entry.id = id->get<std::uint16_t>();
  where += " (id " + std::to_string(entry.id) + ")";

  HALFMOON_RETURN_IF_ERROR(ReadText(json, "name", where, &entry.name));
  HALFMOON_RETURN_IF_ERROR(ReadText(json, "architecture", where, &entry.architecture));
  HALFMOON_RETURN_IF_ERROR(ReadText(json, "data", where, &entry.data));
  HALFMOON_RETURN_IF_ERROR(ReadText(json, "licence", where, &entry.licence));

  if (!IsPlainName(entry.name) || IsNumber(entry.name)) {
    return Corrupt(where +
                   " has a \"name\" that is not letters, digits, '-', '_', '.', or is a number");
  }
  HALFMOON_RETURN_IF_ERROR(ReadWeightsFields(json, where, &entry));
  if (const auto previous = json.find("previous"); previous != json.end()) {
    if (!previous->is_array()) return Corrupt(where + " has a \"previous\" that is not a list");
    for (const Json& one : *previous) {
      if (!one.is_object()) return Corrupt(where + " has a \"previous\" that is not of objects");
      HALFMOON_RETURN_IF_ERROR(
          ReadWeightsFields(one, where + ", previous weights", &entry.previous.emplace_back()));
    }
  }
  if (json.contains("codec")) {
    HALFMOON_RETURN_IF_ERROR(ReadText(json, "codec", where, &entry.codec));
    if (!IsHex(entry.codec, 16)) {
      return Corrupt(where + " has a \"codec\" that is not 16 lower-case hex digits");
    }
  }
  if (const auto found = json.find("training"); found != json.end()) entry.training = found->dump();
  if (const auto found = json.find("measured"); found != json.end()) entry.measured = found->dump();
  return entry;
}

Result<LoadedWeights> LoadEntry(const Manifest& manifest, const ModelEntry& entry) {
  const std::string who = "model " + std::to_string(entry.id) + " (" + entry.name + ")";
  if (entry.format_version > kWeightsFormatVersion) {
    return Status(StatusCode::kUnsupportedVersion,
                  who + " has weights format " + std::to_string(entry.format_version) +
                      ", this build reads up to " + std::to_string(kWeightsFormatVersion) +
                      "; use a newer release");
  }
  const fs::path path = manifest.directory() / entry.file;
  std::error_code error;
  if (!fs::exists(path, error)) {
    return Status(StatusCode::kModelMissing, who + ", identity " + entry.identity + ", sha256 " +
                                                 entry.sha256 + ": its file \"" + path.string() +
                                                 "\" is missing; " + kHowToGet);
  }
  auto file = WeightsFile::FromFile(path, entry.sha256);
  if (!file.ok()) {
    Status status = file.status().WithContext(who);
    if (status.code() == StatusCode::kModelMismatch) {
      return Status(status.code(), status.message() + " by the manifest; " + kHowToGet);
    }
    return status;
  }
  if (file->identity_hex() != entry.identity) {
    return Status(StatusCode::kModelMismatch,
                  who + ": file \"" + path.string() + "\" has identity " + file->identity_hex() +
                      ", the manifest says " + entry.identity + "; restore manifest.json");
  }
  return LoadedWeights{entry, std::make_shared<const WeightsFile>(std::move(*file))};
}

}  // namespace

std::string ModelEntry::ShortHash() const {
  constexpr std::string_view kIdentityOfNothing = "e3b0c44298fc1c14";  // SHA-256 of no bytes
  return identity == kIdentityOfNothing ? sha256.substr(0, identity.size()) : identity;
}

Result<Manifest> Manifest::Parse(std::string_view json, fs::path directory) {
  try {
    const Json list = Json::parse(json.begin(), json.end(), nullptr, /*allow_exceptions=*/false);
    if (list.is_discarded()) return Corrupt("it is not JSON");
    if (!list.is_array()) return Corrupt("it is not a list of models");
    Manifest manifest;
    manifest.directory_ = std::move(directory);
    std::set<std::uint16_t> ids;
    std::set<std::string> names;
    for (std::size_t i = 0; i < list.size(); ++i) {
      HALFMOON_ASSIGN_OR_RETURN(ModelEntry entry, ParseEntry(list[i], i));
      if (!ids.insert(entry.id).second) {
        return Corrupt("id " + std::to_string(entry.id) + " is given twice");
      }
      if (!names.insert(entry.name).second) {
        return Corrupt("name \"" + entry.name + "\" is given twice");
      }
      manifest.entries_.push_back(std::move(entry));
    }
    std::sort(manifest.entries_.begin(), manifest.entries_.end(),
              [](const ModelEntry& a, const ModelEntry& b) { return a.id < b.id; });
    return manifest;
  } catch (const Json::exception& e) {
    return Corrupt(std::string("it cannot be read (") + e.what() + ")");
  } catch (const std::bad_alloc&) {
    return Status(StatusCode::kOutOfMemory, "not enough memory for manifest.json");
  }
}

Result<Manifest> Manifest::Load(const fs::path& directory) {
  try {
    const fs::path path = directory / kManifestName;
    std::error_code error;
    if (!fs::is_regular_file(path, error)) {
      return Status(StatusCode::kModelMissing,
                    "there is no \"" + path.string() +
                        "\"; name the models directory with --models-dir or HALFMOON_MODELS_DIR");
    }
    const std::uintmax_t size = fs::file_size(path, error);
    if (error) return Status(StatusCode::kIo, "\"" + path.string() + "\" cannot be read");
    if (size > kMaxManifestBytes) return Corrupt("it is larger than 16 MiB");
    std::ifstream stream(path, std::ios::binary);
    const std::string text((std::istreambuf_iterator<char>(stream)),
                           std::istreambuf_iterator<char>());
    if (!stream) return Status(StatusCode::kIo, "\"" + path.string() + "\" cannot be read");
    auto manifest = Parse(text, directory);
    if (!manifest.ok()) return manifest.status().WithContext("\"" + directory.string() + "\"");
    return manifest;
  } catch (const std::bad_alloc&) {
    return Status(StatusCode::kOutOfMemory, "not enough memory for manifest.json");
  }
}

Status Manifest::AddFile(const std::string& path) {
  auto file = WeightsFile::FromFile(path);
  if (!file.ok()) return file.status();
  const auto text = [&](const char* key) {
    const auto found = file->metadata().find(key);
    return found == file->metadata().end() ? std::string() : found->second;
  };
  ModelEntry entry;
  entry.architecture = text("architecture");
  if (entry.architecture.empty()) {
    return {StatusCode::kModelCorrupt,
            path + ": does not say which architecture it is of; make it with 'halfmoon export'"};
  }
  entry.name = text("name").empty() ? fs::path(path).stem().string() : text("name");
  std::error_code error;
  entry.file = fs::absolute(path, error).string();  // replaces directory() where they are joined
  entry.sha256 = file->sha256();
  entry.identity = file->identity_hex();
  entry.data = text("data");
  entry.licence = text("licence");
  entry.training = text("training");
  entry.codec = text("codec");
  std::set<std::uint16_t> ids;
  for (const ModelEntry& other : entries_) {
    ids.insert(other.id);
    if (other.identity == entry.identity) entry.id = other.id;
  }
  if (entry.id == 0) {
    entry.id = 65535;
    while (ids.count(entry.id) != 0 && entry.id > 1) --entry.id;
  }
  added_.emplace(path, entries_.size());
  entries_.push_back(std::move(entry));
  return Status::Ok();
}

Status Manifest::Missing(const std::string& what) const {
  std::string have;
  for (const ModelEntry& entry : entries_) {
    have += (have.empty() ? "" : ", ") + std::to_string(entry.id) + " (" + entry.name + ")";
  }
  return {StatusCode::kModelMissing, "there is no " + what + " in \"" + directory_.string() +
                                         "\" (there is: " + (have.empty() ? "none" : have) + "); " +
                                         kHowToGet};
}

Result<const ModelEntry*> Manifest::FindById(std::uint16_t id) const {
  for (const ModelEntry& entry : entries_) {
    if (entry.id == id) return &entry;
  }
  return Missing("model with id " + std::to_string(id));
}

Result<const ModelEntry*> Manifest::FindByName(std::string_view name) const {
  for (const ModelEntry& entry : entries_) {
    if (entry.name == name) return &entry;
  }
  return Missing("model named \"" + std::string(name) + "\"");
}

const ModelEntry* Manifest::FindByIdentity(std::string_view identity) const {
  for (const ModelEntry& entry : entries_) {
    if (entry.identity == identity ||
        std::any_of(entry.previous.begin(), entry.previous.end(),
                    [&](const ModelEntry::Previous& p) { return p.identity == identity; })) {
      return &entry;
    }
  }
  return nullptr;
}

Result<const ModelEntry*> Manifest::Find(std::string_view id_or_name) const {
  if (const auto file = added_.find(std::string(id_or_name)); file != added_.end()) {
    return &entries_[file->second];
  }
  if (!IsNumber(id_or_name)) return FindByName(id_or_name);
  std::uint16_t id = 0;
  const auto parsed = std::from_chars(id_or_name.data(), id_or_name.data() + id_or_name.size(), id);
  if (parsed.ec != std::errc()) return Missing("model with id " + std::string(id_or_name));
  return FindById(id);
}

Result<fs::path> FindModelsDirectory(const fs::path& explicit_directory) {
  if (!explicit_directory.empty()) return explicit_directory;
  // Read once at start by a single thread in every program of this project.
  const char* environment = std::getenv("HALFMOON_MODELS_DIR");  // NOLINT(concurrency-mt-unsafe)
  if (environment != nullptr && environment[0] != '\0') return fs::path(environment);

  std::vector<fs::path> candidates;
#ifdef HALFMOON_SOURCE_MODELS_DIR
  candidates.emplace_back(HALFMOON_SOURCE_MODELS_DIR);
#endif
  std::error_code error;
  const fs::path program = fs::read_symlink("/proc/self/exe", error);
  if (!error) {
    candidates.push_back(program.parent_path().parent_path() / "share" / "halfmoon" / "models");
  }
  std::string looked;
  for (const fs::path& candidate : candidates) {
    if (fs::is_regular_file(candidate / kManifestName, error)) return candidate;
    looked += (looked.empty() ? "\"" : ", \"") + candidate.string() + "\"";
  }
  return Status(StatusCode::kModelMissing,
                "no models directory found (looked at " + looked +
                    "); name it with --models-dir or HALFMOON_MODELS_DIR");
}

bool IsWeightsPath(std::string_view model) { return model.ends_with(".safetensors"); }

Result<Manifest> OpenModels(const fs::path& explicit_directory,
                            std::initializer_list<std::string> models) {
  const auto directory = FindModelsDirectory(explicit_directory);
  auto manifest =
      directory.ok() ? Manifest::Load(*directory) : Result<Manifest>(directory.status());
  const bool any_file = std::any_of(models.begin(), models.end(), IsWeightsPath);
  if (!manifest.ok()) {
    if (!any_file || manifest.status().code() != StatusCode::kModelMissing) return manifest;
    manifest = Manifest::Parse("[]", ".");
  }
  for (const std::string& model : models) {
    if (IsWeightsPath(model)) HALFMOON_RETURN_IF_ERROR(manifest->AddFile(model));
  }
  return manifest;
}

Result<LoadedWeights> LoadModel(const Manifest& manifest, std::string_view id_or_name) {
  HALFMOON_ASSIGN_OR_RETURN(const ModelEntry* entry, manifest.Find(id_or_name));
  return LoadEntry(manifest, *entry);
}

Result<LoadedWeights> LoadModel(const Manifest& manifest, std::uint16_t id) {
  HALFMOON_ASSIGN_OR_RETURN(const ModelEntry* entry, manifest.FindById(id));
  return LoadEntry(manifest, *entry);
}

Result<LoadedWeights> LoadModelForFile(const Manifest& manifest, std::uint16_t id,
                                       const std::array<std::uint8_t, 8>& identity) {
  const std::string wanted = ToHex(identity);
  if (const ModelEntry* found = manifest.FindByIdentity(wanted); found != nullptr) {
    ModelEntry then = *found;
    for (const ModelEntry::Previous& before : found->previous) {
      if (found->identity == wanted || before.identity != wanted) continue;
      then.file = before.file, then.sha256 = before.sha256, then.identity = before.identity;
      then.format_version = before.format_version;
    }
    return LoadEntry(manifest, then);
  }
  const auto entry = manifest.FindById(id);
  if (!entry.ok()) {
    return entry.status().WithContext("the file was made with model " + std::to_string(id) +
                                      ", identity " + wanted);
  }
  return Status(StatusCode::kModelMismatch, "the file was made with model " + std::to_string(id) +
                                                " of identity " + wanted + ", the installed one (" +
                                                (*entry)->name + ") has identity " +
                                                (*entry)->identity + "; " + kHowToGet);
}

}  // namespace halfmoon::runtime
