// The fields of a model's configuration, listed once for each struct, and what reads, writes and
// checks them. No LibTorch.
//
// A configuration is a struct of plain data with a function that names its fields:
//
//   struct ExampleConfig {
//     std::int64_t width = 64;
//     bool lapped = false;
//
//     void VisitFields(FieldVisitor& f) {
//       f.Whole("width", width, 4, 1024);
//       f.Flag("lapped", lapped, Presence::kOptional);
//     }
//     Status Rules() const;  // what holds between fields; a struct may do without
//   };
//
// FromJson reads it from a recipe, FromMetadata from a weights file or checkpoint, ToMetadata and
// ToJson write it, CheckConfig checks ranges and rules. Names and values in files are lasting.
#pragma once

#include <cstdint>
#include <functional>
#include <initializer_list>
#include <map>
#include <nlohmann/json_fwd.hpp>
#include <string>
#include <vector>

#include "halfmoon/status.h"

namespace halfmoon {

// The key-value pairs of a weights file or checkpoint.
using ModelMetadata = std::map<std::string, std::string>;

// Whether metadata must have a field. Older files lack an optional one; its default holds then.
// Recipes may leave out any field.
enum class Presence { kRequired, kOptional };

// "a\nb" for {"a", "b"}, and back.
std::string JoinLines(const std::vector<std::string>& lines);
std::vector<std::string> SplitLines(const std::string& text);

class FieldVisitor {
 public:
  virtual ~FieldVisitor() = default;
  // A whole number, least..most.
  virtual void Whole(const char* name, std::int64_t& value, std::int64_t least, std::int64_t most,
                     Presence presence = Presence::kRequired) = 0;
  // A number, least..most.
  virtual void Real(const char* name, double& value, double least, double most,
                    Presence presence = Presence::kRequired) = 0;
  virtual void Flag(const char* name, bool& value, Presence presence = Presence::kRequired) = 0;
  virtual void Word(const char* name, std::string& value,
                    std::initializer_list<const char*> legal) = 0;
  // Names that come with the data: of files alone, one a line, at least one.
  virtual void Names(const char* name, std::vector<std::string>& value) = 0;
  // Whole numbers, any.
  virtual void List(const char* name, std::vector<std::int64_t>& value) = 0;
  // A key of files that has one legal value: what others meant is gone, or is no choice.
  virtual void Fixed(const char* name, const char* value) = 0;
};

namespace internal {

using Visit = std::function<void(FieldVisitor&)>;

// `kind`: what messages call a field, "model" or "loss".
Status ReadJson(const nlohmann::json& fields, const char* kind, const Visit& visit);
Status ReadMetadata(const ModelMetadata& metadata, const Visit& visit);
Status CheckRanges(const char* kind, const Visit& visit);
ModelMetadata WriteMetadata(const Visit& visit);
nlohmann::json WriteJson(const Visit& visit);

}  // namespace internal

// Errors: kInvalidArgument naming the field and its legal range.
template <class Config>
Status CheckConfig(const Config& config, const char* kind = "model") {
  Config copy = config;
  HALFMOON_RETURN_IF_ERROR(
      internal::CheckRanges(kind, [&](FieldVisitor& f) { copy.VisitFields(f); }));
  if constexpr (requires { config.Rules(); }) return config.Rules();
  return Status::Ok();
}

// `defaults` with some fields replaced. fields: a JSON object. Errors: kInvalidArgument naming the
// field: unknown, of another type, out of range.
template <class Config>
Result<Config> FromJson(const nlohmann::json& fields, const char* kind = "model",
                        Config defaults = {}) {
  Config config = std::move(defaults);
  HALFMOON_RETURN_IF_ERROR(
      internal::ReadJson(fields, kind, [&](FieldVisitor& f) { config.VisitFields(f); }));
  HALFMOON_RETURN_IF_ERROR(CheckConfig(config, kind));
  return config;
}

// Errors: kModelCorrupt naming the key: missing, no value of its type, out of range. Keys that are
// no fields say nothing.
template <class Config>
Result<Config> FromMetadata(const ModelMetadata& metadata) {
  Config config;
  HALFMOON_RETURN_IF_ERROR(
      internal::ReadMetadata(metadata, [&](FieldVisitor& f) { config.VisitFields(f); }));
  if (const Status status = CheckConfig(config); !status.ok())
    return Status(StatusCode::kModelCorrupt, status.message());
  return config;
}

template <class Config>
ModelMetadata ToMetadata(Config config) {
  return internal::WriteMetadata([&](FieldVisitor& f) { config.VisitFields(f); });
}

template <class Config>
auto ToJson(Config config) {  // nlohmann::json
  return internal::WriteJson([&](FieldVisitor& f) { config.VisitFields(f); });
}

}  // namespace halfmoon
