#include "models/training/exporter.h"

#include <cmath>

#include "models/networks/weights_io.h"
#include "models/runtime/ae_prior.h"
#include "models/training/gaussian_tables.h"
#include "models/training/safetensors_writer.h"

namespace halfmoon::training {
namespace {

using networks::AeConfig;
using networks::Autoencoder;
using networks::ContextPassImpl;
using networks::IntegerConv;

std::vector<std::int64_t> Shape(const torch::Tensor& t) { return t.sizes().vec(); }

template <typename T>
Status AddTensor(SafetensorsWriter& writer, const std::string& name, const torch::Tensor& tensor) {
  const torch::Tensor t = tensor.contiguous();
  return writer.Add(name, Shape(t), std::span<const T>(t.data_ptr<T>(), static_cast<std::size_t>(t.numel())));
}

Status AddModule(SafetensorsWriter& writer, const std::string& prefix, torch::nn::Module& module) {
  for (const auto& p : module.named_parameters()) {
    const torch::Tensor half = p.value().detach().cpu().to(torch::kFloat16).contiguous();
    const auto* bytes = static_cast<const std::uint8_t*>(half.data_ptr());
    HALFMOON_RETURN_IF_ERROR(
        writer.AddBytes(prefix + "." + p.key(), runtime::DType::kF16, Shape(half),
                        {bytes, static_cast<std::size_t>(half.numel()) * 2}));
  }
  return Status::Ok();
}

// One integer layer of the prior: where it sits in the file and what its outputs mean.
struct IntegerLayer {
  std::string name;
  IntegerConv conv;
  torch::Tensor out_scale, out_step;  // [out]
  networks::LevelVector level_bias{nullptr};
};

std::vector<IntegerLayer> IntegerLayers(Autoencoder& model) {
  std::vector<IntegerLayer> layers;
  auto add = [&](const std::string& name, const IntegerConv& conv, double step) {
    const std::int64_t out = conv->bias.size(0);
    layers.push_back({"prior." + name, conv, torch::ones({out}), torch::full({out}, step)});
  };
  add("h0", model->h_s->h0, networks::kHiddenUnit);
  layers.back().level_bias = model->h_s->level_bias;
  add("h1", model->h_s->h1, networks::kHiddenUnit);
  add("h2", model->h_s->h2, networks::kHiddenUnit);
  add("h3", model->h_s->h3, networks::kHiddenUnit);
  const std::int64_t m = model->config().latent_channels;
  for (int k = 0; k < AeConfig::kPasses; ++k) {
    const auto& pass = model->context->passes[static_cast<std::size_t>(k)];
    const std::string suffix = std::to_string(k);
    if (k > 0) add("d" + suffix, pass->d, networks::kLatentUnit);
    add("a" + suffix, pass->a, networks::kHiddenUnit);
    add("b" + suffix, pass->b, networks::kHiddenUnit);
    add("c" + suffix, pass->c, 1.0);
    // Rows 0..M-1 are table indexes, rows M..2M-1 means in 1/16.
    layers.back().out_scale = torch::cat({torch::full({m}, ContextPassImpl::kTableGain),
                                          torch::full({m}, ContextPassImpl::kMeanGain)});
    layers.back().out_step =
        torch::cat({torch::ones({m}), torch::full({m}, networks::kLatentUnit)});
  }
  return layers;
}

torch::Tensor AllLevels(networks::LevelVector& vector) {
  return vector->forward(torch::arange(AeConfig::kLevels, torch::kFloat32)).flatten(1);
}

}  // namespace

Result<Autoencoder> LoadAveragedModel(const Checkpoint& checkpoint) {
  torch::NoGradGuard no_grad;
  HALFMOON_ASSIGN_OR_RETURN(const AeConfig config, AeConfig::FromMetadata(checkpoint.metadata));
  Autoencoder model(config);
  for (const auto& p : model->named_parameters()) {
    const auto it = checkpoint.tensors.find("average." + p.key());
    if (it == checkpoint.tensors.end() || it->second.sizes() != p.value().sizes()) {
      return Status(StatusCode::kCorrupt, "checkpoint: tensor 'average." + p.key() +
                                              "' is missing or has another shape");
    }
    torch::Tensor value = p.value();
    value.copy_(it->second);
  }
  model->eval();
  return model;
}

Result<std::vector<std::uint8_t>> ExportWeights(
    Autoencoder& model, const std::map<std::string, std::string>& metadata) {
  torch::NoGradGuard no_grad;
  SafetensorsWriter writer;
  for (const auto& [key, value] : metadata) writer.SetMetadata(key, value);
  for (const auto& [key, value] : model->config().ToMetadata()) writer.SetMetadata(key, value);
  writer.SetMetadata("architecture", "ae");
  writer.SetMetadata("format_version", "1");

  HALFMOON_RETURN_IF_ERROR(AddModule(writer, "g_a", *model->g_a));
  HALFMOON_RETURN_IF_ERROR(AddModule(writer, "h_a", *model->h_a));
  HALFMOON_RETURN_IF_ERROR(AddModule(writer, "g_s", *model->g_s));
  HALFMOON_RETURN_IF_ERROR(AddModule(writer, "gain.forward", *model->gain));
  HALFMOON_RETURN_IF_ERROR(AddModule(writer, "gain.inverse", *model->inverse_gain));

  for (IntegerLayer& layer : IntegerLayers(model)) {
    torch::Tensor level_bias;
    if (!layer.level_bias.is_empty()) level_bias = AllLevels(layer.level_bias);
    const auto e = layer.conv->Export(layer.out_scale, layer.out_step, level_bias);
    HALFMOON_RETURN_IF_ERROR(AddTensor<std::int16_t>(writer, layer.name + ".weight", e.weight));
    HALFMOON_RETURN_IF_ERROR(AddTensor<std::int32_t>(writer, layer.name + ".bias", e.bias));
    HALFMOON_RETURN_IF_ERROR(AddTensor<std::int32_t>(writer, layer.name + ".multiplier", e.multiplier));
    HALFMOON_RETURN_IF_ERROR(AddTensor<std::int32_t>(writer, layer.name + ".shift", e.shift));
    if (e.level_bias.defined()) {
      HALFMOON_RETURN_IF_ERROR(AddTensor<std::int32_t>(writer, layer.name + ".level_bias", e.level_bias));
    }
  }
  const torch::Tensor z_table = (AllLevels(model->z_table) * ContextPassImpl::kTableGain)
                                    .round().clamp(0, networks::kScaleTables - 1).to(torch::kUInt8);
  const torch::Tensor z_mean = (AllLevels(model->z_mean) / networks::kLatentUnit)
                                   .round().clamp(-networks::kActivationMax, networks::kActivationMax)
                                   .to(torch::kInt16);
  HALFMOON_RETURN_IF_ERROR(AddTensor<std::uint8_t>(writer, "prior.z_table", z_table));
  HALFMOON_RETURN_IF_ERROR(AddTensor<std::int16_t>(writer, "prior.z_mean", z_mean));

  const FrequencyTables tables = MakeGaussianTables();
  const auto count = static_cast<std::int64_t>(tables.sizes.size());
  HALFMOON_RETURN_IF_ERROR(writer.Add("tables.sizes", {count}, tables.sizes));
  HALFMOON_RETURN_IF_ERROR(writer.Add("tables.offsets", {count}, tables.offsets));
  HALFMOON_RETURN_IF_ERROR(writer.Add("tables.frequencies",
                                      {static_cast<std::int64_t>(tables.frequencies.size())},
                                      tables.frequencies));
  HALFMOON_ASSIGN_OR_RETURN(std::vector<std::uint8_t> bytes, writer.ToBytes());

  // What we ship is what the decoder accepts: run its proofs now.
  HALFMOON_ASSIGN_OR_RETURN(const runtime::WeightsFile file, runtime::WeightsFile::FromBytes(bytes));
  if (auto prior = runtime::AePrior::Load(file); !prior.ok()) {
    return Status(StatusCode::kInternal, "export: the loader refuses it: " + prior.status().message());
  }
  return bytes;
}

Result<Autoencoder> ImportWeights(const runtime::WeightsFile& file) {
  torch::NoGradGuard no_grad;
  HALFMOON_ASSIGN_OR_RETURN(const AeConfig config, AeConfig::FromMetadata(file.metadata()));
  Autoencoder model(config);
  HALFMOON_RETURN_IF_ERROR(networks::LoadModule(file, "g_a", *model->g_a));
  HALFMOON_RETURN_IF_ERROR(networks::LoadModule(file, "h_a", *model->h_a));
  HALFMOON_RETURN_IF_ERROR(networks::LoadModule(file, "g_s", *model->g_s));
  HALFMOON_RETURN_IF_ERROR(networks::LoadModule(file, "gain.forward", *model->gain));
  HALFMOON_RETURN_IF_ERROR(networks::LoadModule(file, "gain.inverse", *model->inverse_gain));

  for (IntegerLayer& layer : IntegerLayers(model)) {
    const std::int64_t out = layer.conv->bias.size(0);
    auto read = [&](const std::string& part, torch::IntArrayRef shape) -> Result<torch::Tensor> {
      const std::span<const std::int64_t> expected(shape.data(), shape.size());
      if (part == "weight") {
        HALFMOON_ASSIGN_OR_RETURN(
            const auto view, file.Get(layer.name + "." + part, runtime::DType::kI16, expected));
        return torch::tensor(at::ArrayRef<std::int16_t>(view.template Values<std::int16_t>()),
                             torch::kFloat64).view(shape);
      }
      HALFMOON_ASSIGN_OR_RETURN(const auto view,
                                file.Get(layer.name + "." + part, runtime::DType::kI32, expected));
      return torch::tensor(at::ArrayRef<std::int32_t>(view.template Values<std::int32_t>()),
                           torch::kFloat64).view(shape);
    };
    HALFMOON_ASSIGN_OR_RETURN(const torch::Tensor weight, read("weight", layer.conv->weight.sizes()));
    HALFMOON_ASSIGN_OR_RETURN(const torch::Tensor bias, read("bias", {out}));
    HALFMOON_ASSIGN_OR_RETURN(const torch::Tensor multiplier, read("multiplier", {out}));
    HALFMOON_ASSIGN_OR_RETURN(const torch::Tensor shift, read("shift", {out}));
    // Real size of one accumulator step, before out_scale.
    const torch::Tensor scale =
        multiplier / torch::pow(2.0, shift) * layer.out_step / layer.out_scale;
    layer.conv->SetStepWeights(weight * scale.view({-1, 1, 1, 1}));
    layer.conv->bias.copy_(bias * scale);
    if (!layer.level_bias.is_empty()) {
      HALFMOON_ASSIGN_OR_RETURN(const torch::Tensor levels,
                                read("level_bias", {AeConfig::kLevels, out}));
      layer.level_bias->SetFromLevels((levels * scale).to(torch::kFloat32));
    }
  }
  HALFMOON_ASSIGN_OR_RETURN(
      const auto z_table, file.Get("prior.z_table", runtime::DType::kU8,
                                   {AeConfig::kLevels, config.hyper_channels}));
  HALFMOON_ASSIGN_OR_RETURN(
      const auto z_mean, file.Get("prior.z_mean", runtime::DType::kI16,
                                  {AeConfig::kLevels, config.hyper_channels}));
  const std::vector<std::int64_t> z_shape = {AeConfig::kLevels, config.hyper_channels};
  model->z_table->SetFromLevels(
      torch::tensor(at::ArrayRef<std::uint8_t>(z_table.Values<std::uint8_t>()), torch::kFloat32)
          .view(z_shape) / ContextPassImpl::kTableGain);
  model->z_mean->SetFromLevels(
      torch::tensor(at::ArrayRef<std::int16_t>(z_mean.Values<std::int16_t>()), torch::kFloat32)
          .view(z_shape) * networks::kLatentUnit);
  for (torch::Tensor& p : model->parameters()) p.requires_grad_(true);
  model->train();
  return model;
}

}  // namespace halfmoon::training
