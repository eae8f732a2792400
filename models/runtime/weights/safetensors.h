// Weights files (safetensors): checked reading and identity. Must not include LibTorch or JSON.
//
// Read me first: a weights file is untrusted input. Everything is checked before a byte of tensor
// data is looked at: the header's size, its JSON, duplicate names, that sizes match shapes, and
// that the tensors tile the data section exactly (no hole, no overlap, nothing left over).
//
// A file may be an update of another one, which lies beside it: what differs is all it holds
// (bitstream/MODELS.md, "Updates"). FromFile puts the two together.
#pragma once

#include <array>
#include <cstdint>
#include <cstring>
#include <filesystem>
#include <map>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "halfmoon/status.h"

namespace halfmoon::runtime {

enum class DType { kF32, kF16, kI8, kU8, kI16, kI32, kI64 };

// "F32", "F16", "I8", "U8", "I16", "I32", "I64": the names used in the file.
std::string_view DTypeName(DType dtype);
std::size_t DTypeSize(DType dtype);  // bytes per element

// Legal in `expected_shape` only: any size.
inline constexpr std::int64_t kAnySize = -1;

// The largest header and file that are read. A model has some hundred tensors of ~100 bytes of
// header each; the file limit keeps a wrong path from filling the memory.
inline constexpr std::uint64_t kMaxSafetensorsHeader = std::uint64_t{4} << 20;
inline constexpr std::uint64_t kMaxWeightsFile = std::uint64_t{4} << 30;
inline constexpr std::size_t kMaxTensorRank = 8;

// Metadata of an update: the name of its base's file, in the same folder, and its SHA-256.
inline constexpr const char* kBaseKey = "base";
inline constexpr const char* kBaseHashKey = "base_sha256";

// One tensor inside a WeightsFile. Lifetime: that of the file it came from.
struct TensorView {
  DType dtype = DType::kU8;
  std::vector<std::int64_t> shape;      // row-major, last dimension fastest; empty = one scalar
  std::span<const std::uint8_t> bytes;  // little-endian, not necessarily aligned

  std::size_t element_count() const { return bytes.size() / DTypeSize(dtype); }

  // A copy of the elements. REQUIRES: sizeof(T) == DTypeSize(dtype) (Get() checked the dtype).
  template <typename T>
  std::vector<T> Values() const {
    std::vector<T> values(bytes.size() / sizeof(T));
    if (!values.empty()) std::memcpy(values.data(), bytes.data(), values.size() * sizeof(T));
    return values;
  }
};

// A validated weights file in memory. Thread-safety: const after creation.
class WeightsFile {
 public:
  // `expected_sha256`: when not empty, compared with the file's before anything is parsed.
  // Errors: kModelCorrupt (says what and where; an update, too, for its base is not at hand),
  // kModelMismatch (names both hashes), kOutOfMemory.
  static Result<WeightsFile> FromBytes(std::vector<std::uint8_t> bytes,
                                       std::string_view expected_sha256 = {});
  // A whole file, or an update, together with the file it names. Errors: also kIo, kLimitExceeded.
  static Result<WeightsFile> FromFile(const std::filesystem::path& path,
                                      std::string_view expected_sha256 = {});

  WeightsFile(WeightsFile&&) = default;
  WeightsFile& operator=(WeightsFile&&) = default;
  WeightsFile(const WeightsFile&) = delete;  // views point into bytes_
  WeightsFile& operator=(const WeightsFile&) = delete;

  const std::map<std::string, std::string>& metadata() const { return metadata_; }
  // Errors: kModelCorrupt when the key is absent.
  Result<std::string> Metadata(const std::string& key) const;
  // The key's value as a decimal integer in [lowest, highest]. Errors: kModelCorrupt.
  Result<std::int64_t> MetadataInt(const std::string& key, std::int64_t lowest,
                                   std::int64_t highest) const;

  bool Has(std::string_view name) const { return tensors_.find(name) != tensors_.end(); }
  std::vector<std::string> names() const;  // sorted

  // The tensor of that name. Sizes in `expected_shape` may be kAnySize.
  // Errors: kModelCorrupt naming the tensor, what was found and what was expected.
  Result<TensorView> Get(std::string_view name, DType dtype,
                         std::span<const std::int64_t> expected_shape) const;
  Result<TensorView> Get(std::string_view name, DType dtype,
                         std::initializer_list<std::int64_t> expected_shape) const {
    return Get(name, dtype, std::span(expected_shape.begin(), expected_shape.size()));
  }
  // The tensor whatever its type and shape. Errors: kModelCorrupt when absent.
  Result<TensorView> Get(std::string_view name) const;

  // Bytes read: of an update, with those of its base.
  std::size_t size() const { return bytes_.size() + update_.size(); }

  // SHA-256 of the whole file: 64 lower-case hex digits. Of an update that of its own file, which
  // holds its base's.
  const std::string& sha256() const { return sha256_; }

  // What a .hmn file stores of the model it was made with: the first 8 bytes of the SHA-256 over
  // everything a decoder computes with, i.e. all tensors whose name starts with "prior.",
  // "tables.", "g_s." or "gain.". The hashed bytes, per tensor in ascending byte order of names:
  //   u64 length of the name, the name, u64 length of the dtype's name, the dtype's name,
  //   u64 rank, u64 per dimension, u64 number of data bytes, the data
  // (all integers little-endian). So renaming, retyping, reshaping or changing one value changes
  // it; metadata, encoder weights and the order inside the file do not.
  const std::array<std::uint8_t, 8>& identity() const { return identity_; }
  std::string identity_hex() const;  // 16 lower-case hex digits

 private:
  WeightsFile() = default;
  // A file as it is, whole or an update; without its identity.
  static Result<WeightsFile> Read(std::vector<std::uint8_t> bytes,
                                  std::string_view expected_sha256);
  static Result<WeightsFile> ReadPath(const std::filesystem::path& path,
                                      std::string_view expected_sha256);
  Status Parse();
  Status ComputeIdentity();
  // Turns a base into what `update` makes of it.
  Status Apply(WeightsFile update);

  std::vector<std::uint8_t> bytes_;
  std::vector<std::uint8_t> update_;  // bytes of the update that was applied
  std::map<std::string, TensorView, std::less<>> tensors_;
  std::map<std::string, std::string> metadata_;
  std::string sha256_;
  std::array<std::uint8_t, 8> identity_{};
};

}  // namespace halfmoon::runtime
