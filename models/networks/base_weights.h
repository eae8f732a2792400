// Weights that stay near those of a weights file, the base: they differ from it by whole multiples
// of its own steps, and by few, so that an update file (models/runtime/weights/safetensors.h) packs
// well. LibTorch.
#pragma once

#include <map>
#include <string>
#include <vector>

#include "halfmoon/status.h"
#include "models/networks/autoencoder.h"
#include "models/networks/weight_grid.h"
#include "models/runtime/weights/safetensors.h"

namespace halfmoon::networks {

// By how many of the base's steps at a time a weight may leave it, for each part of the network, by
// the beginning of a parameter's name ("g_a", "g_s.linear", "context"; the longest counts). 0: it
// stays as it is. Parts that are not named: 1. Where a base has half floats (weight_bits 16), which
// have no steps, any other number lets them go where they like: an update holds them whole.
using BaseSteps = std::map<std::string, std::int64_t>;
std::int64_t StepsOf(const BaseSteps& steps, const std::string& parameter);

class BaseWeights {
 public:
  // Errors: kModelMismatch when the file's dimensions are not those of `config`.
  static Result<BaseWeights> Create(const runtime::WeightsFile& file, const AeConfig& config,
                                    const BaseSteps& steps);

  // Weights of `model` that are to stay ask for no gradients any more; its integer layers round to
  // the base's steps whenever they round.
  void Hold(Autoencoder& model) const;

  // The grid of a float layer's weights, by the parameter's name; null when it has none.
  const NearGrid* Grid(const std::string& parameter) const;

  // Moves weights by `share` of the way to the base.
  void Pull(Autoencoder& model, double share) const;

 private:
  struct IntegerGrid {
    torch::Tensor values, scale;  // whole numbers; [out], the real size of one
    std::int64_t multiple = 1;
  };
  std::map<std::string, NearGrid> grids_;
  std::vector<IntegerGrid> integers_;             // in the order of IntegerLayers
  std::map<std::string, torch::Tensor> weights_;  // of both kinds, by parameter
  BaseSteps steps_;
};

}  // namespace halfmoon::networks
