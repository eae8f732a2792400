#include "models/training/export/safetensors_writer.h"

#include <cstdio>
#include <fstream>
#include <new>
#include <nlohmann/json.hpp>
#include <system_error>

namespace halfmoon::training {

Status SafetensorsWriter::AddBytes(const std::string& name, runtime::DType dtype,
                                   const std::vector<std::int64_t>& shape,
                                   std::span<const std::uint8_t> bytes) {
  const auto refuse = [&name](const std::string& why) {
    return Status(StatusCode::kInvalidArgument, "tensor \"" + name + "\": " + why);
  };
  if (name.empty() || name == "__metadata__") return refuse("this name is reserved");
  if (shape.size() > runtime::kMaxTensorRank)
    return refuse("more dimensions than the reader takes");
  std::uint64_t count = 1;
  for (const std::int64_t size : shape) {
    if (size < 0 || static_cast<std::uint64_t>(size) > runtime::kMaxWeightsFile) {
      return refuse("illegal size " + std::to_string(size) + " in its shape");
    }
    if (size != 0 && count > runtime::kMaxWeightsFile / static_cast<std::uint64_t>(size)) {
      return refuse("shape larger than any legal file");
    }
    count *= static_cast<std::uint64_t>(size);
  }
  if (count * runtime::DTypeSize(dtype) != bytes.size()) {
    return refuse("its shape needs " + std::to_string(count * runtime::DTypeSize(dtype)) +
                  " bytes, given are " + std::to_string(bytes.size()));
  }
  tensors_[name] = {dtype, shape, {bytes.begin(), bytes.end()}};
  return Status::Ok();
}

Result<std::vector<std::uint8_t>> SafetensorsWriter::ToBytes() const {
  try {
    nlohmann::ordered_json header = nlohmann::ordered_json::object();
    if (!metadata_.empty()) {
      auto& metadata = header["__metadata__"];
      for (const auto& [key, value] : metadata_) metadata[key] = value;
    }
    std::uint64_t offset = 0;
    for (const auto& [name, tensor] : tensors_) {
      auto& entry = header[name];
      entry["dtype"] = std::string(runtime::DTypeName(tensor.dtype));
      entry["shape"] = tensor.shape;
      entry["data_offsets"] = {offset, offset + tensor.bytes.size()};
      offset += tensor.bytes.size();
    }
    std::string text = header.dump();
    while (text.size() % 8 != 0) text.push_back(' ');
    if (text.size() > runtime::kMaxSafetensorsHeader) {
      return Status(StatusCode::kInvalidArgument,
                    "weights header of " + std::to_string(text.size()) +
                        " bytes exceeds what the reader takes; shorten the metadata");
    }

    std::vector<std::uint8_t> bytes;
    bytes.reserve(8 + text.size() + offset);
    for (int i = 0; i < 8; ++i)
      bytes.push_back(std::uint8_t(std::uint64_t{text.size()} >> (8 * i)));
    bytes.insert(bytes.end(), text.begin(), text.end());
    for (const auto& entry : tensors_) {
      bytes.insert(bytes.end(), entry.second.bytes.begin(), entry.second.bytes.end());
    }
    return bytes;
  } catch (const nlohmann::json::exception& e) {
    return Status(
        StatusCode::kInvalidArgument,
        std::string("weights header: names and metadata must be UTF-8 (") + e.what() + ")");
  } catch (const std::bad_alloc&) {
    return Status(StatusCode::kOutOfMemory, "not enough memory to serialise the weights");
  }
}

Status SafetensorsWriter::ToFile(const std::filesystem::path& path) const {
  HALFMOON_ASSIGN_OR_RETURN(const std::vector<std::uint8_t> bytes, ToBytes());
  std::filesystem::path temporary = path;
  temporary += ".tmp";
  std::error_code error;
  {
    std::ofstream stream(temporary, std::ios::binary | std::ios::trunc);
    stream.write(reinterpret_cast<const char*>(bytes.data()),
                 static_cast<std::streamsize>(bytes.size()));
    stream.flush();
    if (!stream) {
      std::filesystem::remove(temporary, error);
      return {StatusCode::kIo, "cannot write weights to \"" + temporary.string() + "\""};
    }
  }
  std::filesystem::rename(temporary, path, error);
  if (error) {
    std::filesystem::remove(temporary, error);
    return {StatusCode::kIo, "cannot rename the finished weights to \"" + path.string() + "\""};
  }
  return Status::Ok();
}

}  // namespace halfmoon::training
