#include "models/training/export/weights_update.h"

#include <algorithm>

#include "models/runtime/weights/manifest.h"
#include "models/training/export/safetensors_writer.h"

namespace halfmoon::training {
namespace {

// a - b, which wraps around, element by element.
template <typename T>
std::vector<T> Differences(const runtime::TensorView& a, const runtime::TensorView& b) {
  std::vector<T> values = a.Values<T>();
  const std::vector<T> from = b.Values<T>();
  for (std::size_t i = 0; i < values.size(); ++i) values[i] = static_cast<T>(values[i] - from[i]);
  return values;
}

bool Same(const runtime::TensorView& a, const runtime::TensorView& b) {
  return a.dtype == b.dtype && a.shape == b.shape &&
         std::equal(a.bytes.begin(), a.bytes.end(), b.bytes.begin(), b.bytes.end());
}

}  // namespace

Result<std::vector<std::uint8_t>> MakeUpdate(const runtime::WeightsFile& file,
                                             const runtime::WeightsFile& base,
                                             const std::string& base_name) {
  using runtime::DType;
  SafetensorsWriter writer;
  for (const auto& [key, value] : file.metadata()) writer.SetMetadata(key, value);
  writer.SetMetadata(runtime::kBaseKey, base_name);
  writer.SetMetadata(runtime::kBaseHashKey, base.sha256());
  writer.SetMetadata("format_version", std::to_string(runtime::kUpdateFormatVersion));
  for (const std::string& name : base.names()) {
    if (!file.Has(name)) {
      return Status(StatusCode::kModelMismatch,
                    "tensor '" + name + "' of the base '" + base_name + "' is not in its update");
    }
  }
  for (const std::string& name : file.names()) {
    HALFMOON_ASSIGN_OR_RETURN(const runtime::TensorView ours, file.Get(name));
    if (!base.Has(name)) {
      HALFMOON_RETURN_IF_ERROR(writer.AddBytes(name, ours.dtype, ours.shape, ours.bytes));
      continue;
    }
    HALFMOON_ASSIGN_OR_RETURN(const runtime::TensorView theirs, base.Get(name));
    if (Same(ours, theirs)) continue;
    const bool whole = ours.dtype == DType::kI8 || ours.dtype == DType::kI16;
    if (!whole) {
      HALFMOON_RETURN_IF_ERROR(writer.AddBytes(name, ours.dtype, ours.shape, ours.bytes));
      continue;
    }
    if (ours.dtype != theirs.dtype || ours.shape != theirs.shape) {
      return Status(StatusCode::kModelMismatch, "tensor '" + name + "' has another type or shape " +
                                                    "in the base '" + base_name + "'");
    }
    HALFMOON_RETURN_IF_ERROR(
        ours.dtype == DType::kI8
            ? writer.Add(name, ours.shape, Differences<std::int8_t>(ours, theirs))
            : writer.Add(name, ours.shape, Differences<std::int16_t>(ours, theirs)));
  }
  return writer.ToBytes();
}

}  // namespace halfmoon::training
