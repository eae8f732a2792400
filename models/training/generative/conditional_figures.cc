#include "models/training/generative/conditional_figures.h"

#include <torch/torch.h>

#include <algorithm>
#include <cmath>

#include "models/training/generative/frechet.h"
#include "models/training/generative/picture_judge.h"

namespace halfmoon::training {
namespace {

torch::Tensor AsTensor(const DrawnPictures& d) {
  std::vector<torch::Tensor> rows;
  for (const auto& p : d.pictures) {
    rows.push_back(torch::from_blob(const_cast<std::uint8_t*>(p.data()),
                                    {d.side, d.side, d.channels}, torch::kUInt8)
                       .clone());
  }
  return torch::stack(rows).permute({0, 3, 1, 2}).to(torch::kFloat32) / 255;
}

// Mean distance between two different rows. [n, d], n >= 2.
double MeanDistance(const torch::Tensor& rows) {
  const auto n = static_cast<double>(rows.size(0));
  return torch::cdist(rows, rows).sum().item<double>() / (n * (n - 1));
}

Status JudgeClasses(const DrawnPictures& d, const torch::Tensor& samples,
                    const runtime::WeightsFile& file, const PictureSampler& training,
                    const PictureSampler& validation, ConditionalFigures* f) {
  HALFMOON_ASSIGN_OR_RETURN(networks::Classifier classifier, LoadClassifier(file));
  const PyramidConfig& p = classifier->config().pyramid;
  if (p.side != d.side || p.channels != d.channels) {
    return {StatusCode::kInvalidArgument, "the classifier takes pictures of another size or kind"};
  }
  f->classes = classifier->config().classes;
  std::vector<std::int64_t> asked;
  for (const std::string& name : d.classes) {
    const auto it = std::find(f->classes.begin(), f->classes.end(), name);
    if (it == f->classes.end()) {
      return {StatusCode::kInvalidArgument, "the classifier knows no class '" + name + "'"};
    }
    asked.push_back(it - f->classes.begin());
  }
  auto from = [](const PictureSampler& pictures) {
    return [&](std::int64_t i, std::int64_t n) { return pictures.Slice(i, n).pictures; };
  };
  const Seen seen = Look(classifier, samples.size(0), [&](std::int64_t i, std::int64_t n) {
    return samples.slice(0, i, i + n);
  });
  const Seen real = Look(classifier, validation.size(), from(validation));
  const Seen familiar =
      Look(classifier, std::min(samples.size(0), training.size()), from(training));
  f->frechet = FrechetDistance(seen.features, real.features);
  f->frechet_training = FrechetDistance(familiar.features, real.features);
  const torch::Tensor truth = validation.Slice(0, validation.size()).labels;
  f->classifier_accuracy = (real.label == truth).to(torch::kFloat64).mean().item<double>();
  if (asked.empty()) return Status::Ok();
  const torch::Tensor wanted = torch::tensor(asked, torch::kLong);
  const torch::Tensor right = (seen.label == wanted).to(torch::kFloat64);
  f->accuracy = right.mean().item<double>();
  double spreads = 0, counted = 0;
  for (std::size_t k = 0; k < f->classes.size(); ++k) {
    const auto label = static_cast<std::int64_t>(k);
    const torch::Tensor mine = (wanted == label).nonzero().view({-1});
    const torch::Tensor theirs = (truth == label).nonzero().view({-1});
    f->class_accuracy.push_back(mine.size(0) > 0 ? right.index_select(0, mine).mean().item<double>()
                                                 : 0);
    double spread = 0;
    if (mine.size(0) >= 2 && theirs.size(0) >= 2) {
      const double whole = MeanDistance(real.features.index_select(0, theirs.slice(0, 0, 500)));
      spread = MeanDistance(seen.features.index_select(0, mine)) / std::max(whole, 1e-12);
      spreads += spread;
      ++counted;
    }
    f->class_spread.push_back(spread);
  }
  f->spread = counted > 0 ? spreads / counted : 0;
  return Status::Ok();
}

Result<ConditionalFigures> MeasureDrawn(const DrawnPictures& d,
                                        const runtime::WeightsFile* classifier,
                                        const std::vector<Pack>& packs, std::int64_t nearest) {
  torch::NoGradGuard no_grad;
  if (d.pictures.size() < 2)
    return Status(StatusCode::kInvalidArgument, "at least two samples are needed");
  HALFMOON_ASSIGN_OR_RETURN(const PictureParts parts,
                            PictureParts::Create(packs, d.channels, d.side, torch::kCPU));
  const auto& [training, validation] = parts;
  if (validation.size() < 2) {
    return Status(StatusCode::kInvalidArgument,
                  "the packs hold no validation pictures; make them with 'halfmoon pack'");
  }
  const torch::Tensor samples = AsTensor(d);
  ConditionalFigures f;
  if (classifier != nullptr) {
    HALFMOON_RETURN_IF_ERROR(JudgeClasses(d, samples, *classifier, training, validation, &f));
  }
  if (nearest > 0) {
    const std::int64_t n = std::min(nearest, samples.size(0));
    Neighbours found = FindNeighbours(samples.slice(0, 0, n), training);
    f.shown = std::move(found.shown);
    f.neighbours = std::move(found.nearest);
    f.neighbour_distances = std::move(found.distances);
    const std::int64_t held = std::min<std::int64_t>(validation.size(), 200);
    std::vector<double> distances =
        FindNeighbours(validation.Slice(0, held).pictures, training).distances;
    std::nth_element(distances.begin(), distances.begin() + held / 2, distances.end());
    f.validation_distance = distances[static_cast<std::size_t>(held / 2)];
  }
  return f;
}

}  // namespace

Result<ConditionalFigures> MeasureConditional(const DrawnPictures& drawn,
                                              const runtime::WeightsFile* classifier,
                                              const std::vector<Pack>& packs,
                                              std::int64_t nearest) {
  try {
    return MeasureDrawn(drawn, classifier, packs, nearest);
  } catch (const c10::Error& e) {
    return Status(StatusCode::kInternal, std::string("LibTorch: ") + e.what_without_backtrace());
  } catch (const std::bad_alloc&) {
    return Status(StatusCode::kOutOfMemory, "assess: out of memory; measure fewer samples");
  }
}

}  // namespace halfmoon::training
