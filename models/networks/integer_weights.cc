#include "models/networks/integer_weights.h"

namespace halfmoon::networks {

Result<torch::Tensor> LoadIntegerTensor(const runtime::WeightsFile& file, const std::string& name,
                                        torch::IntArrayRef shape) {
  using runtime::DType;
  HALFMOON_ASSIGN_OR_RETURN(const runtime::TensorView any, file.Get(name));
  HALFMOON_ASSIGN_OR_RETURN(
      const runtime::TensorView view,
      file.Get(name, any.dtype, std::span<const std::int64_t>(shape.data(), shape.size())));
  const auto read = [&]<typename T>(T) {
    return torch::tensor(at::ArrayRef<T>(view.template Values<T>()), torch::kFloat64).view(shape);
  };
  switch (view.dtype) {
    case DType::kU8: return read(std::uint8_t{});
    case DType::kI8: return read(std::int8_t{});
    case DType::kI16: return read(std::int16_t{});
    case DType::kI32: return read(std::int32_t{});
    default: break;
  }
  return Status(StatusCode::kModelCorrupt, "tensor \"" + name + "\" is not of integers");
}

Result<torch::Tensor> LoadIntegerScale(const runtime::WeightsFile& file, const std::string& name,
                                       const torch::Tensor& out_scale,
                                       const torch::Tensor& out_step) {
  const std::int64_t out = out_scale.size(0);
  HALFMOON_ASSIGN_OR_RETURN(const torch::Tensor multiplier,
                            LoadIntegerTensor(file, name + ".multiplier", {out}));
  HALFMOON_ASSIGN_OR_RETURN(const torch::Tensor shift,
                            LoadIntegerTensor(file, name + ".shift", {out}));
  return multiplier / torch::pow(2.0, shift) * out_step / out_scale;
}

Status LoadIntegerLayer(const runtime::WeightsFile& file, const std::string& name,
                        const torch::Tensor& out_scale, const torch::Tensor& out_step,
                        IntegerConv& conv, std::int64_t levels, torch::Tensor* level_bias) {
  torch::NoGradGuard no_grad;
  const std::int64_t out = conv->bias.size(0);
  const auto read = [&](const char* part, torch::IntArrayRef shape) {
    return LoadIntegerTensor(file, name + "." + part, shape);
  };
  HALFMOON_ASSIGN_OR_RETURN(const torch::Tensor weight, read("weight", conv->weight.sizes()));
  HALFMOON_ASSIGN_OR_RETURN(const torch::Tensor bias, read("bias", {out}));
  HALFMOON_ASSIGN_OR_RETURN(const torch::Tensor scale,
                            LoadIntegerScale(file, name, out_scale, out_step));
  conv->SetStepWeights(weight * scale.view({-1, 1, 1, 1}));
  conv->bias.copy_(bias * scale);
  if (levels > 0) {
    HALFMOON_ASSIGN_OR_RETURN(const torch::Tensor steps, read("level_bias", {levels, out}));
    *level_bias = (steps * scale).to(torch::kFloat32);
  }
  return Status::Ok();
}

}  // namespace halfmoon::networks
