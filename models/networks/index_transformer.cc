#include "models/networks/index_transformer.h"

#include <cmath>
#include <limits>

namespace halfmoon::networks {
namespace {

// torch::dropout with numbers of a generator: worker threads must not share LibTorch's own.
torch::Tensor Dropout(const torch::Tensor& x, double probability,
                      const c10::optional<at::Generator>& generator) {
  if (probability == 0) return x;
  const double kept = 1 - probability;
  return x * torch::empty_like(x.detach()).bernoulli_(kept, generator).div_(kept);
}

}  // namespace

IndexTransformerImpl::IndexTransformerImpl(const IndexTransformerConfig& c) : config_(c) {
  const std::int64_t w = c.width;
  constexpr double kSpread = 0.02;  // of initial weights, as in GPT-2
  words_ = register_parameter("words", torch::randn({c.words, w}) * kSpread);
  codes_ = register_parameter("codes", torch::randn({c.codes, w}) * kSpread);
  places_ = register_parameter("places", torch::randn({c.length(), w}) * kSpread);
  const double branch =
      kSpread / std::sqrt(2.0 * static_cast<double>(c.layers));  // what is added up
  auto linear = [&](const std::string& name, std::int64_t in, std::int64_t out, double spread) {
    torch::nn::Linear layer = register_module(name, torch::nn::Linear(in, out));
    torch::NoGradGuard no_grad;
    layer->weight.normal_(0, spread);
    layer->bias.zero_();
    return layer;
  };
  auto norm = [&](const std::string& name) {
    return register_module(name, torch::nn::LayerNorm(torch::nn::LayerNormOptions({w})));
  };
  for (std::int64_t i = 0; i < c.layers; ++i) {
    const std::string n = std::to_string(i);
    Layer layer;
    layer.before_attention = norm("norm_a" + n);
    layer.qkv = linear("qkv" + n, w, 3 * w, kSpread);
    layer.out = linear("out" + n, w, w, branch);
    layer.before_mlp = norm("norm_b" + n);
    layer.expand = linear("expand" + n, w, 4 * w, kSpread);
    layer.reduce = linear("reduce" + n, 4 * w, w, branch);
    layers_.push_back(layer);
  }
  last_ = norm("norm");
  head_ = linear("head", w, c.codes, kSpread);
}

torch::Tensor IndexTransformerImpl::Attend(const Layer& layer, const torch::Tensor& x,
                                           std::pair<torch::Tensor, torch::Tensor>* cache) {
  const std::int64_t b = x.size(0), n = x.size(1), w = config_.width, d = w / config_.heads;
  torch::nn::Linear qkv = layer.qkv, out = layer.out;
  // [3][B, heads, n, d]
  const torch::Tensor parts = qkv(x).view({b, n, 3, config_.heads, d}).permute({2, 0, 3, 1, 4});
  torch::Tensor q = parts[0], k = parts[1], v = parts[2];
  if (cache != nullptr) {
    if (cache->first.defined()) {
      k = torch::cat({cache->first, k}, 2);
      v = torch::cat({cache->second, v}, 2);
    }
    *cache = {k, v};
  }
  torch::Tensor scores = q.matmul(k.transpose(2, 3)) * (1 / std::sqrt(static_cast<double>(d)));
  if (n > 1) {
    // Position i of x is position i + (all - n) of the keys, and sees none after itself.
    const torch::Tensor hidden = torch::ones({n, k.size(2)}, torch::kBool).triu(1 + k.size(2) - n);
    scores = scores.masked_fill(hidden.to(x.device()), -std::numeric_limits<float>::infinity());
  }
  return out(scores.softmax(-1).matmul(v).transpose(1, 2).reshape({b, n, w}));
}

torch::Tensor IndexTransformerImpl::Run(torch::Tensor x, KeyValueCache* cache,
                                        const c10::optional<at::Generator>& generator) {
  if (cache != nullptr) cache->layers.resize(layers_.size());
  for (std::size_t i = 0; i < layers_.size(); ++i) {
    Layer& layer = layers_[i];
    auto drop = [&](const torch::Tensor& t) {
      return is_training() ? Dropout(t, config_.dropout, generator) : t;
    };
    x = x + drop(Attend(layer, layer.before_attention(x), cache ? &cache->layers[i] : nullptr));
    x = x + drop(layer.reduce(torch::gelu(layer.expand(layer.before_mlp(x)))));
  }
  if (cache != nullptr) cache->positions += x.size(1);
  return x;
}

torch::Tensor IndexTransformerImpl::forward(const torch::Tensor& condition,
                                            const torch::Tensor& indices,
                                            const c10::optional<at::Generator>& generator) {
  const std::int64_t n = config_.indices;
  const torch::Tensor x = torch::cat({torch::embedding(words_, condition),
                                      torch::embedding(codes_, indices.slice(1, 0, n - 1))},
                                     1) +
                          places_.slice(0, 0, config_.length() - 1);
  return head_(last_(Run(x, nullptr, generator).slice(1, config_.condition - 1)));
}

torch::Tensor IndexTransformerImpl::Begin(const torch::Tensor& condition, KeyValueCache* cache) {
  *cache = {};
  const torch::Tensor x =
      torch::embedding(words_, condition) + places_.slice(0, 0, config_.condition);
  return head_(last_(Run(x, cache).select(1, config_.condition - 1)));
}

torch::Tensor IndexTransformerImpl::Next(const torch::Tensor& index, KeyValueCache* cache) {
  const torch::Tensor x = torch::embedding(codes_, index).unsqueeze(1) +
                          places_.slice(0, cache->positions, cache->positions + 1);
  return head_(last_(Run(x, cache).select(1, 0)));
}

}  // namespace halfmoon::networks
