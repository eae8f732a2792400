#include "models/networks/transforms.h"

#include "models/networks/ops.h"

namespace halfmoon::networks {

AnalysisImpl::AnalysisImpl(const AeConfig& c) : lapped_(c.lapped != 0) {
  in_ = register_module("in", Conv1x1(192, c.block_channels));
  blocks_ = register_module("blocks", DepthStack(c.block_channels, c.analysis_blocks));
  gain_ = register_module("gain", LevelVector(c.level_anchors, c.block_channels, true));
  down_ = register_module("down", Conv1x1(4 * c.block_channels, c.trunk_channels));
  trunk_ = register_module("trunk", DepthStack(c.trunk_channels, c.analysis_trunk_blocks));
  out_ = register_module("out", Conv1x1(c.trunk_channels, c.latent_channels));
  linear_ =
      register_module("linear", Conv1x1(lapped_ ? 3072 : 768, c.latent_channels, /*bias=*/false));
  out_->ScaleInit(0.3);
}

torch::Tensor AnalysisImpl::forward(const torch::Tensor& x, const torch::Tensor& level) {
  const torch::Tensor centred = x - 0.5;
  torch::Tensor h = PictureToBlocks(centred, 8);
  h = blocks_(in_(h)) * gain_(level);
  h = out_(trunk_(down_->Down(h)));
  return h + linear_(lapped_ ? PictureToWindows(centred) : PictureToBlocks(centred, 16));
}

void AnalysisImpl::InitialiseLinear(const torch::Tensor& basis) {
  torch::NoGradGuard no_grad;
  linear_->weight.copy_((lapped_ ? BlockToWindowFilters(basis) : basis).view_as(linear_->weight));
}

void AnalysisImpl::MakeIdentityFrom(std::int64_t blocks, std::int64_t trunk) {
  blocks_->MakeIdentityFrom(blocks);
  trunk_->MakeIdentityFrom(trunk);
}

SynthesisImpl::SynthesisImpl(const AeConfig& c) : lapped_(c.lapped != 0) {
  in_ = register_module("in", Conv1x1(c.latent_channels, c.trunk_channels));
  trunk_ = register_module("trunk", DepthStack(c.trunk_channels, c.synthesis_trunk_blocks));
  up_ = register_module("up", Conv1x1(c.trunk_channels, 4 * c.block_channels));
  gain_ = register_module("gain", LevelVector(c.level_anchors, c.block_channels, true));
  blocks_ = register_module("blocks", DepthStack(c.block_channels, c.synthesis_blocks));
  out_ = register_module("out", Conv1x1(c.block_channels, 192));
  linear_ =
      register_module("linear", Conv1x1(c.latent_channels, lapped_ ? 3072 : 768, /*bias=*/false));
  out_->ScaleInit(0.1);
  if (c.refine_blocks > 0) refine_ = register_module("refine", Refinement(c));
}

torch::Tensor SynthesisImpl::forward(const torch::Tensor& y_hat, const torch::Tensor& level) {
  return Refine(Coarse(y_hat, level), level);
}

torch::Tensor SynthesisImpl::Refine(const CoarsePicture& coarse, const torch::Tensor& level) {
  return refine_.is_empty() ? coarse.x : refine_(coarse, level);
}

CoarsePicture SynthesisImpl::Coarse(const torch::Tensor& y_hat, const torch::Tensor& level) {
  torch::Tensor h = up_->Up(trunk_(in_(y_hat))) * gain_(level);
  h = blocks_(h);
  const torch::Tensor linear = linear_(y_hat);
  return {torch::pixel_shuffle(out_(h), 8) +
              (lapped_ ? WindowsToPicture(linear) : torch::pixel_shuffle(linear, 16)) + 0.5,
          h};
}

void SynthesisImpl::InitialiseLinear(const torch::Tensor& basis) {
  torch::NoGradGuard no_grad;
  linear_->weight.copy_(
      (lapped_ ? BlockToWindowFilters(basis) : basis).t().contiguous().view_as(linear_->weight));
}

void SynthesisImpl::MakeIdentityFrom(std::int64_t blocks, std::int64_t trunk, std::int64_t refine) {
  blocks_->MakeIdentityFrom(blocks);
  trunk_->MakeIdentityFrom(trunk);
  if (!refine_.is_empty()) refine_->MakeIdentityFrom(refine);
}

}  // namespace halfmoon::networks
