// The latent's symbols sorted by what the coding passes tell apart: position class and channel
// group. LibTorch.
#pragma once

#include <torch/torch.h>

#include <vector>

#include "models/config/integer_path.h"

namespace halfmoon::networks {

// The 2x2 position classes p = 2 * (row % 2) + (column % 2) and the four groups g of M / 4 channels
// make sixteen slots s = 4 * p + g. A map [N, M, h, w], h and w even, is held as [16, R, M / 4]
// with R = N * h / 2 * w / 2 positions per class. Pass k of the context model codes slot (p, p ^
// kAePassOrder[k]) of every class p: a Latin square.

torch::Tensor ToSlots(const torch::Tensor& map);
torch::Tensor FromSlots(const torch::Tensor& slots, at::IntArrayRef map_sizes);  // channels-last

// [N, C, h, w] -> [4, R, C]: the positions by class, all channels.
torch::Tensor ByClass(const torch::Tensor& map);

// The group that pass k codes at classes 0, 1, 2, 3. int64 [4].
torch::Tensor PassGroups(int k);

// The slots of pass k at classes 0, 1, 2, 3. int64 [4].
torch::Tensor PassSlots(int k);

// `passes` holds what passes 0, 1, ... gave, [4, R, M / 4] each; slots of the passes that are still
// to come are zero. Returns [16, R, M / 4].
torch::Tensor CollectSlots(const std::vector<torch::Tensor>& passes);

}  // namespace halfmoon::networks
