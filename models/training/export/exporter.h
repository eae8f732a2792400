// Exporter: a trained autoencoder -> a weights file (the way back: networks/ae_weights). The only
// writer of weights files. LibTorch.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "halfmoon/status.h"
#include "models/networks/autoencoder.h"
#include "models/networks/base_weights.h"
#include "models/training/loop/checkpoint.h"

namespace halfmoon::training {

// The model of a checkpoint with its averaged weights, in evaluation mode.
// Errors: kCorrupt naming the tensor or metadata key.
Result<networks::Autoencoder> LoadAveragedModel(const Checkpoint& checkpoint);

// The weights file (safetensors) of a model: transforms as float16, the entropy path as integers,
// frequency tables frozen. `metadata` is added to the model's own keys. `base`: what weights stay
// near; may be null. REQUIRES: the base holds `model`.
// Errors: kInternal when the runtime's loader would refuse the result (a bound is violated).
Result<std::vector<std::uint8_t>> ExportWeights(networks::Autoencoder& model,
                                                const std::map<std::string, std::string>& metadata,
                                                const networks::BaseWeights* base = nullptr);

}  // namespace halfmoon::training
