// IntegerConv from a weights file: the way back from its integers to weights that can be trained.
// LibTorch.
#pragma once

#include <torch/torch.h>

#include <string>

#include "halfmoon/status.h"
#include "models/networks/integer_conv.h"
#include "models/runtime/weights/safetensors.h"

namespace halfmoon::networks {

// Integers of the file as float64. `shape` must match exactly; the type may be U8, I8, I16 or I32.
// Errors: kModelCorrupt naming the tensor.
Result<torch::Tensor> LoadIntegerTensor(const runtime::WeightsFile& file, const std::string& name,
                                        torch::IntArrayRef shape);

// The real size of a step of each of a layer's weights [out], before out_scale, float64.
// `out_scale`, `out_step` [out]: those that IntegerConv::Export was given.
Result<torch::Tensor> LoadIntegerScale(const runtime::WeightsFile& file, const std::string& name,
                                       const torch::Tensor& out_scale,
                                       const torch::Tensor& out_step);

// Weights and bias of `conv` from the tensors under `name`: float values on the grid that the file
// has. `out_scale`, `out_step`: as above. With levels > 0,
// `level_bias` becomes [levels, out], in real units before out_scale. Errors: kModelCorrupt naming
// the tensor.
Status LoadIntegerLayer(const runtime::WeightsFile& file, const std::string& name,
                        const torch::Tensor& out_scale, const torch::Tensor& out_step,
                        IntegerConv& conv, std::int64_t levels = 0,
                        torch::Tensor* level_bias = nullptr);

}  // namespace halfmoon::networks
