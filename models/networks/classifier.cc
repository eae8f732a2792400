#include "models/networks/classifier.h"

#include "models/networks/pyramid_fields.h"

namespace halfmoon::networks {

constexpr double kSlope = 0.1;  // of the leaky ReLU before the features

Result<ClassifierConfig> ClassifierConfig::FromFields(
    const std::map<std::string, std::string>& fields) {
  for (const auto& [name, value] : fields) {
    if (name != "channels" && name != "side" && name != "widths" && name != "blocks" &&
        name != "attention" && name != "features") {
      return Status(StatusCode::kInvalidArgument, "unknown model field '" + name + "'");
    }
  }
  ClassifierConfig c;
  HALFMOON_RETURN_IF_ERROR(ReadPyramidFields(fields, &c.pyramid));
  HALFMOON_RETURN_IF_ERROR(ReadField(fields, "features", &c.features));
  HALFMOON_RETURN_IF_ERROR(c.pyramid.Validate());
  if (c.features < 2 || c.features > 4096) {
    return Status(StatusCode::kInvalidArgument, "model field 'features' must be 2 to 4096");
  }
  return c;
}

std::map<std::string, std::string> ClassifierConfig::ToMetadata() const {
  std::string names;
  for (const std::string& name : classes) names += (names.empty() ? "" : "\n") + name;
  return WithPyramidFields(pyramid, {{"features", std::to_string(features)}, {"classes", names}});
}

Result<ClassifierConfig> ClassifierConfig::FromMetadata(
    const std::map<std::string, std::string>& metadata) {
  std::map<std::string, std::string> fields;
  for (const char* key : {"channels", "side", "widths", "blocks", "attention", "features"}) {
    const auto it = metadata.find(key);
    if (it == metadata.end()) {
      return Status(StatusCode::kModelCorrupt,
                    std::string("metadata key '") + key + "' is missing");
    }
    fields[key] = it->second;
  }
  auto config = FromFields(fields);
  if (!config.ok()) return Status(StatusCode::kModelCorrupt, config.status().message());
  const auto names = metadata.find("classes");
  if (names == metadata.end() || names->second.empty()) {
    return Status(StatusCode::kModelCorrupt, "metadata key 'classes' is missing");
  }
  std::size_t at = 0;
  for (;;) {
    const std::size_t end = names->second.find('\n', at);
    config->classes.push_back(names->second.substr(at, end - at));
    if (end == std::string::npos) return config;
    at = end + 1;
  }
}

ClassifierImpl::ClassifierImpl(const ClassifierConfig& c) : config_(c) {
  pyramid_ = register_module("pyramid", PyramidEncoder(c.pyramid));
  features_ = register_module("features", Conv1x1(c.pyramid.widths.back(), c.features));
  logits_ =
      register_module("logits", Conv1x1(c.features, static_cast<std::int64_t>(c.classes.size())));
}

ClassifierImpl::Output ClassifierImpl::forward(const torch::Tensor& x) {
  const torch::Tensor pooled = pyramid_(x).mean({2, 3}, /*keepdim=*/true);
  const torch::Tensor features = features_(pooled, kSlope);
  return {features.flatten(1), logits_(features).flatten(1)};
}

}  // namespace halfmoon::networks
