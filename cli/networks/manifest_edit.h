// Adds an entry to manifest.json, keeping all others as they are. JSON text in, JSON text out.
#pragma once

#include <nlohmann/json_fwd.hpp>
#include <string>

#include "halfmoon/status.h"

namespace halfmoon::cli {

// `manifest`: the text of manifest.json, "" when there is none yet. The entry of the same id is
// replaced if `replace`; entries are sorted by id. `where` stands in messages.
// Errors: kModelCorrupt (no list of entries), kFileExists (the id is taken and not `replace`),
// kInvalidArgument (the name belongs to another id).
Result<std::string> AddToManifest(const std::string& manifest, const nlohmann::ordered_json& entry,
                                  bool replace, const std::string& where);

}  // namespace halfmoon::cli
