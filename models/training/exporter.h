// Exporter: a trained autoencoder -> a weights file. The only writer of weights files. LibTorch.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "halfmoon/status.h"
#include "models/networks/autoencoder.h"

namespace halfmoon::training {

// The weights file (safetensors) of a model: transforms as float16, the entropy path as integers
// proved not to overflow, frequency tables frozen. `metadata` is added to the model's own keys.
// Errors: kInternal when a bound that the loader would refuse is violated.
Result<std::vector<std::uint8_t>> ExportWeights(networks::Autoencoder& model,
                                                const std::map<std::string, std::string>& metadata);

// The way back, for `train --init`: integer layers become float weights on the same grid.
// Errors: kModelCorrupt naming the tensor.
Result<networks::Autoencoder> ImportWeights(const std::vector<std::uint8_t>& file);

// Frequency tables of a zero-mean normal integrated over unit bins, one per scale index
// (networks::TableScale); each sums to 2^16 with every symbol, and the escape, at least 1.
struct FrequencyTables {
  std::vector<std::int32_t> sizes, offsets, frequencies;
};
FrequencyTables MakeGaussianTables();

}  // namespace halfmoon::training
