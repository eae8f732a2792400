// The depth-wise block as one differentiable operation with a backward pass of its own. LibTorch.
#pragma once

#include <torch/torch.h>

namespace halfmoon::networks {

// The parameters of a DepthBlock of C channels: weights of 1x1 convolutions are [out, in, 1, 1].
struct DepthBlockWeights {
  torch::Tensor in, in_bias;                // C -> C
  torch::Tensor depthwise, depthwise_bias;  // [C, 1, 3, 3]
  torch::Tensor out, out_bias;              // C -> C
  torch::Tensor expand, expand_bias;        // C -> 2C
  torch::Tensor reduce, reduce_bias;        // 2C -> C
};

// What DepthBlock computes (layers.h). Autograd would make a tensor and a pass over memory for each
// residual sum and its gradient; here the matrix products take them in. x: [N, C, H, W],
// channels-last for speed; slope: of the leaky ReLUs. Products in bfloat16: low_precision.h.
torch::Tensor FusedDepthBlock(const torch::Tensor& x, const DepthBlockWeights& weights,
                              double slope);

}  // namespace halfmoon::networks
