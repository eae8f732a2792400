#include "models/training/generative/generative_figures.h"

#include <torch/torch.h>

#include <algorithm>
#include <cmath>

#include "models/runtime/generative/code_prior.h"
#include "models/training/export/vae_exporter.h"
#include "models/training/generative/frechet.h"
#include "models/training/generative/picture_judge.h"
#include "models/training/generative/vae_task.h"

namespace halfmoon::training {
namespace {

torch::Tensor ToLevels(const torch::Tensor& x) { return (x.clamp(0, 1) * 255).round() / 255; }

// Codes first .. first + count - 1 of a seed, as `halfmoon sample` draws them.
torch::Tensor DrawCodes(const VaeConfig& c, const runtime::CodePrior& prior,
                        const GenerativeFiguresOptions& o, std::int64_t first, std::int64_t count) {
  std::vector<torch::Tensor> codes;
  for (std::int64_t i = 0; i < count; ++i) {
    codes.push_back(
        torch::tensor(prior.Draw(o.seed, static_cast<std::uint64_t>(first + i), o.temperature)));
  }
  return torch::stack(codes).view({count, 1, 1, c.latent}).permute({0, 3, 1, 2});
}

Status CheckOptions(const GenerativeFiguresOptions& o) {
  if (o.samples < 2 || o.samples > 100000) {
    return {StatusCode::kInvalidArgument,
            "samples " + std::to_string(o.samples) + " is out of range; legal are 2 to 100000"};
  }
  if (!(o.temperature >= 0 && o.temperature <= 4)) {
    return {StatusCode::kInvalidArgument, "temperature must be 0 to 4"};
  }
  if (o.nearest < 0 || o.nearest > o.samples) {
    return {StatusCode::kInvalidArgument, "nearest must be 0 to the number of samples"};
  }
  return Status::Ok();
}

// Frechet distances of the other model's random codes.
Status MeasureOther(const runtime::WeightsFile& file, const PictureSampler& training,
                    const PictureSampler& validation, const Seen& real,
                    networks::Classifier& classifier, const GenerativeFiguresOptions& o,
                    GenerativeFigures* f) {
  HALFMOON_ASSIGN_OR_RETURN(networks::Vae other, ImportVae(file));
  const VaeConfig& c = other->config();
  if (c.pyramid.side != f->side || c.pyramid.channels != f->channels) {
    return {StatusCode::kInvalidArgument, "the other model makes pictures of another size or kind"};
  }
  f->other_psnr = MeasureVae(other, validation, validation.size(), o.seed).psnr;
  const auto normal = runtime::CodePrior::Normal(static_cast<std::size_t>(c.latent));
  f->other_frechet =
      FrechetDistance(Look(classifier, o.samples,
                           [&](std::int64_t i, std::int64_t n) {
                             return ToLevels(other->g_s->forward(DrawCodes(c, normal, o, i, n)));
                           })
                          .features,
                      real.features);
  std::vector<torch::Tensor> codes;
  for (std::int64_t i = 0; i < std::min<std::int64_t>(training.size(), 5000); i += kJudgedAtOnce) {
    const std::int64_t n = std::min(kJudgedAtOnce, training.size() - i);
    codes.push_back(other->g_a->forward(training.Slice(i, n).pictures).first.flatten(1));
  }
  const torch::Tensor rows = torch::cat(codes).to(torch::kFloat64), mean = rows.mean(0);
  const torch::Tensor covariance =
      (rows - mean).t().mm(rows - mean) / static_cast<double>(rows.size(0)) +
      1e-9 * torch::eye(rows.size(1), torch::kFloat64);
  const torch::Tensor root = torch::linalg_cholesky(covariance);
  f->other_fitted_frechet = FrechetDistance(
      Look(classifier, o.samples,
           [&](std::int64_t i, std::int64_t n) {
             const torch::Tensor z = DrawCodes(c, normal, o, i, n);
             const torch::Tensor fitted = z.flatten(1).to(torch::kFloat64).mm(root.t()) + mean;
             return ToLevels(other->g_s->forward(fitted.to(torch::kFloat32).view(z.sizes())));
           })
          .features,
      real.features);
  return Status::Ok();
}

Result<GenerativeFigures> Measure(const runtime::WeightsFile& model_file,
                                  const runtime::WeightsFile& classifier_file,
                                  const runtime::WeightsFile* other, const std::vector<Pack>& packs,
                                  const GenerativeFiguresOptions& o) {
  torch::NoGradGuard no_grad;
  HALFMOON_RETURN_IF_ERROR(CheckOptions(o));
  HALFMOON_ASSIGN_OR_RETURN(networks::Vae model, ImportVae(model_file));
  HALFMOON_ASSIGN_OR_RETURN(networks::Classifier classifier, LoadClassifier(classifier_file));
  const VaeConfig& c = model->config();
  const PyramidConfig& p = c.pyramid;
  HALFMOON_ASSIGN_OR_RETURN(
      const runtime::CodePrior prior,
      runtime::CodePrior::Load(model_file, static_cast<std::size_t>(c.latent), o.prior));
  if (classifier->config().pyramid.side != p.side ||
      classifier->config().pyramid.channels != p.channels) {
    return Status(StatusCode::kInvalidArgument,
                  "the classifier takes pictures of another size or kind");
  }
  HALFMOON_ASSIGN_OR_RETURN(const PictureParts parts,
                            PictureParts::Create(packs, p.channels, p.side, torch::kCPU));
  const auto& [training, validation] = parts;
  if (validation.size() < 2) {
    return Status(StatusCode::kInvalidArgument,
                  "the packs hold no validation pictures; make them with 'halfmoon pack'");
  }
  GenerativeFigures f;
  f.prior = prior.is_mixture() ? "mixture" : "normal";
  f.side = p.side, f.channels = p.channels, f.latent = c.latent;
  const VaeFigures v = MeasureVae(model, validation, validation.size(), o.seed);
  f.pictures = validation.size();
  f.elbo_bits = v.elbo_bits, f.reconstruction_bits = v.reconstruction_bits, f.kl_bits = v.kl_bits;
  f.psnr = v.psnr, f.active = v.active;
  f.kl_bits_per_picture = v.kl_bits * static_cast<double>(c.dimensions());

  auto from = [](const PictureSampler& pictures) {
    return [&](std::int64_t i, std::int64_t n) { return pictures.Slice(i, n).pictures; };
  };
  const Seen real = Look(classifier, validation.size(), from(validation));
  const Seen seen = Look(classifier, o.samples, [&](std::int64_t i, std::int64_t n) {
    return ToLevels(model->g_s->forward(DrawCodes(c, prior, o, i, n)));
  });
  const Seen familiar = Look(classifier, std::min(o.samples, training.size()), from(training));
  f.frechet = FrechetDistance(seen.features, real.features);
  f.frechet_training = FrechetDistance(familiar.features, real.features);
  auto sure = [&](const Seen& s) {
    return (s.confidence >= o.confidence).to(torch::kFloat64).mean().item<double>();
  };
  f.confident = sure(seen);
  f.confident_validation = sure(real);
  const torch::Tensor labels = validation.Slice(0, validation.size()).labels;
  f.classifier_accuracy = (real.label == labels).to(torch::kFloat64).mean().item<double>();
  f.classes = classifier->config().classes;
  for (std::size_t k = 0; k < f.classes.size(); ++k) {
    f.class_shares.push_back(
        (seen.label == static_cast<std::int64_t>(k)).to(torch::kFloat64).mean().item<double>());
  }
  if (other != nullptr) {
    HALFMOON_RETURN_IF_ERROR(MeasureOther(*other, training, validation, real, classifier, o, &f)
                                 .WithContext("other model"));
  }
  if (o.nearest > 0) {
    Neighbours found = FindNeighbours(
        ToLevels(model->g_s->forward(DrawCodes(c, prior, o, 0, o.nearest))), training);
    f.shown = std::move(found.shown);
    f.neighbours = std::move(found.nearest);
    f.neighbour_distances = std::move(found.distances);
  }
  return f;
}

}  // namespace

Result<GenerativeFigures> MeasureGenerator(const runtime::WeightsFile& model,
                                           const runtime::WeightsFile& classifier,
                                           const runtime::WeightsFile* other,
                                           const std::vector<Pack>& packs,
                                           const GenerativeFiguresOptions& options) {
  try {
    return Measure(model, classifier, other, packs, options);
  } catch (const c10::Error& e) {
    return Status(StatusCode::kInternal, std::string("LibTorch: ") + e.what_without_backtrace());
  } catch (const std::bad_alloc&) {
    return Status(StatusCode::kOutOfMemory, "assess: out of memory; measure fewer samples");
  }
}

}  // namespace halfmoon::training
