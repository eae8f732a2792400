#include "models/config/config_fields.h"

#include <algorithm>
#include <charconv>
#include <nlohmann/json.hpp>
#include <set>
#include <type_traits>

namespace halfmoon {

std::string JoinLines(const std::vector<std::string>& lines) {
  std::string text;
  for (const std::string& line : lines) text += (&line == &lines.front() ? "" : "\n") + line;
  return text;
}

std::vector<std::string> SplitLines(const std::string& text) {
  std::vector<std::string> lines;
  std::size_t at = 0;
  for (std::size_t end; (end = text.find('\n', at)) != std::string::npos; at = end + 1)
    lines.push_back(text.substr(at, end - at));
  lines.push_back(text.substr(at));
  return lines;
}

namespace internal {
namespace {

using nlohmann::json;

template <typename T>
std::string NumberText(T value) {
  char buffer[64];
  return {buffer, std::to_chars(buffer, buffer + sizeof buffer, value).ptr};
}

// --- From JSON values ----------------------------------------------------------------------------

constexpr char kNoList[] = "no list of whole numbers such as [32, 64, 128]";

// Each returns what the value should have been, or null.
const char* Take(const json& j, std::int64_t* value) {
  if (!j.is_number_integer()) return "not a whole number";
  *value = j.get<std::int64_t>();
  return nullptr;
}
const char* Take(const json& j, double* value) {
  if (!j.is_number()) return "not a number";
  *value = j.get<double>();
  return nullptr;
}
const char* Take(const json& j, bool* value) {
  if (j.is_boolean()) {
    *value = j.get<bool>();
  } else if (j == 0 || j == 1) {
    *value = j == 1;
  } else {
    return "neither true nor false";
  }
  return nullptr;
}
const char* Take(const json& j, std::string* value) {
  if (!j.is_string()) return "no text";
  *value = j.get<std::string>();
  return nullptr;
}
const char* Take(const json& j, std::vector<std::int64_t>* value) {
  if (!j.is_array()) return kNoList;
  if (!std::all_of(j.begin(), j.end(), [](const json& n) { return n.is_number_integer(); }))
    return kNoList;
  *value = j.get<std::vector<std::int64_t>>();
  return nullptr;
}

// The text of a metadata value as JSON: numbers and lists are the same, flags 0 or 1, words bare.
json FromText(const std::string& text, bool word) {
  if (word) return text;
  json j = json::parse(text, nullptr, /*allow_exceptions=*/false);
  return j.is_discarded() ? json(text) : j;
}

// --- The visitors --------------------------------------------------------------------------------

// Does the same with fields of every type, and keeps the first error.
template <class Derived>
class EachField : public FieldVisitor {
 public:
  void Whole(const char* name, std::int64_t& value, std::int64_t least, std::int64_t most,
             Presence presence) override {
    Ranged(name, value, least, most, presence);
  }
  void Real(const char* name, double& value, double least, double most,
            Presence presence) override {
    Ranged(name, value, least, most, presence);
  }
  void Flag(const char* name, bool& value, Presence presence) override {
    self().Field(name, value, presence);
  }
  void Word(const char* name, std::string& value,
            std::initializer_list<const char*> legal) override {
    self().Field(name, value, Presence::kRequired);
    if (std::find(legal.begin(), legal.end(), value) != legal.end()) return;
    std::string names;
    for (const char* word : legal)
      names += (names.empty() ? "\"" : ", \"") + std::string(word) + "\"";
    self().OutOfRange(name, "'" + value + "'; legal are " + names);
  }
  void Names(const char* name, std::vector<std::string>& value) override {
    self().NamesField(name, value);
  }
  void List(const char* name, std::vector<std::int64_t>& value) override {
    self().Field(name, value, Presence::kRequired);
  }
  void Fixed(const char* name, const char* only) override {
    std::string value = only;
    self().FixedField(name, value);
    if (value != only) self().OutOfRange(name, "'" + value + "'; legal is only '" + only + "'");
  }

  const Status& status() const { return status_; }

 protected:
  void Fail(StatusCode code, const std::string& text) {
    if (status_.ok()) status_ = {code, text};
  }
  // Of those that have nothing to do here.
  void OutOfRange(const char*, const std::string&) {}
  void NamesField(const char*, std::vector<std::string>&) {}
  void FixedField(const char*, std::string&) {}

 private:
  Derived& self() { return static_cast<Derived&>(*this); }
  template <typename T>
  void Ranged(const char* name, T& value, T least, T most, Presence presence) {
    self().Field(name, value, presence);
    if (!(value >= least && value <= most)) {
      self().OutOfRange(
          name, NumberText(value) + "; legal are " + NumberText(least) + " to " + NumberText(most));
    }
  }

  Status status_;
};

class JsonReader : public EachField<JsonReader> {
 public:
  JsonReader(const json& fields, const char* kind) : fields_(fields), kind_(kind) {}

