#include "models/networks/base_weights.h"

#include "models/networks/ae_weights.h"
#include "models/networks/integer_weights.h"
#include "models/networks/weights_io.h"

namespace halfmoon::networks {
namespace {

// Dimensions as they decide on shapes; what a model was trained for may change.
std::map<std::string, std::string> Dimensions(const AeConfig& config) {
  std::map<std::string, std::string> all = ToMetadata(config);
  for (const char* other : {"lambda_min", "lambda_max", "ms_ssim_share"}) all.erase(other);
  return all;
}

// The name of a tensor among the parameters of a network.
std::string NameOf(Autoencoder& model, const torch::Tensor& tensor) {
  for (const auto& p : model->named_parameters()) {
    if (p.value().is_same(tensor)) return p.key();
  }
  return {};
}

}  // namespace

std::int64_t StepsOf(const BaseSteps& steps, const std::string& parameter) {
  std::int64_t found = 1;
  std::size_t length = 0;
  for (const auto& [part, multiple] : steps) {
    const bool begins = parameter == part || parameter.starts_with(part + ".");
    if (begins && part.size() >= length) found = multiple, length = part.size();
  }
  return found;
}

Result<BaseWeights> BaseWeights::Create(const runtime::WeightsFile& file, const AeConfig& config,
                                        const BaseSteps& steps) {
  torch::NoGradGuard no_grad;
  HALFMOON_ASSIGN_OR_RETURN(Autoencoder model, ImportAutoencoder(file));
  if (Dimensions(model->config()) != Dimensions(config)) {
    return Status(StatusCode::kModelMismatch,
                  "the base's dimensions are not those of the recipe's model");
  }
  BaseWeights base;
  base.steps_ = steps;
  for (const auto& p : model->named_parameters()) {
    if (GridSteps(p.key(), p.value()) == 0) continue;
    base.weights_[p.key()] = p.value().detach().clone();
    if (!file.Has(p.key() + ".step")) continue;  // half floats
    const std::int64_t out = p.value().size(0);
    HALFMOON_ASSIGN_OR_RETURN(const torch::Tensor values,
                              LoadIntegerTensor(file, p.key(), p.value().sizes()));
    HALFMOON_ASSIGN_OR_RETURN(const torch::Tensor step,
                              LoadFloatTensor(file, p.key() + ".step", {out}));
    base.grids_[p.key()] = {{values.to(torch::kFloat32), step}, StepsOf(steps, p.key())};
  }
  for (IntegerLayer& layer : IntegerLayers(model)) {
    const std::string name = NameOf(model, layer.conv->weight);
    IntegerGrid grid;
    HALFMOON_ASSIGN_OR_RETURN(
        grid.values, LoadIntegerTensor(file, layer.name + ".weight", layer.conv->weight.sizes()));
    HALFMOON_ASSIGN_OR_RETURN(grid.scale,
                              LoadIntegerScale(file, layer.name, layer.out_scale, layer.out_step));
    grid.multiple = StepsOf(steps, name);
    base.weights_[name] = layer.conv->weight.detach().clone();
    base.integers_.push_back(std::move(grid));
  }
  return base;
}

void BaseWeights::Hold(Autoencoder& model) const {
  const std::vector<IntegerLayer> layers = IntegerLayers(model);
  for (std::size_t i = 0; i < layers.size(); ++i) {
    IntegerConv conv = layers[i].conv;
    conv->RoundNear(integers_[i].values, integers_[i].scale, integers_[i].multiple);
  }
  for (auto& p : model->named_parameters()) {
    if (weights_.count(p.key()) != 0 && StepsOf(steps_, p.key()) == 0)
      p.value().requires_grad_(false);
  }
}

const NearGrid* BaseWeights::Grid(const std::string& parameter) const {
  const auto it = grids_.find(parameter);
  return it == grids_.end() ? nullptr : &it->second;
}

void BaseWeights::Pull(Autoencoder& model, double share) const {
  torch::NoGradGuard no_grad;
  for (auto& p : model->named_parameters()) {
    if (const auto it = weights_.find(p.key()); it != weights_.end())
      p.value().lerp_(it->second.to(p.value().device()), share);
  }
}

}  // namespace halfmoon::networks
