// Principal components of picture blocks: where the linear paths of the transforms start. LibTorch.
#pragma once

#include <torch/torch.h>

namespace halfmoon::training {

// crops: [N, 3, S, S] in [0, 1], S a multiple of 16. Returns the first `count` principal
// components of the 16x16 colour blocks (pixel_unshuffle(16) order), [count, 768], orthonormal
// rows by falling variance. The mean is taken as 0.5, the value the transforms subtract.
torch::Tensor PrincipalComponents(const torch::Tensor& crops, std::int64_t count);

}  // namespace halfmoon::training
