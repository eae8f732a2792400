// CropSampler: draws random training crops from packs held in device memory. LibTorch.
#pragma once

#include <torch/torch.h>

#include <vector>

#include "halfmoon/status.h"
#include "models/training/data/pack.h"

namespace halfmoon::training {

// Keeps the training pictures of one or more packs as one flat uint8 tensor on `device`; positions
// and flips are drawn there too, so a step copies nothing from the host.
class CropSampler {
 public:
  // Errors: kInvalidArgument when no training picture has both sides >= min_side.
  static Result<CropSampler> Create(const std::vector<Pack>& packs, std::int64_t min_side,
                                    torch::Device device);

  // `count` crops of side x side pixels. A picture is drawn with a probability proportional to its
  // area, the position and a horizontal flip uniformly. Returns [count, 3, side, side] float32 in
  // [0, 1], channels-last. REQUIRES: side <= min_side of Create.
  torch::Tensor Sample(std::int64_t count, std::int64_t side, at::Generator generator) const;

  // The same, but half of the crops are larger ones made smaller (bicubic, antialiased): by a
  // factor drawn uniformly between 1 and `max_downscale`, or as far as the picture reaches. So a
  // network meets pictures that are sharper than those of the pack. max_downscale 1: as Sample.
  torch::Tensor SampleScaled(std::int64_t count, std::int64_t side, double max_downscale,
                             at::Generator generator) const;

  // Pictures of the validation split with both sides >= side: their centre crops, at most `limit`,
  // evenly spread over the packs. [n, 3, side, side].
  static torch::Tensor ValidationCrops(const std::vector<Pack>& packs, std::int64_t side,
                                       std::int64_t limit);

  std::int64_t pictures() const { return width_.size(0); }

 private:
  // [count] indices of pictures, drawn by area from u: [count] in [0, 1).
  torch::Tensor DrawPictures(const torch::Tensor& u) const;
  // Crops of these pictures at the place and flip that u, [3, count] in [0, 1), stands for.
  torch::Tensor Gather(const torch::Tensor& picture, std::int64_t side,
                       const torch::Tensor& u) const;

  torch::Tensor pixels_;                   // uint8 [total]
  torch::Tensor width_, height_, offset_;  // int64 [n]
  torch::Tensor cumulative_;               // float64 [n]: normalised cumulative areas
};

}  // namespace halfmoon::training
