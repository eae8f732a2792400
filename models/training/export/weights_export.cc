#include "models/training/export/weights_export.h"

#include "models/networks/weight_grid.h"
#include "models/runtime/weights/safetensors.h"

namespace halfmoon::training {

Status LoadAveraged(const Checkpoint& checkpoint, torch::nn::Module& network) {
  torch::NoGradGuard no_grad;
  auto load = [&](const std::string& kind, const auto& named) {
    for (const auto& p : named) {
      const auto it = checkpoint.tensors.find(kind + p.key());
      if (it == checkpoint.tensors.end() || it->second.sizes() != p.value().sizes()) {
        return Status(StatusCode::kCorrupt, "checkpoint: tensor '" + kind + p.key() +
                                                "' is missing or has another shape");
      }
      torch::Tensor value = p.value();
      value.copy_(it->second);
    }
    return Status::Ok();
  };
  HALFMOON_RETURN_IF_ERROR(load("average.", network.named_parameters()));
  HALFMOON_RETURN_IF_ERROR(load("model.", network.named_buffers()));
  network.eval();
  return Status::Ok();
}

Status AddHalfTensor(SafetensorsWriter& writer, const std::string& name,
                     const torch::Tensor& tensor) {
  const torch::Tensor half = tensor.detach().cpu().to(torch::kFloat16).contiguous();
  return writer.AddBytes(name, runtime::DType::kF16, half.sizes().vec(),
                         {static_cast<const std::uint8_t*>(half.data_ptr()),
                          static_cast<std::size_t>(half.numel()) * 2});
}

Status AddHalfModule(SafetensorsWriter& writer, const std::string& prefix,
                     torch::nn::Module& module) {
  for (const auto& p : module.named_parameters()) {
    HALFMOON_RETURN_IF_ERROR(AddHalfTensor(writer, prefix + "." + p.key(), p.value()));
  }
  return Status::Ok();
}

Status AddGridModule(SafetensorsWriter& writer, const std::string& prefix,
                     torch::nn::Module& module, const networks::BaseWeights* base) {
  for (const auto& p : module.named_parameters()) {
    const std::string name = prefix + "." + p.key();
    const int most = networks::GridSteps(name, p.value());
    if (most == 0) {
      HALFMOON_RETURN_IF_ERROR(AddHalfTensor(writer, name, p.value()));
      continue;
    }
    const networks::NearGrid* near = base == nullptr ? nullptr : base->Grid(name);
    const networks::WeightGrid grid = near == nullptr ? networks::ToGrid(p.value(), most)
                                                      : networks::ToGrid(p.value(), most, *near);
    HALFMOON_RETURN_IF_ERROR(
        most <= networks::kGridSteps
            ? AddTensor<std::int8_t>(writer, name, grid.values.to(torch::kInt8))
            : AddTensor<std::int16_t>(writer, name, grid.values.to(torch::kInt16)));
    HALFMOON_RETURN_IF_ERROR(AddTensor<float>(writer, name + ".step", grid.steps));
  }
  return Status::Ok();
}

Result<networks::BaseWeights> LoadBase(const Recipe& recipe, const AeConfig& config) {
  HALFMOON_ASSIGN_OR_RETURN(const runtime::WeightsFile file,
                            runtime::WeightsFile::FromFile(recipe.base));
  auto base = networks::BaseWeights::Create(file, config, recipe.base_steps);
  if (!base.ok()) return base.status().WithContext(recipe.base);
  return base;
}

Result<std::unique_ptr<networks::BaseWeights>> HoldCheckpointsBase(const Checkpoint& checkpoint,
                                                                   networks::Autoencoder& model) {
  std::unique_ptr<networks::BaseWeights> base;
  const auto text = checkpoint.metadata.find("recipe");
  if (text == checkpoint.metadata.end()) return base;
  HALFMOON_ASSIGN_OR_RETURN(const Recipe recipe, Recipe::FromJson(text->second, "checkpoint"));
  if (recipe.base.empty()) return base;
  HALFMOON_ASSIGN_OR_RETURN(networks::BaseWeights loaded, LoadBase(recipe, model->config()));
  loaded.Hold(model);
  base = std::make_unique<networks::BaseWeights>(std::move(loaded));
  return base;
}

void SetMetadata(const std::map<std::string, std::string>& given,
                 const std::map<std::string, std::string>& own, const std::string& architecture,
                 SafetensorsWriter* writer) {
  for (const auto& [key, value] : given) writer->SetMetadata(key, value);
  for (const auto& [key, value] : own) writer->SetMetadata(key, value);
  writer->SetMetadata("architecture", architecture);
  writer->SetMetadata("format_version", "1");
}

void CopyParameters(torch::nn::Module& from, torch::nn::Module& to) {
  torch::NoGradGuard no_grad;
  auto ours = to.named_parameters();
  for (const auto& p : from.named_parameters()) ours[p.key()].copy_(p.value());
}

}  // namespace halfmoon::training
