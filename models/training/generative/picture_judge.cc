#include "models/training/generative/picture_judge.h"

#include <cmath>

#include "models/networks/weights_io.h"

namespace halfmoon::training {
namespace {

std::vector<std::uint8_t> PictureBytes(const torch::Tensor& picture) {
  const torch::Tensor b = (picture * 255).round().to(torch::kUInt8).permute({1, 2, 0}).contiguous();
  return {b.data_ptr<std::uint8_t>(), b.data_ptr<std::uint8_t>() + b.numel()};
}

}  // namespace

Result<networks::Classifier> LoadClassifier(const runtime::WeightsFile& file) {
  HALFMOON_ASSIGN_OR_RETURN(const ClassifierConfig config,
                            FromMetadata<ClassifierConfig>(file.metadata()));
  networks::Classifier model(config);
  HALFMOON_RETURN_IF_ERROR(networks::LoadModule(file, "classifier", *model));
  return model;
}

Neighbours FindNeighbours(const torch::Tensor& pictures, const PictureSampler& training) {
  const torch::Tensor rows = pictures.flatten(1);
  torch::Tensor best = torch::full({rows.size(0)}, 1e30);
  torch::Tensor which = torch::zeros({rows.size(0)}, torch::kLong);
  for (std::int64_t i = 0; i < training.size(); i += 1000) {
    const torch::Tensor some =
        training.Slice(i, std::min<std::int64_t>(1000, training.size() - i)).pictures.flatten(1);
    const torch::Tensor squares =
        rows.square().sum(1, true) + some.square().sum(1) - 2 * rows.mm(some.t());
    const auto [value, index] = squares.min(1);
    which = torch::where(value < best, index + i, which);
    best = torch::minimum(best, value);
  }
  Neighbours found;
  for (std::int64_t i = 0; i < rows.size(0); ++i) {
    found.shown.push_back(PictureBytes(pictures[i]));
    found.nearest.push_back(
        PictureBytes(training.Slice(which[i].item<std::int64_t>(), 1).pictures[0]));
    found.distances.push_back(
        255 * std::sqrt(std::max(0.0, best[i].item<double>()) / static_cast<double>(rows.size(1))));
  }
  return found;
}

}  // namespace halfmoon::training
