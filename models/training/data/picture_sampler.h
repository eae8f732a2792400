// PictureSampler: whole small pictures of one size, with classes and captions, for models of such
// pictures. LibTorch.
#pragma once

#include <torch/torch.h>

#include <string>
#include <vector>

#include "halfmoon/status.h"
#include "models/training/data/pack.h"

namespace halfmoon::training {

// Keeps the pictures of one or more packs as one uint8 tensor on `device`.
class PictureSampler {
 public:
  enum class Part { kTraining, kValidation };

  // Pictures of the packs as `channels` (1 or 3; grey is repeated, colour averaged) times side x
  // side pixels. Smaller ones (28x28 for a side of 32) get a black margin, the same on all sides.
  // Errors: kInvalidArgument when a picture is larger or not square, when packs name different
  // classes, or when there is no training picture; an empty validation part is legal.
  static Result<PictureSampler> Create(const std::vector<Pack>& packs, Part part,
                                       std::int64_t channels, std::int64_t side,
                                       torch::Device device);

  struct Batch {
    torch::Tensor pictures;  // [n, channels, side, side] float32 in [0, 1], channels-last
    torch::Tensor labels;    // int64 [n]; -1: none
    torch::Tensor index;     // int64 [n]: which pictures they are
  };
  // Drawn uniformly, with replacement; with `flip` every other one is mirrored, on average.
  Batch Sample(std::int64_t count, bool flip, at::Generator generator) const;
  // Pictures first .. first + count - 1, as they are. REQUIRES: they exist.
  Batch Slice(std::int64_t first, std::int64_t count) const;

  std::int64_t size() const { return pixels_.size(0); }
  const std::vector<std::string>& classes() const { return classes_; }    // may be empty
  const std::vector<std::string>& captions() const { return captions_; }  // empty, or one each

 private:
  torch::Tensor ToFloat(const torch::Tensor& bytes) const;

  torch::Tensor pixels_;  // uint8 [n, side, side, channels]
  torch::Tensor labels_;  // int64 [n]
  std::vector<std::string> classes_, captions_;
};

// Both parts of the same packs.
struct PictureParts {
  PictureSampler training, validation;

  // Errors: those of PictureSampler::Create.
  static Result<PictureParts> Create(const std::vector<Pack>& packs, std::int64_t channels,
                                     std::int64_t side, torch::Device device);
};

}  // namespace halfmoon::training
