#include "models/networks/refinement.h"

#include "models/networks/ops.h"

namespace halfmoon::networks {

RefinementImpl::RefinementImpl(const AeConfig& c) {
  in_ = register_module("in", Conv1x1(48, c.refine_channels));
  gain_ = register_module("gain", LevelVector(c.level_anchors, c.refine_channels, true));
  up_ = register_module("up", Conv1x1(c.block_channels, 4 * c.refine_channels));
  blocks_ = register_module("blocks", DepthStack(c.refine_channels, c.refine_blocks));
  out_ = register_module("out", Conv1x1(c.refine_channels, 48));
  in_->ScaleInit(2);  // samples lie within half of one
  up_->ScaleInit(0.3);
  out_->ScaleInit(0);
}

torch::Tensor RefinementImpl::forward(const CoarsePicture& coarse, const torch::Tensor& level) {
  const torch::Tensor h =
      up_->Up(coarse.features) + in_(PictureToBlocks(coarse.x - 0.5, 4)) * gain_(level);
  return coarse.x + torch::pixel_shuffle(out_(blocks_(h)), 4);
}

}  // namespace halfmoon::networks
