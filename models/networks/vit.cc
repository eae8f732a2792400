#include "models/networks/vit.h"

#include "models/networks/ops.h"

namespace halfmoon::networks {

VitStackImpl::VitStackImpl(const VitConfig& c) {
  place_ = register_parameter("place", torch::randn({1, c.width, c.grid(), c.grid()}) * 0.1);
  for (std::int64_t i = 0; i < c.layers; ++i) {
    const std::string n = std::to_string(i);
    attention_.push_back(register_module("attention" + n, SelfAttention(c.width)));
    expand_.push_back(register_module("expand" + n, Conv1x1(c.width, 4 * c.width)));
    reduce_.push_back(register_module("reduce" + n, Conv1x1(4 * c.width, c.width)));
    reduce_.back()->ScaleInit(0.3);
  }
}

torch::Tensor VitStackImpl::forward(torch::Tensor x) {
  x = x + place_;
  for (std::size_t i = 0; i < attention_.size(); ++i) {
    x = attention_[i](x);
    const torch::Tensor normal = ToMap(torch::layer_norm(ToRows(x), {x.size(1)}), x.sizes());
    x = x + reduce_[i](torch::gelu(expand_[i](normal)));
  }
  return x;
}

VitEncoderImpl::VitEncoderImpl(const VitConfig& c) : config_(c) {
  in_ = register_module("in", Conv1x1(c.channels * c.patch * c.patch, c.width));
  stack_ = register_module("stack", VitStack(c));
}

torch::Tensor VitEncoderImpl::forward(const torch::Tensor& x) {
  return stack_(in_(PictureToBlocks(x - 0.5, config_.patch)));
}

VitDecoderImpl::VitDecoderImpl(const VitConfig& c) : config_(c) {
  stack_ = register_module("stack", VitStack(c));
  out_ = register_module("out", Conv1x1(c.width, c.channels * c.patch * c.patch));
}

torch::Tensor VitDecoderImpl::forward(const torch::Tensor& features) {
  return torch::pixel_shuffle(out_(stack_(features)), config_.patch) + 0.5;
}

}  // namespace halfmoon::networks