  template <typename T>
  void Field(const char* name, T& value, Presence) {
    known_.insert(name);
    const auto it = fields_.find(name);
    if (it == fields_.end()) return;
    if (const char* wrong = Take(*it, &value))
      Fail(StatusCode::kInvalidArgument, Called(name) + " is " + it->dump() + ", " + wrong);
  }
  void FixedField(const char* name, std::string& value) {
    known_.insert(name);
    const auto it = fields_.find(name);
    if (it != fields_.end()) value = it->is_string() ? it->get<std::string>() : it->dump();
    if (value == "false") value = "0";
  }
  void OutOfRange(const char* name, const std::string& text) {
    Fail(StatusCode::kInvalidArgument, Called(name) + " is " + text);
  }
  void RefuseUnknown() {
    for (const auto& [name, value] : fields_.items()) {
      if (!known_.count(name))
        Fail(StatusCode::kInvalidArgument,
             std::string("unknown ") + kind_ + " field '" + name + "'");
    }
  }

 private:
  std::string Called(const char* name) const {
    return std::string(kind_) + " field '" + name + "'";
  }

  const json& fields_;
  const char* kind_;
  std::set<std::string> known_;
};

class MetadataReader : public EachField<MetadataReader> {
 public:
  explicit MetadataReader(const ModelMetadata& metadata) : metadata_(metadata) {}

  template <typename T>
  void Field(const char* name, T& value, Presence presence) {
    const auto it = metadata_.find(name);
    if (it == metadata_.end()) {
      if (presence == Presence::kRequired) Missing(name);
      return;
    }
    if (const char* wrong = Take(FromText(it->second, std::is_same_v<T, std::string>), &value))
      Fail(StatusCode::kModelCorrupt,
           std::string("metadata key '") + name + "' is '" + it->second + "', " + wrong);
  }
  void FixedField(const char* name, std::string& value) {
    const auto it = metadata_.find(name);
    if (it == metadata_.end()) return Missing(name);
    value = it->second;
  }
  void NamesField(const char* name, std::vector<std::string>& value) {
    const auto it = metadata_.find(name);
    if (it == metadata_.end() || it->second.empty()) return Missing(name);
    value = SplitLines(it->second);
  }
  void OutOfRange(const char* name, const std::string& text) {
    Fail(StatusCode::kModelCorrupt, std::string("metadata key '") + name + "' is " + text);
  }

 private:
  void Missing(const char* name) {
    Fail(StatusCode::kModelCorrupt, std::string("metadata key '") + name + "' is missing");
  }

  const ModelMetadata& metadata_;
};

class RangeChecker : public EachField<RangeChecker> {
 public:
  explicit RangeChecker(const char* kind) : kind_(kind) {}
  template <typename T>
  void Field(const char*, T&, Presence) {}
  void OutOfRange(const char* name, const std::string& text) {
    Fail(StatusCode::kInvalidArgument, std::string(kind_) + " field '" + name + "' is " + text);
  }

 private:
  const char* kind_;
};

class MetadataWriter : public EachField<MetadataWriter> {
 public:
  void Field(const char* name, std::int64_t& value, Presence) {
    metadata[name] = NumberText(value);
  }
  void Field(const char* name, double& value, Presence) { metadata[name] = NumberText(value); }
  void Field(const char* name, bool& value, Presence) { metadata[name] = value ? "1" : "0"; }
  void Field(const char* name, std::string& value, Presence) { metadata[name] = value; }
  void Field(const char* name, std::vector<std::int64_t>& value, Presence) {
    metadata[name] = json(value).dump();
  }
  void FixedField(const char* name, std::string& value) { metadata[name] = value; }
  void NamesField(const char* name, std::vector<std::string>& value) {
    metadata[name] = JoinLines(value);
  }

  ModelMetadata metadata;
};

class JsonWriter : public EachField<JsonWriter> {
 public:
  template <typename T>
  void Field(const char* name, T& value, Presence) {
    fields[name] = value;
  }

  json fields = json::object();
};

}  // namespace

Status ReadJson(const json& fields, const char* kind, const Visit& visit) {
  JsonReader reader(fields, kind);
  visit(reader);
  reader.RefuseUnknown();
  return reader.status();
}

Status ReadMetadata(const ModelMetadata& metadata, const Visit& visit) {
  MetadataReader reader(metadata);
  visit(reader);
  return reader.status();
}

Status CheckRanges(const char* kind, const Visit& visit) {
  RangeChecker checker(kind);
  visit(checker);
  return checker.status();
}

ModelMetadata WriteMetadata(const Visit& visit) {
  MetadataWriter writer;
  visit(writer);
  return std::move(writer.metadata);
}

json WriteJson(const Visit& visit) {
  JsonWriter writer;
  visit(writer);
  return std::move(writer.fields);
}

}  // namespace internal
}  // namespace halfmoon
