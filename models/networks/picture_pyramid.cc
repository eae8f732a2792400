#include "models/networks/picture_pyramid.h"

#include <cmath>

#include "models/networks/ops.h"

namespace halfmoon::networks {

SelfAttentionImpl::SelfAttentionImpl(std::int64_t channels, std::int64_t heads) : heads_(heads) {
  qkv_ = register_module("qkv", Conv1x1(channels, 3 * channels));
  out_ = register_module("out", Conv1x1(channels, channels));
  out_->ScaleInit(0.3);
}

torch::Tensor SelfAttentionImpl::forward(const torch::Tensor& x) {
  const std::int64_t n = x.size(0), c = x.size(1), positions = x.size(2) * x.size(3);
  const torch::Tensor rows = ToRows(x);
  const torch::Tensor normal = ToMap(torch::layer_norm(rows, {c}), x.sizes());
  // [3, N, heads, positions, d]
  const torch::Tensor qkv =
      ToRows(qkv_(normal)).view({n, positions, 3, heads_, c / heads_}).permute({2, 0, 3, 1, 4});
  const double scale = 1 / std::sqrt(static_cast<double>(c / heads_));
  const torch::Tensor weights = torch::softmax(qkv[0].matmul(qkv[1].transpose(-1, -2)) * scale, -1);
  const torch::Tensor seen =
      weights.matmul(qkv[2]).permute({0, 2, 1, 3}).reshape({n * positions, c});
  return x + out_(ToMap(seen, x.sizes()));
}

PyramidEncoderImpl::PyramidEncoderImpl(const PyramidConfig& c) : config_(c) {
  std::int64_t in = c.channels;
  for (std::size_t i = 0; i < c.widths.size(); ++i) {
    const std::string name = std::to_string(i);
    down_.push_back(register_module("down" + name, Conv1x1(4 * in, c.widths[i])));
    stacks_.push_back(register_module("level" + name, DepthStack(c.widths[i], c.blocks)));
    in = c.widths[i];
  }
  if (c.attention) attention_ = register_module("attention", SelfAttention(in));
}

torch::Tensor PyramidEncoderImpl::forward(const torch::Tensor& x) {
  const std::int64_t before = (config_.padded() - config_.side) / 2;
  const std::int64_t after = config_.padded() - config_.side - before;
  torch::Tensor h = x - 0.5;
  if (before + after > 0) {
    h = torch::constant_pad_nd(h, {before, after, before, after}, -0.5);
  }
  for (std::size_t i = 0; i < down_.size(); ++i) {
    h = i == 0 ? down_[0](PictureToBlocks(h, 2)) : down_[i]->Down(h);
    h = stacks_[i](h);
  }
  return attention_.is_empty() ? h : attention_(h);
}

PyramidDecoderImpl::PyramidDecoderImpl(const PyramidConfig& c) : config_(c) {
  if (c.attention) attention_ = register_module("attention", SelfAttention(c.widths.back()));
  for (std::size_t i = 0; i < c.widths.size(); ++i) {
    const std::string name = std::to_string(i);
    stacks_.push_back(register_module("level" + name, DepthStack(c.widths[i], c.blocks)));
    const std::int64_t out = i == 0 ? c.channels : c.widths[i - 1];
    up_.push_back(register_module("up" + name, Conv1x1(c.widths[i], 4 * out)));
  }
}

torch::Tensor PyramidDecoderImpl::forward(const torch::Tensor& features) {
  torch::Tensor h = attention_.is_empty() ? features : attention_(features);
  for (std::size_t i = up_.size(); i-- > 0;) {
    h = stacks_[i](h);
    h = i == 0 ? torch::pixel_shuffle(up_[0](h), 2) : up_[i]->Up(h);
  }
  const std::int64_t before = (config_.padded() - config_.side) / 2;
  return h.slice(2, before, before + config_.side).slice(3, before, before + config_.side) + 0.5;
}

}  // namespace halfmoon::networks
