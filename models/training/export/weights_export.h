// Parts that exporters of all families share: averaged weights, half-precision tensors. LibTorch.
#pragma once

#include <torch/torch.h>

#include <map>
#include <memory>
#include <span>
#include <string>

#include "halfmoon/status.h"
#include "models/networks/base_weights.h"
#include "models/training/export/safetensors_writer.h"
#include "models/training/loop/checkpoint.h"
#include "models/training/loop/recipe.h"

namespace halfmoon::training {

// Fills a network with the averaged weights of a checkpoint (and its buffers as they are), and
// switches it to evaluation. Errors: kCorrupt naming the tensor.
Status LoadAveraged(const Checkpoint& checkpoint, torch::nn::Module& network);

// A tensor as it is; T is its type.
template <typename T>
Status AddTensor(SafetensorsWriter& writer, const std::string& name, const torch::Tensor& tensor) {
  const torch::Tensor t = tensor.detach().cpu().contiguous();
  return writer.Add(name, t.sizes().vec(),
                    std::span<const T>(t.data_ptr<T>(), static_cast<std::size_t>(t.numel())));
}
// A float tensor as float16.
Status AddHalfTensor(SafetensorsWriter& writer, const std::string& name,
                     const torch::Tensor& tensor);

// Every parameter as float16 under prefix + "." + its name. Errors: those of the writer.
Status AddHalfModule(SafetensorsWriter& writer, const std::string& prefix,
                     torch::nn::Module& module);

// As AddHalfModule, but weights that GridSteps names are integers beside their rows' steps: I8 or
// I16 under the parameter's name, F32 [out] under that + ".step". `base`: what they stay near; may
// be null.
Status AddGridModule(SafetensorsWriter& writer, const std::string& prefix,
                     torch::nn::Module& module, const networks::BaseWeights* base);

// The base that a recipe names. REQUIRES: it names one. Errors: those of reading it;
// kModelMismatch.
Result<networks::BaseWeights> LoadBase(const Recipe& recipe, const AeConfig& config);

// The base that the checkpoint's recipe names, which then holds `model`; null when it names none.
Result<std::unique_ptr<networks::BaseWeights>> HoldCheckpointsBase(const Checkpoint& checkpoint,
                                                                   networks::Autoencoder& model);

// `given` (name, licence ...), the model's own keys, architecture and format version.
void SetMetadata(const std::map<std::string, std::string>& given,
                 const std::map<std::string, std::string>& own, const std::string& architecture,
                 SafetensorsWriter* writer);

// Values of `from`'s parameters into `to`'s, for train --init. REQUIRES: `to` has them all, in the
// same shapes; what it has beyond them stays.
void CopyParameters(torch::nn::Module& from, torch::nn::Module& to);

}  // namespace halfmoon::training
