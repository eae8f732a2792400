#include "models/runtime/weights/safetensors.h"

#include <algorithm>
#include <bit>
#include <charconv>
#include <fstream>
#include <new>
#include <nlohmann/json.hpp>
#include <optional>
#include <set>
#include <tuple>
#include <utility>

#include "models/runtime/weights/sha256.h"

namespace halfmoon::runtime {
namespace {

static_assert(std::endian::native == std::endian::little,
              "tensor data is copied as it lies in the file, which is little-endian");

using Json = nlohmann::json;

struct DTypeInfo {
  DType dtype;
  std::string_view name;
  std::size_t size;
};

constexpr std::array<DTypeInfo, 7> kDTypes = {{{DType::kF32, "F32", 4},
                                               {DType::kF16, "F16", 2},
                                               {DType::kI8, "I8", 1},
                                               {DType::kU8, "U8", 1},
                                               {DType::kI16, "I16", 2},
                                               {DType::kI32, "I32", 4},
                                               {DType::kI64, "I64", 8}}};

const DTypeInfo& Info(DType dtype) { return kDTypes[static_cast<std::size_t>(dtype)]; }

Status Corrupt(const std::string& what) {
  return {StatusCode::kModelCorrupt,
          "weights file: " + what + "; fetch the file again or export the model again"};
}

std::string ShapeText(std::span<const std::int64_t> shape) {
  std::string text = "[";
  for (std::size_t i = 0; i < shape.size(); ++i) {
    if (i > 0) text += ",";
    text += shape[i] == kAnySize ? "any" : std::to_string(shape[i]);
  }
  return text + "]";
}

// Names come from the file: shorten and mask what a terminal should not see.
std::string Quoted(std::string_view name) {
  std::string text = "\"";
  for (const char c : name.substr(0, 80)) text.push_back(c >= 0x20 && c < 0x7f ? c : '?');
  if (name.size() > 80) text += "...";
  return text + "\"";
}

struct Extent {
  std::uint64_t begin;
  std::uint64_t end;
  std::string name;
};

std::optional<std::uint64_t> AsUnsigned(const Json& value) {
  if (!value.is_number_unsigned()) return std::nullopt;
  return value.get<std::uint64_t>();
}

// Parses one entry of the header. `data_size`: bytes of the data section.
Result<Extent> ParseTensor(const std::string& name, const Json& entry, std::uint64_t data_size,
                           TensorView* view) {
  const std::string where = "tensor " + Quoted(name);
  if (!entry.is_object() || !entry.contains("dtype") || !entry.contains("shape") ||
      !entry.contains("data_offsets")) {
    return Corrupt(where + " lacks dtype, shape or data_offsets");
  }
  const Json& dtype = entry["dtype"];
  const auto* info = std::find_if(kDTypes.begin(), kDTypes.end(), [&](const DTypeInfo& candidate) {
    return dtype.is_string() && dtype.get_ref<const std::string&>() == candidate.name;
  });
  if (info == kDTypes.end()) {
    return Corrupt(where + " has a dtype other than F32, F16, I8, U8, I16, I32, I64");
  }
  view->dtype = info->dtype;

  const Json& shape = entry["shape"];
  if (!shape.is_array() || shape.size() > kMaxTensorRank) {
    return Corrupt(where + " has a shape that is not a list of at most " +
                   std::to_string(kMaxTensorRank) + " sizes");
  }
  // Checked before each product, so that it cannot wrap around: 2^32 * 2^32 would be 0.
  std::uint64_t count = 1;
  for (const Json& size : shape) {
    const auto value = AsUnsigned(size);
    if (!value || *value > kMaxWeightsFile)
      return Corrupt(where + " has an illegal size in its shape");
    if (*value != 0 && count > kMaxWeightsFile / *value) {
      return Corrupt(where + " has a shape larger than any legal file");
    }
    count *= *value;
    view->shape.push_back(static_cast<std::int64_t>(*value));
  }

  const Json& offsets = entry["data_offsets"];
  if (!offsets.is_array() || offsets.size() != 2) {
    return Corrupt(where + " has data_offsets that are not two numbers");
  }
  const auto begin = AsUnsigned(offsets[0]);
  const auto end = AsUnsigned(offsets[1]);
  if (!begin || !end || *begin > *end || *end > data_size) {
    return Corrupt(where + " has data_offsets outside the data section of " +
                   std::to_string(data_size) + " bytes");
  }
  if (*end - *begin != count * info->size) {
    return Corrupt(where + " holds " + std::to_string(*end - *begin) + " bytes, its shape " +
                   ShapeText(view->shape) + " of " + std::string(info->name) + " needs " +
                   std::to_string(count * info->size));
  }
  return Extent{*begin, *end, name};
}

}  // namespace

std::string_view DTypeName(DType dtype) { return Info(dtype).name; }
std::size_t DTypeSize(DType dtype) { return Info(dtype).size; }

Result<WeightsFile> WeightsFile::Read(std::vector<std::uint8_t> bytes,
                                      std::string_view expected_sha256) {
  try {
    WeightsFile file;
    file.bytes_ = std::move(bytes);
    Sha256 whole;
    whole.Update(file.bytes_);
    HALFMOON_ASSIGN_OR_RETURN(const auto digest, whole.Finish());
    file.sha256_ = ToHex(digest);
    if (!expected_sha256.empty() && file.sha256_ != expected_sha256) {
      return Status(StatusCode::kModelMismatch, "weights file: its sha256 is " + file.sha256_ +
                                                    ", expected " + std::string(expected_sha256));
    }
    HALFMOON_RETURN_IF_ERROR(file.Parse());
    return file;
  } catch (const std::bad_alloc&) {
    return Status(StatusCode::kOutOfMemory, "weights file: not enough memory to read its header");
  } catch (const Json::exception& e) {
    return Corrupt(std::string("the header cannot be read (") + e.what() + ")");
  }
}

Result<WeightsFile> WeightsFile::FromBytes(std::vector<std::uint8_t> bytes,
                                           std::string_view expected_sha256) {
  HALFMOON_ASSIGN_OR_RETURN(WeightsFile file, Read(std::move(bytes), expected_sha256));
  if (const auto base = file.metadata_.find(kBaseKey); base != file.metadata_.end()) {
    return Corrupt("it is an update of " + Quoted(base->second) + " and nothing without it");
  }
  HALFMOON_RETURN_IF_ERROR(file.ComputeIdentity());
  return file;
}

Result<WeightsFile> WeightsFile::ReadPath(const std::filesystem::path& path,
                                          std::string_view expected_sha256) {
  const std::string name = "\"" + path.string() + "\"";
  try {
    std::error_code error;
    if (!std::filesystem::is_regular_file(path, error)) {
      return Status(StatusCode::kIo, "weights file " + name + " does not exist or is not a file");
    }
    std::ifstream stream(path, std::ios::binary | std::ios::ate);
    const std::streamoff size = stream ? static_cast<std::streamoff>(stream.tellg()) : -1;
    if (size < 0) return Status(StatusCode::kIo, "weights file " + name + " cannot be opened");
    if (static_cast<std::uint64_t>(size) > kMaxWeightsFile) {
      return Status(StatusCode::kLimitExceeded,
                    "weights file " + name + " has " + std::to_string(size) +
                        " bytes, more than the limit of " + std::to_string(kMaxWeightsFile));
    }
    std::vector<std::uint8_t> bytes(static_cast<std::size_t>(size));
    stream.seekg(0);
    if (!bytes.empty() && !stream.read(reinterpret_cast<char*>(bytes.data()), size)) {
      return Status(StatusCode::kIo, "weights file " + name + " could not be read to its end");
    }
    auto file = Read(std::move(bytes), expected_sha256);
    if (!file.ok()) return file.status().WithContext(name);
    return file;
  } catch (const std::bad_alloc&) {
    return Status(StatusCode::kOutOfMemory, "not enough memory for weights file " + name);
  }
}

Result<WeightsFile> WeightsFile::FromFile(const std::filesystem::path& path,
                                          std::string_view expected_sha256) {
  const std::string name = "\"" + path.string() + "\"";
  HALFMOON_ASSIGN_OR_RETURN(WeightsFile file, ReadPath(path, expected_sha256));
  const auto base_name = file.metadata_.find(kBaseKey);
  if (base_name != file.metadata_.end()) {
    // A name, not a path: a file from elsewhere must not make us read what it likes.
    const std::filesystem::path plain(base_name->second);
    if (plain.empty() || plain.filename() != plain || plain == "." || plain == "..") {
      return Corrupt("its base " + Quoted(base_name->second) + " is not a plain file name")
          .WithContext(name);
    }
    const auto hash = file.Metadata(kBaseHashKey);
    if (!hash.ok()) return hash.status().WithContext(name);
    auto base = ReadPath(path.parent_path() / plain, *hash);
    if (!base.ok()) return base.status().WithContext(name + ": its base");
    if (const Status applied = base->Apply(std::move(file)); !applied.ok())
      return applied.WithContext(name);
    file = std::move(*base);
  }
  HALFMOON_RETURN_IF_ERROR(file.ComputeIdentity().WithContext(name));
  return file;
}

Status WeightsFile::Apply(WeightsFile update) {
  if (metadata_.contains(kBaseKey)) return Corrupt("its base is an update itself");
  for (const auto& [tensor, theirs] : update.tensors_) {
    const auto found = tensors_.find(tensor);
    const bool whole = theirs.dtype == DType::kI8 || theirs.dtype == DType::kI16;
    if (found == tensors_.end() || !whole) {
      tensors_[tensor] = theirs;
      continue;
    }
    const TensorView& ours = found->second;
    if (ours.dtype != theirs.dtype || ours.shape != theirs.shape) {
      return Corrupt("tensor " + Quoted(tensor) + " is " + std::string(DTypeName(theirs.dtype)) +
                     " " + ShapeText(theirs.shape) + ", its base's is " +
                     std::string(DTypeName(ours.dtype)) + " " + ShapeText(ours.shape));
    }
    // Of whole numbers it holds differences, which wrap around. The view points into bytes_.
    std::uint8_t* at = bytes_.data() + (ours.bytes.data() - bytes_.data());
    const std::uint8_t* difference = theirs.bytes.data();
    if (ours.dtype == DType::kI8) {
      for (std::size_t i = 0; i < ours.bytes.size(); ++i)
        at[i] = static_cast<std::uint8_t>(at[i] + difference[i]);
      continue;
    }
    for (std::size_t i = 0; i < ours.bytes.size(); i += 2) {
      std::uint16_t value = 0, change = 0;
      std::memcpy(&value, at + i, 2);
      std::memcpy(&change, difference + i, 2);
      value = static_cast<std::uint16_t>(value + change);
      std::memcpy(at + i, &value, 2);
    }
  }
  metadata_ = std::move(update.metadata_);
  sha256_ = std::move(update.sha256_);
  update_ = std::move(update.bytes_);  // views of what was taken over point into it
  return Status::Ok();
}

Status WeightsFile::Parse() {
  if (bytes_.size() < 8) {
    return Corrupt("only " + std::to_string(bytes_.size()) +
                   " bytes, a safetensors file begins with 8 bytes of header length");
  }
  std::uint64_t header_size = 0;
  std::memcpy(&header_size, bytes_.data(), 8);
  if (header_size > kMaxSafetensorsHeader) {
    return Corrupt("header of " + std::to_string(header_size) + " bytes exceeds the limit of " +
                   std::to_string(kMaxSafetensorsHeader));
  }
  if (header_size > bytes_.size() - 8) {
    return Corrupt("truncated: header of " + std::to_string(header_size) + " bytes in a file of " +
                   std::to_string(bytes_.size()));
  }
  const auto* header_begin = reinterpret_cast<const char*>(bytes_.data()) + 8;

  // A key given twice would let two readers see two different tensors; the parser alone would
  // silently keep the last. depth counts from 1 for the keys of the outer object.
  std::vector<std::set<std::string>> keys;
  std::string duplicate;
  const Json::parser_callback_t watch_keys = [&](int depth, Json::parse_event_t event,
                                                 Json& parsed) {
    if (event == Json::parse_event_t::object_start) {
      if (keys.size() < static_cast<std::size_t>(depth) + 2) {
        keys.resize(static_cast<std::size_t>(depth) + 2);
      }
      keys[static_cast<std::size_t>(depth) + 1].clear();
    } else if (event == Json::parse_event_t::key) {
      const auto& key = parsed.get_ref<const std::string&>();
      const auto level = static_cast<std::size_t>(depth);
      if (level >= keys.size()) keys.resize(level + 1);
      if (!keys[level].insert(key).second && duplicate.empty()) duplicate = key;
    }
    return true;
  };
  const Json header = Json::parse(header_begin, header_begin + header_size, watch_keys,
                                  /*allow_exceptions=*/false);
  if (header.is_discarded() || !header.is_object()) {
    return Corrupt("the header is not a JSON object");
  }
  if (!duplicate.empty()) return Corrupt("the header has the key " + Quoted(duplicate) + " twice");

  const std::uint64_t data_size = bytes_.size() - 8 - header_size;
  const std::uint8_t* data = bytes_.data() + 8 + header_size;
  std::vector<Extent> extents;
  for (const auto& [name, entry] : header.items()) {
    if (name == "__metadata__") {
      if (!entry.is_object()) return Corrupt("__metadata__ is not an object");
      for (const auto& [key, value] : entry.items()) {
        if (!value.is_string()) return Corrupt("metadata " + Quoted(key) + " is not a string");
        metadata_.emplace(key, value.get<std::string>());
      }
      continue;
    }
    TensorView view;
    HALFMOON_ASSIGN_OR_RETURN(Extent extent, ParseTensor(name, entry, data_size, &view));
    view.bytes = {data + extent.begin, static_cast<std::size_t>(extent.end - extent.begin)};
    tensors_.emplace(name, std::move(view));
    extents.push_back(std::move(extent));
  }

  std::sort(extents.begin(), extents.end(), [](const Extent& a, const Extent& b) {
    return std::tie(a.begin, a.end) < std::tie(b.begin, b.end);
  });
  std::uint64_t position = 0;
  for (const Extent& extent : extents) {
    if (extent.begin < position) {
      return Corrupt("tensor " + Quoted(extent.name) + " overlaps the one before it");
    }
    if (extent.begin > position) {
      return Corrupt("unused bytes before tensor " + Quoted(extent.name));
    }
    position = extent.end;
  }
  if (position != data_size) {
    return Corrupt(std::to_string(data_size - position) + " unused bytes after the last tensor");
  }
  return Status::Ok();
}

Status WeightsFile::ComputeIdentity() {
  Sha256 decoder;
  const auto update_text = [&decoder](std::string_view text) {
    decoder.UpdateU64(text.size());
    decoder.Update({reinterpret_cast<const std::uint8_t*>(text.data()), text.size()});
  };
  for (const auto& [name, view] : tensors_) {  // std::map: ascending byte order
    const bool counts = name.starts_with("prior.") || name.starts_with("tables.") ||
                        name.starts_with("g_s.") || name.starts_with("gain.");
    if (!counts) continue;
    update_text(name);
    update_text(DTypeName(view.dtype));
    decoder.UpdateU64(view.shape.size());
    for (const std::int64_t size : view.shape) decoder.UpdateU64(static_cast<std::uint64_t>(size));
    decoder.UpdateU64(view.bytes.size());
    decoder.Update(view.bytes);
  }
  HALFMOON_ASSIGN_OR_RETURN(const auto decoder_digest, decoder.Finish());
  std::copy_n(decoder_digest.begin(), identity_.size(), identity_.begin());
  return Status::Ok();
}

std::string WeightsFile::identity_hex() const { return ToHex(identity_); }

std::vector<std::string> WeightsFile::names() const {
  std::vector<std::string> names;
  names.reserve(tensors_.size());
  for (const auto& entry : tensors_) names.push_back(entry.first);
  return names;
}

Result<std::string> WeightsFile::Metadata(const std::string& key) const {
  const auto found = metadata_.find(key);
  if (found == metadata_.end()) return Corrupt("metadata " + Quoted(key) + " is missing");
  return found->second;
}

Result<std::int64_t> WeightsFile::MetadataInt(const std::string& key, std::int64_t lowest,
                                              std::int64_t highest) const {
  HALFMOON_ASSIGN_OR_RETURN(const std::string text, Metadata(key));
  std::int64_t value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc() || end != text.data() + text.size() || value < lowest ||
      value > highest) {
    return Corrupt("metadata " + Quoted(key) + " is " + Quoted(text) + ", expected an integer in " +
                   std::to_string(lowest) + ".." + std::to_string(highest));
  }
  return value;
}

Result<TensorView> WeightsFile::Get(std::string_view name) const {
  const auto found = tensors_.find(name);
  if (found == tensors_.end()) return Corrupt("tensor " + Quoted(name) + " is missing");
  return found->second;
}

Result<TensorView> WeightsFile::Get(std::string_view name, DType dtype,
                                    std::span<const std::int64_t> expected_shape) const {
  const auto found = tensors_.find(name);
  const std::string expected =
      "expected " + std::string(DTypeName(dtype)) + " " + ShapeText(expected_shape);
  if (found == tensors_.end()) {
    return Corrupt("tensor " + Quoted(name) + " is missing, " + expected);
  }
  const TensorView& view = found->second;
  const bool fits = view.dtype == dtype &&
                    std::equal(view.shape.begin(), view.shape.end(), expected_shape.begin(),
                               expected_shape.end(), [](std::int64_t size, std::int64_t want) {
                                 return want == kAnySize || size == want;
                               });
  if (!fits) {
    return Corrupt("tensor " + Quoted(name) + " is " + std::string(DTypeName(view.dtype)) + " " +
                   ShapeText(view.shape) + ", " + expected);
  }
  return view;
}

}  // namespace halfmoon::runtime
