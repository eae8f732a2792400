#include "models/networks/vqvae_config.h"

#include <charconv>

namespace halfmoon::networks {
namespace {

struct IntField {
  const char* name;
  std::int64_t VqvaeConfig::*member;
  std::int64_t min, max;
};

constexpr IntField kIntFields[] = {
    {"codes", &VqvaeConfig::codes, 2, 256},
    {"dim", &VqvaeConfig::dim, 1, 768},
    {"code_dim", &VqvaeConfig::code_dim, 1, 768},
    {"stages", &VqvaeConfig::stages, 1, 64},
    {"context_channels", &VqvaeConfig::context_channels, 2, 512},
    {"context_hidden", &VqvaeConfig::context_hidden, 4, 1024},
    {"context_out", &VqvaeConfig::context_out, 4, 1024},
    {"analysis_level", &VqvaeConfig::analysis_level, 0, AeConfig::kLevels - 1},
    {"first_level", &VqvaeConfig::first_level, 0, AeConfig::kLevels - 1},
    {"last_level", &VqvaeConfig::last_level, 0, AeConfig::kLevels - 1},
};

Status Parse(const std::string& name, const std::string& text, std::int64_t* value) {
  const auto r = std::from_chars(text.data(), text.data() + text.size(), *value);
  if (r.ec == std::errc() && r.ptr == text.data() + text.size()) return Status::Ok();
  return {StatusCode::kModelCorrupt, "key '" + name + "' is not a whole number: '" + text + "'"};
}

}  // namespace

Status VqvaeConfig::Validate() const {
  for (const IntField& f : kIntFields) {
    const std::int64_t v = this->*f.member;
    if (v < f.min || v > f.max) {
      return {StatusCode::kInvalidArgument,
              std::string("model field '") + f.name + "' is " + std::to_string(v) + "; legal are " +
                  std::to_string(f.min) + " to " + std::to_string(f.max)};
    }
  }
  if (dim > transforms.latent_channels) {
    return {StatusCode::kInvalidArgument, "model field 'dim' must not exceed 'latent_channels'"};
  }
  if (code_dim > dim) {
    return {StatusCode::kInvalidArgument, "model field 'code_dim' must not exceed 'dim'"};
  }
  if (transforms.ms_ssim_share != 0) {
    return {StatusCode::kInvalidArgument,
            "model field 'ms_ssim_share' must be 0: a VQ-VAE is trained for PSNR"};
  }
  if (transforms.weight_bits != 16) {
    return {StatusCode::kInvalidArgument,
            "model field 'weight_bits' must be 16: a VQ-VAE's weights are half floats"};
  }
  return transforms.Validate();
}

std::map<std::string, std::string> VqvaeConfig::ToMetadata() const {
  std::map<std::string, std::string> m = transforms.ToMetadata();
  for (const IntField& f : kIntFields) m[f.name] = std::to_string(this->*f.member);
  return m;
}

Result<VqvaeConfig> VqvaeConfig::FromFields(const std::map<std::string, std::string>& fields) {
  VqvaeConfig config;
  std::map<std::string, std::string> rest = fields;
  for (const IntField& f : kIntFields) {
    const auto it = rest.find(f.name);
    if (it == rest.end()) continue;
    if (Status s = Parse(f.name, it->second, &(config.*f.member)); !s.ok()) {
      return Status(StatusCode::kInvalidArgument, "model " + s.message());
    }
    rest.erase(it);
  }
  HALFMOON_ASSIGN_OR_RETURN(config.transforms, AeConfig::FromFields(rest));
  HALFMOON_RETURN_IF_ERROR(config.Validate());
  return config;
}

Result<VqvaeConfig> VqvaeConfig::FromMetadata(const std::map<std::string, std::string>& metadata) {
  VqvaeConfig config;
  HALFMOON_ASSIGN_OR_RETURN(config.transforms, AeConfig::FromMetadata(metadata));
  for (const IntField& f : kIntFields) {
    const auto it = metadata.find(f.name);
    if (it == metadata.end()) {
      return Status(StatusCode::kModelCorrupt,
                    std::string("metadata key '") + f.name + "' is missing");
    }
    HALFMOON_RETURN_IF_ERROR(Parse(f.name, it->second, &(config.*f.member)));
  }
  if (Status s = config.Validate(); !s.ok()) return Status(StatusCode::kModelCorrupt, s.message());
  return config;
}

}  // namespace halfmoon::networks
