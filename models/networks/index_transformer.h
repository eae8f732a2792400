// IndexTransformer: an autoregressive prior over a small picture's codebook indices, with a
// condition in front. LibTorch.
#pragma once

#include <torch/torch.h>

#include <utility>
#include <vector>

#include "models/config/index_transformer_config.h"

namespace halfmoon::networks {

// Keys and values of the positions seen so far, per layer: [B, heads, positions, width / heads].
struct KeyValueCache {
  std::vector<std::pair<torch::Tensor, torch::Tensor>> layers;
  std::int64_t positions = 0;
};

//   words c_1..c_L, indices i_1..i_{N-1} -> embedding + place
//     -> [normalise -> causal attention -> +
//         normalise -> (W -> 4W) -> GELU -> (4W -> W) -> +] for each layer
//     -> normalise -> logits of i_1..i_N, from the last condition token on
//
// The decoder-only transformer of Radford et al. 2019 (GPT-2) over indices of a VQ-VAE (van den
// Oord et al. 2017; Esser et al. 2021), with the condition as a prefix. Word 0 everywhere is "no
// condition": training shows it now and then, so that sampling can be guided (Ho and Salimans
// 2022).
class IndexTransformerImpl : public torch::nn::Module {
 public:
  explicit IndexTransformerImpl(const IndexTransformerConfig& config);

  // condition: int64 [B, L] in [0, V); indices: int64 [B, N] in [0, K). Returns logits [B, N, K]:
  // those at n depend on the condition and on indices before n alone. In training mode `generator`
  // draws what dropout leaves out; none: LibTorch's own.
  torch::Tensor forward(const torch::Tensor& condition, const torch::Tensor& indices,
                        const c10::optional<at::Generator>& generator = c10::nullopt);

  // The same one position at a time: the logits of the first index, [B, K], then of each next one
  // given the one before it, int64 [B]. `cache`: empty at first. The caller turns gradients off.
  torch::Tensor Begin(const torch::Tensor& condition, KeyValueCache* cache);
  torch::Tensor Next(const torch::Tensor& index, KeyValueCache* cache);

  const IndexTransformerConfig& config() const { return config_; }

 private:
  struct Layer {
    torch::nn::LayerNorm before_attention{nullptr}, before_mlp{nullptr};
    torch::nn::Linear qkv{nullptr}, out{nullptr}, expand{nullptr}, reduce{nullptr};
  };
  // x: [B, n, W], the positions after those of `cache`. Without a cache all positions are in x.
  torch::Tensor Run(torch::Tensor x, KeyValueCache* cache,
                    const c10::optional<at::Generator>& generator = c10::nullopt);
  torch::Tensor Attend(const Layer& layer, const torch::Tensor& x,
                       std::pair<torch::Tensor, torch::Tensor>* cache);

  IndexTransformerConfig config_;
  torch::Tensor words_, codes_, places_;  // [V, W], [K, W], [L + N, W]
  std::vector<Layer> layers_;
  torch::nn::LayerNorm last_{nullptr};
  torch::nn::Linear head_{nullptr};
};
TORCH_MODULE(IndexTransformer);

}  // namespace halfmoon::networks
