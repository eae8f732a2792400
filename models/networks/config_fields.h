// Named numbers of a configuration: from a recipe's or a weights file's strings and back. No
// LibTorch.
#pragma once

#include <charconv>
#include <cstdint>
#include <map>
#include <string>

#include "halfmoon/status.h"

namespace halfmoon::networks {

// Overwrites `value` when `fields` has `name`. A flag is "true", "false", 0 or 1.
// Errors: kInvalidArgument naming the field.
inline Status ReadField(const std::map<std::string, std::string>& fields, const std::string& name,
                        std::int64_t* value) {
  const auto it = fields.find(name);
  if (it == fields.end()) return Status::Ok();
  const std::string& s = it->second;
  if (s == "true" || s == "false") {
    *value = s == "true";
    return Status::Ok();
  }
  const auto r = std::from_chars(s.data(), s.data() + s.size(), *value);
  if (r.ec == std::errc() && r.ptr == s.data() + s.size()) return Status::Ok();
  return {StatusCode::kInvalidArgument, "field '" + name + "' is '" + s + "', not a whole number"};
}

inline Status ReadField(const std::map<std::string, std::string>& fields, const std::string& name,
                        double* value) {
  const auto it = fields.find(name);
  if (it == fields.end()) return Status::Ok();
  const std::string& s = it->second;
  const auto r = std::from_chars(s.data(), s.data() + s.size(), *value);
  if (r.ec == std::errc() && r.ptr == s.data() + s.size()) return Status::Ok();
  return {StatusCode::kInvalidArgument, "field '" + name + "' is '" + s + "', not a number"};
}

inline Status ReadField(const std::map<std::string, std::string>& fields, const std::string& name,
                        bool* value) {
  std::int64_t number = *value ? 1 : 0;
  HALFMOON_RETURN_IF_ERROR(ReadField(fields, name, &number));
  if (number != 0 && number != 1) {
    return {StatusCode::kInvalidArgument, "field '" + name + "' must be true or false"};
  }
  *value = number == 1;
  return Status::Ok();
}

// A word, with or without JSON's quotes.
inline void ReadField(const std::map<std::string, std::string>& fields, const std::string& name,
                      std::string* value) {
  const auto it = fields.find(name);
  if (it == fields.end()) return;
  *value = it->second;
  if (value->size() >= 2 && value->front() == '"' && value->back() == '"') {
    *value = value->substr(1, value->size() - 2);
  }
}

// The shortest text that reads back as the same number.
inline std::string NumberText(double value) {
  char buffer[64];
  return {buffer, std::to_chars(buffer, buffer + sizeof buffer, value).ptr};
}

}  // namespace halfmoon::networks
