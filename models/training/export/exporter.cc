#include "models/training/export/exporter.h"

#include <cmath>

#include "models/networks/ae_weights.h"
#include "models/runtime/ae/ae_prior.h"
#include "models/training/export/frequency_tables.h"
#include "models/training/export/safetensors_writer.h"
#include "models/training/export/weights_export.h"

namespace halfmoon::training {
namespace {

using networks::Autoencoder;
using networks::ContextPassImpl;
using networks::IntegerLayer;
using networks::IntegerLayers;

torch::Tensor AllLevels(networks::LevelVector& vector) {
  return vector->forward(torch::arange(AeConfig::kLevels, torch::kFloat32)).flatten(1);
}

}  // namespace

Result<Autoencoder> LoadAveragedModel(const Checkpoint& checkpoint) {
  torch::NoGradGuard no_grad;
  HALFMOON_ASSIGN_OR_RETURN(const AeConfig config, FromMetadata<AeConfig>(checkpoint.metadata));
  Autoencoder model(config);
  for (const auto& p : model->named_parameters()) {
    const auto it = checkpoint.tensors.find("average." + p.key());
    if (it == checkpoint.tensors.end() || it->second.sizes() != p.value().sizes()) {
      return Status(StatusCode::kCorrupt,
                    "checkpoint: tensor 'average." + p.key() + "' is missing or has another shape");
    }
    torch::Tensor value = p.value();
    value.copy_(it->second);
  }
  model->eval();
  return model;
}

Result<std::vector<std::uint8_t>> ExportWeights(Autoencoder& model,
                                                const std::map<std::string, std::string>& metadata,
                                                const networks::BaseWeights* base) {
  torch::NoGradGuard no_grad;
  SafetensorsWriter writer;
  for (const auto& [key, value] : metadata) writer.SetMetadata(key, value);
  for (const auto& [key, value] : ToMetadata(model->config())) writer.SetMetadata(key, value);
  writer.SetMetadata("architecture", AeConfig::kArchitecture);

  const bool bytes_each = model->config().weight_bits == 8;
  writer.SetMetadata("format_version", bytes_each ? "2" : "1");
  const auto add_module = [&](SafetensorsWriter& to, const std::string& prefix,
                              torch::nn::Module& module) {
    return bytes_each ? AddGridModule(to, prefix, module, base) : AddHalfModule(to, prefix, module);
  };
  HALFMOON_RETURN_IF_ERROR(add_module(writer, "g_a", *model->g_a));
  HALFMOON_RETURN_IF_ERROR(add_module(writer, "h_a", *model->h_a));
  HALFMOON_RETURN_IF_ERROR(add_module(writer, "g_s", *model->g_s));
  HALFMOON_RETURN_IF_ERROR(AddHalfModule(writer, "gain.forward", *model->gain));
  HALFMOON_RETURN_IF_ERROR(AddHalfModule(writer, "gain.inverse", *model->inverse_gain));

  for (IntegerLayer& layer : IntegerLayers(model)) {
    torch::Tensor level_bias;
    if (!layer.level_bias.is_empty()) level_bias = AllLevels(layer.level_bias);
    const auto e = layer.conv->Export(layer.out_scale, layer.out_step, level_bias);
    const std::string weight = layer.name + ".weight";
    HALFMOON_RETURN_IF_ERROR(bytes_each
                                 ? AddTensor<std::int8_t>(writer, weight, e.weight.to(torch::kInt8))
                                 : AddTensor<std::int16_t>(writer, weight, e.weight));
    HALFMOON_RETURN_IF_ERROR(AddTensor<std::int32_t>(writer, layer.name + ".bias", e.bias));
    HALFMOON_RETURN_IF_ERROR(
        AddTensor<std::int32_t>(writer, layer.name + ".multiplier", e.multiplier));
    HALFMOON_RETURN_IF_ERROR(AddTensor<std::int32_t>(writer, layer.name + ".shift", e.shift));
    if (e.level_bias.defined()) {
      HALFMOON_RETURN_IF_ERROR(
          AddTensor<std::int32_t>(writer, layer.name + ".level_bias", e.level_bias));
    }
  }
  const torch::Tensor z_table = (AllLevels(model->z_table) * ContextPassImpl::kTableGain)
                                    .round()
                                    .clamp(0, kScaleTables - 1)
                                    .to(torch::kUInt8);
  const torch::Tensor z_mean = (AllLevels(model->z_mean) / kLatentUnit)
                                   .round()
                                   .clamp(-kActivationBound, kActivationBound)
                                   .to(torch::kInt16);
  HALFMOON_RETURN_IF_ERROR(AddTensor<std::uint8_t>(writer, "prior.z_table", z_table));
  HALFMOON_RETURN_IF_ERROR(AddTensor<std::int16_t>(writer, "prior.z_mean", z_mean));

  HALFMOON_RETURN_IF_ERROR(AddAeTables(MakeGaussianTables(), &writer));
  HALFMOON_ASSIGN_OR_RETURN(std::vector<std::uint8_t> bytes, writer.ToBytes());

  // What we ship is what the decoder accepts: run its proofs now.
  HALFMOON_ASSIGN_OR_RETURN(const runtime::WeightsFile file,
                            runtime::WeightsFile::FromBytes(bytes));
  if (auto prior = runtime::AePrior::Load(file, model->config()); !prior.ok()) {
    return Status(StatusCode::kInternal,
                  "export: the loader refuses it: " + prior.status().message());
  }
  return bytes;
}

}  // namespace halfmoon::training
