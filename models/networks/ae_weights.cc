#include "models/networks/ae_weights.h"

#include "models/networks/weights_io.h"

namespace halfmoon::networks {

std::vector<IntegerLayer> IntegerLayers(Autoencoder& model) {
  std::vector<IntegerLayer> layers;
  auto add = [&](const std::string& name, const IntegerConv& conv, double step) {
    const std::int64_t out = conv->bias.size(0);
    layers.push_back({"prior." + name, conv, torch::ones({out}), torch::full({out}, step)});
  };
  add("h0", model->h_s->h0, kHiddenUnit);
  layers.back().level_bias = model->h_s->level_bias;
  add("h1", model->h_s->h1, kHiddenUnit);
  add("h2", model->h_s->h2, kHiddenUnit);
  add("h3", model->h_s->h3, kHiddenUnit);
  const std::int64_t m = model->config().latent_channels;
  for (int k = 0; k < AeConfig::kPasses; ++k) {
    const auto& pass = model->context->passes[static_cast<std::size_t>(k)];
    const std::string suffix = std::to_string(k);
    if (k > 0) add("d" + suffix, pass->d, kLatentUnit);
    add("a" + suffix, pass->a, kHiddenUnit);
    add("b" + suffix, pass->b, kHiddenUnit);
    add("c" + suffix, pass->c, 1.0);
    // Rows 0..M-1 are table indexes, rows M..2M-1 means in 1/16.
    layers.back().out_scale = torch::cat({torch::full({m}, ContextPassImpl::kTableGain),
                                          torch::full({m}, ContextPassImpl::kMeanGain)});
    layers.back().out_step =
        torch::cat({torch::ones({m}), torch::full({m}, kLatentUnit)});
  }
  return layers;
}

Result<Autoencoder> ImportAutoencoder(const runtime::WeightsFile& file) {
  torch::NoGradGuard no_grad;
  HALFMOON_ASSIGN_OR_RETURN(const AeConfig config, AeConfig::FromMetadata(file.metadata()));
  Autoencoder model(config);
  HALFMOON_RETURN_IF_ERROR(LoadModule(file, "g_a", *model->g_a));
  HALFMOON_RETURN_IF_ERROR(LoadModule(file, "h_a", *model->h_a));
  HALFMOON_RETURN_IF_ERROR(LoadModule(file, "g_s", *model->g_s));
  HALFMOON_RETURN_IF_ERROR(LoadModule(file, "gain.forward", *model->gain));
  HALFMOON_RETURN_IF_ERROR(LoadModule(file, "gain.inverse", *model->inverse_gain));

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
          .view(z_shape) * kLatentUnit);
  for (torch::Tensor& p : model->parameters()) p.requires_grad_(true);
  model->train();
  return model;
}

}  // namespace halfmoon::networks
