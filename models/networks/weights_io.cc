#include "models/networks/weights_io.h"

#include <cstring>

#include "models/networks/integer_weights.h"
#include "models/networks/weight_grid.h"

namespace halfmoon::networks {

Result<torch::Tensor> LoadFloatTensor(const runtime::WeightsFile& file, const std::string& name,
                                      torch::IntArrayRef shape) {
  HALFMOON_ASSIGN_OR_RETURN(const runtime::TensorView any, file.Get(name));
  if (any.dtype == runtime::DType::kI8 || any.dtype == runtime::DType::kI16) {
    HALFMOON_ASSIGN_OR_RETURN(const torch::Tensor values, LoadIntegerTensor(file, name, shape));
    HALFMOON_ASSIGN_OR_RETURN(const torch::Tensor steps,
                              LoadFloatTensor(file, name + ".step", {shape[0]}));
    return WeightGrid{values.to(torch::kFloat32), steps}.Weights();
  }
  const auto dtype = any.dtype == runtime::DType::kF16 ? any.dtype : runtime::DType::kF32;
  HALFMOON_ASSIGN_OR_RETURN(
      const runtime::TensorView view,
      file.Get(name, dtype, std::span<const std::int64_t>(shape.data(), shape.size())));
  torch::Tensor t =
      torch::empty(shape, dtype == runtime::DType::kF16 ? torch::kFloat16 : torch::kFloat32);
  std::memcpy(t.data_ptr(), view.bytes.data(), view.bytes.size());
  return t.to(torch::kFloat32);
}

Status LoadModule(const runtime::WeightsFile& file, const std::string& prefix,
                  torch::nn::Module& module) {
  torch::NoGradGuard no_grad;
  for (const auto& p : module.named_parameters()) {
    HALFMOON_ASSIGN_OR_RETURN(const torch::Tensor value,
                              LoadFloatTensor(file, prefix + "." + p.key(), p.value().sizes()));
    torch::Tensor parameter = p.value();
    parameter.copy_(value);
    if (parameter.dim() == 4) {
      parameter.set_data(parameter.contiguous(torch::MemoryFormat::ChannelsLast));
    }
    parameter.requires_grad_(false);
  }
  module.eval();
  return Status::Ok();
}

}  // namespace halfmoon::networks
