// LibTorch tensors from weights files: float modules filled by name. LibTorch.
#pragma once

#include <torch/torch.h>

#include <string>

#include "halfmoon/status.h"
#include "models/runtime/weights/safetensors.h"

namespace halfmoon::networks {

// A float tensor of the file (F32, F16, or I8 or I16 beside "NAME.step", F32, the size of a step in
// each row) as float32. `shape` must match exactly.
Result<torch::Tensor> LoadFloatTensor(const runtime::WeightsFile& file, const std::string& name,
                                      torch::IntArrayRef shape);

// Fills every parameter of `module` from tensors named prefix + "." + parameter name, sets 4-D ones
// channels-last and switches the module to evaluation. Errors: kModelCorrupt naming the tensor.
Status LoadModule(const runtime::WeightsFile& file, const std::string& prefix,
                  torch::nn::Module& module);

}  // namespace halfmoon::networks
