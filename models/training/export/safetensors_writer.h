// Writes weights files (safetensors). The exporter and tests use it; must not include LibTorch.
#pragma once

#include <cstdint>
#include <filesystem>
#include <map>
#include <span>
#include <string>
#include <type_traits>
#include <vector>

#include "halfmoon/status.h"
#include "models/runtime/weights/safetensors.h"

namespace halfmoon::training {

// Collects tensors and metadata and serialises them deterministically: the same content gives the
// same bytes, whatever the order of the calls. Tensors are sorted by name; the JSON header is
// padded with spaces so that the data section starts at a multiple of 8.
class SafetensorsWriter {
 public:
  void SetMetadata(const std::string& key, const std::string& value) { metadata_[key] = value; }

  // Adds (or replaces) a tensor. T: float, int8_t, uint8_t, int16_t, int32_t, int64_t.
  // Errors: kInvalidArgument when the shape does not hold exactly `values`.
  template <typename T>
  Status Add(const std::string& name, const std::vector<std::int64_t>& shape,
             std::span<const T> values) {
    return AddBytes(name, DTypeOf<T>(), shape,
                    {reinterpret_cast<const std::uint8_t*>(values.data()), values.size_bytes()});
  }
  template <typename T>
  Status Add(const std::string& name, const std::vector<std::int64_t>& shape,
             const std::vector<T>& values) {
    return Add(name, shape, std::span<const T>(values));
  }
  // As above from little-endian bytes (the way for F16).
  Status AddBytes(const std::string& name, runtime::DType dtype,
                  const std::vector<std::int64_t>& shape, std::span<const std::uint8_t> bytes);

  void Remove(const std::string& name) { tensors_.erase(name); }

  // The whole file. Errors: kInvalidArgument (metadata that is not UTF-8), kOutOfMemory.
  Result<std::vector<std::uint8_t>> ToBytes() const;
  // Writes to a temporary file beside `path`, then renames. Errors: also kIo.
  Status ToFile(const std::filesystem::path& path) const;

 private:
  struct Tensor {
    runtime::DType dtype;
    std::vector<std::int64_t> shape;
    std::vector<std::uint8_t> bytes;
  };

  template <typename T>
  static constexpr runtime::DType DTypeOf() {
    using runtime::DType;
    if constexpr (std::is_same_v<T, float>)
      return DType::kF32;
    else if constexpr (std::is_same_v<T, std::int8_t>)
      return DType::kI8;
    else if constexpr (std::is_same_v<T, std::uint8_t>)
      return DType::kU8;
    else if constexpr (std::is_same_v<T, std::int16_t>)
      return DType::kI16;
    else if constexpr (std::is_same_v<T, std::int32_t>)
      return DType::kI32;
    else {
      static_assert(std::is_same_v<T, std::int64_t>, "no such dtype");
      return DType::kI64;
    }
  }

  std::map<std::string, Tensor> tensors_;
  std::map<std::string, std::string> metadata_;
};

}  // namespace halfmoon::training
