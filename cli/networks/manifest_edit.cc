#include "cli/networks/manifest_edit.h"

#include <algorithm>
#include <nlohmann/json.hpp>

namespace halfmoon::cli {
namespace {

using Json = nlohmann::ordered_json;

// Ids of a manifest we did not write may be anything; those that are no numbers come last.
std::int64_t IdOf(const Json& entry) {
  if (!entry.is_object() || !entry.contains("id") || !entry["id"].is_number_integer()) {
    return INT64_MAX;
  }
  return entry["id"].get<std::int64_t>();
}

}  // namespace

Result<std::string> AddToManifest(const std::string& manifest, const Json& entry, bool replace,
                                  const std::string& where) {
  Json list = manifest.empty() ? Json::array() : Json::parse(manifest, nullptr, false);
  if (!list.is_array()) {
    return Status(StatusCode::kModelCorrupt,
                  where + ": is not a JSON list of models; restore it from the release");
  }
  Json kept = Json::array(), added = entry;
  for (const Json& other : list) {
    const std::int64_t id = IdOf(other);
    if (id == IdOf(entry)) {
      // Files made with weights from before go on being decoded.
      if (replace && other.contains("previous")) added["previous"] = other["previous"];
      if (replace) continue;
      return Status(StatusCode::kFileExists, where + ": id " + std::to_string(id) +
                                                 " is taken; use another id, or --force to "
                                                 "replace that model");
    }
    if (other.is_object() && other.value("name", Json()) == entry["name"]) {
      return Status(StatusCode::kInvalidArgument, where + ": the name " + entry["name"].dump() +
                                                      " belongs to id " + std::to_string(id) +
                                                      "; use another --name");
    }
    kept.push_back(other);
  }
  kept.push_back(added);
  std::stable_sort(kept.begin(), kept.end(),
                   [](const Json& a, const Json& b) { return IdOf(a) < IdOf(b); });
  return kept.dump(2, ' ', false, Json::error_handler_t::replace) + "\n";
}

}  // namespace halfmoon::cli
