#include "models/networks/ae_config.h"

#include <charconv>
#include <iterator>

namespace halfmoon::networks {
namespace {

struct IntField {
  const char* name;
  std::int64_t AeConfig::*member;
  std::int64_t min, max;
  bool optional = false;  // weights files from before the field lack it: the default holds
};

constexpr IntField kIntFields[] = {
    {"block_channels", &AeConfig::block_channels, 8, 1024},
    {"trunk_channels", &AeConfig::trunk_channels, 8, 1024},
    {"analysis_blocks", &AeConfig::analysis_blocks, 0, 64},
    {"analysis_trunk_blocks", &AeConfig::analysis_trunk_blocks, 0, 64},
    {"synthesis_blocks", &AeConfig::synthesis_blocks, 0, 64},
    {"synthesis_trunk_blocks", &AeConfig::synthesis_trunk_blocks, 0, 64},
    {"latent_channels", &AeConfig::latent_channels, 4, 768},
    {"hyper_channels", &AeConfig::hyper_channels, 4, 768},
    {"hyper_width", &AeConfig::hyper_width, 4, 1024},
    {"prior_h0", &AeConfig::prior_h0, 4, 1024},
    {"prior_h1", &AeConfig::prior_h1, 4, 1024},
    {"prior_features", &AeConfig::prior_features, 4, 1024},
    {"prior_hidden", &AeConfig::prior_hidden, 4, 1024},
    {"lapped", &AeConfig::lapped, 0, 1, true},
    {"refine_channels", &AeConfig::refine_channels, 8, 256, true},
    {"refine_blocks", &AeConfig::refine_blocks, 0, 16, true},
    {"weight_bits", &AeConfig::weight_bits, 8, 16, true},
    {"level_anchors", &AeConfig::level_anchors, 2, AeConfig::kLevels},
};

}  // namespace

Status AeConfig::Validate() const {
  for (const IntField& f : kIntFields) {
    const std::int64_t v = this->*f.member;
    if (v < f.min || v > f.max) {
      return {StatusCode::kInvalidArgument,
              std::string("model field '") + f.name + "' is " + std::to_string(v) + "; legal are " +
                  std::to_string(f.min) + " to " + std::to_string(f.max)};
    }
  }
  if (latent_channels % 4 != 0) {
    return {StatusCode::kInvalidArgument,
            "model field 'latent_channels' must be a multiple of 4 (four channel groups)"};
  }
  if (weight_bits != 8 && weight_bits != 16) {
    return {StatusCode::kInvalidArgument, "model field 'weight_bits' must be 8 or 16"};
  }
  if (!(lambda_min > 0 && lambda_max > lambda_min)) {
    return {StatusCode::kInvalidArgument,
            "model fields 'lambda_min' and 'lambda_max' must satisfy 0 < lambda_min < lambda_max"};
  }
  if (!(ms_ssim_share >= 0 && ms_ssim_share <= 1)) {
    return {StatusCode::kInvalidArgument, "model field 'ms_ssim_share' must be 0 to 1"};
  }
  return Status::Ok();
}

std::map<std::string, std::string> AeConfig::ToMetadata() const {
  std::map<std::string, std::string> m;
  for (const IntField& f : kIntFields) m[f.name] = std::to_string(this->*f.member);
  m["levels"] = std::to_string(kLevels);
  char buffer[64];
  for (auto [name, value] : {std::pair{"lambda_min", lambda_min},
                             {"lambda_max", lambda_max},
                             {"ms_ssim_share", ms_ssim_share}}) {
    const auto end = std::to_chars(std::begin(buffer), std::end(buffer), value);
    m[name] = std::string(buffer, end.ptr);
  }
  return m;
}

Result<AeConfig> AeConfig::FromMetadata(const std::map<std::string, std::string>& metadata) {
  AeConfig config;
  auto parse = [&](const char* name, auto& value) -> Status {
    const auto it = metadata.find(name);
    if (it == metadata.end()) {
      return {StatusCode::kModelCorrupt, std::string("metadata key '") + name + "' is missing"};
    }
    const std::string& s = it->second;
    const auto r = std::from_chars(s.data(), s.data() + s.size(), value);
    if (r.ec != std::errc() || r.ptr != s.data() + s.size()) {
      return {StatusCode::kModelCorrupt,
              std::string("metadata key '") + name + "' is not a number: '" + s + "'"};
    }
    return Status::Ok();
  };
  for (const IntField& f : kIntFields) {
    if (f.optional && !metadata.count(f.name)) continue;
    HALFMOON_RETURN_IF_ERROR(parse(f.name, config.*f.member));
  }
  HALFMOON_RETURN_IF_ERROR(parse("lambda_min", config.lambda_min));
  HALFMOON_RETURN_IF_ERROR(parse("lambda_max", config.lambda_max));
  if (metadata.count("ms_ssim_share")) {  // older files were all trained for PSNR
    HALFMOON_RETURN_IF_ERROR(parse("ms_ssim_share", config.ms_ssim_share));
  }
  std::int64_t levels = 0;
  HALFMOON_RETURN_IF_ERROR(parse("levels", levels));
  if (levels != kLevels) {
    return Status(StatusCode::kModelCorrupt, "metadata key 'levels' is " + std::to_string(levels) +
                                                 ", this version needs " + std::to_string(kLevels));
  }
  if (Status s = config.Validate(); !s.ok()) return Status(StatusCode::kModelCorrupt, s.message());
  return config;
}

Result<AeConfig> AeConfig::FromFields(const std::map<std::string, std::string>& fields) {
  std::map<std::string, std::string> all = AeConfig().ToMetadata();
  for (const auto& [name, value] : fields) {
    if (!all.count(name))
      return Status(StatusCode::kInvalidArgument, "unknown model field '" + name + "'");
    all[name] = value;
  }
  Result<AeConfig> config = FromMetadata(all);
  if (!config.ok()) return Status(StatusCode::kInvalidArgument, config.status().message());
  return config;
}

}  // namespace halfmoon::networks
