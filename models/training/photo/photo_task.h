// PhotoTask: what training tasks of photographic codecs have in common. LibTorch.
#pragma once

#include <torch/torch.h>

#include <vector>

#include "models/config/ae_config.h"
#include "models/training/data/crop_sampler.h"
#include "models/training/data/pack.h"
#include "models/training/loop/recipe.h"
#include "models/training/loop/task.h"

namespace halfmoon::training {

// The pictures of a run.
struct PhotoData {
  CropSampler sampler;
  torch::Tensor validation_crops;  // [n, 3, 256, 256]

  // side: the least side of a picture that crops are drawn from. Seeds LibTorch's own generator,
  // from which a network takes its initial values; make it next. Errors: kInvalidArgument when the
  // packs hold no picture large enough.
  static Result<PhotoData> Load(const Recipe& recipe, const std::vector<Pack>& packs,
                                std::int64_t side, std::int64_t validation_pictures,
                                torch::Device device);
};

class PhotoTask : public TrainingTask {
 public:
  // Whether the sides of crops are legal. Errors: kInvalidArgument naming the field.
  static Status CheckCrops(const Recipe& recipe);
  // Side of the largest crops of a run.
  static std::int64_t LargestCrop(const Recipe& recipe);

  bool HasValidation() const override { return validation_crops_.size(0) > 0; }

 protected:
  PhotoTask(const Recipe& recipe, PhotoData data, torch::Device device)
      : recipe_(recipe),
        device_(device),
        sampler_(std::move(data.sampler)),
        validation_crops_(std::move(data.validation_crops)) {}

  // Prepares the network, just made, for what the recipe says. Errors: those of reading files.
  virtual Status Prepared() { return Status::Ok(); }

  // This worker's crops of a step. In the late part of a run they are larger and the batch has
  // fewer, as many pixels in all.
  struct Crops {
    torch::Tensor x;         // [n, 3, side, side] in [0, 1]; undefined: the share is empty
    std::int64_t count = 0;  // n
    double batch = 0;        // crops of all workers together
    double pixels = 0;       // of a crop
  };
  Crops DrawCrops(const StepInfo& at, at::Generator& generator) const;

  Recipe recipe_;
  torch::Device device_;
  CropSampler sampler_;
  torch::Tensor validation_crops_;
};

}  // namespace halfmoon::training
