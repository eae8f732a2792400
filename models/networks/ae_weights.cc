#include "models/networks/ae_weights.h"

#include "models/networks/integer_weights.h"
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
  for (int k = 0; k < kAePasses; ++k) {
    const auto& pass = model->context->passes[static_cast<std::size_t>(k)];
    const std::string suffix = std::to_string(k);
    if (k > 0) add("d" + suffix, pass->d, kLatentUnit);
    add("a" + suffix, pass->a, kHiddenUnit);
    add("b" + suffix, pass->b, kHiddenUnit);
    add("c" + suffix, pass->c, 1.0);
    // Rows 0..M-1 are table indexes, rows M..2M-1 means in 1/16.
    layers.back().out_scale = torch::cat({torch::full({m}, ContextPassImpl::kTableGain),
                                          torch::full({m}, ContextPassImpl::kMeanGain)});
    layers.back().out_step = torch::cat({torch::ones({m}), torch::full({m}, kLatentUnit)});
  }
  return layers;
}

Result<Autoencoder> ImportAutoencoder(const runtime::WeightsFile& file) {
  torch::NoGradGuard no_grad;
  HALFMOON_ASSIGN_OR_RETURN(const AeConfig config, FromMetadata<AeConfig>(file.metadata()));
  Autoencoder model(config);
  HALFMOON_RETURN_IF_ERROR(LoadModule(file, "g_a", *model->g_a));
  HALFMOON_RETURN_IF_ERROR(LoadModule(file, "h_a", *model->h_a));
  HALFMOON_RETURN_IF_ERROR(LoadModule(file, "g_s", *model->g_s));
  HALFMOON_RETURN_IF_ERROR(LoadModule(file, "gain.forward", *model->gain));
  HALFMOON_RETURN_IF_ERROR(LoadModule(file, "gain.inverse", *model->inverse_gain));

  for (IntegerLayer& layer : IntegerLayers(model)) {
    const bool by_level = !layer.level_bias.is_empty();
    torch::Tensor level_bias;
    HALFMOON_RETURN_IF_ERROR(LoadIntegerLayer(file, layer.name, layer.out_scale, layer.out_step,
                                              layer.conv, by_level ? AeConfig::kLevels : 0,
                                              &level_bias));
    if (by_level) layer.level_bias->SetFromLevels(level_bias);
    // Its own steps, which need not be those that its weights would be given.
    HALFMOON_ASSIGN_OR_RETURN(const torch::Tensor scale,
                              LoadIntegerScale(file, layer.name, layer.out_scale, layer.out_step));
    layer.conv->RoundNear(torch::zeros_like(layer.conv->weight), scale, 1);
  }
  const std::vector<std::int64_t> z_shape = {AeConfig::kLevels, config.hyper_channels};
  HALFMOON_ASSIGN_OR_RETURN(const torch::Tensor z_table,
                            LoadIntegerTensor(file, "prior.z_table", z_shape));
  HALFMOON_ASSIGN_OR_RETURN(const torch::Tensor z_mean,
                            LoadIntegerTensor(file, "prior.z_mean", z_shape));
  model->z_table->SetFromLevels((z_table / ContextPassImpl::kTableGain).to(torch::kFloat32));
  model->z_mean->SetFromLevels((z_mean * kLatentUnit).to(torch::kFloat32));
  for (torch::Tensor& p : model->parameters()) p.requires_grad_(true);
  model->train();
  return model;
}

}  // namespace halfmoon::networks
