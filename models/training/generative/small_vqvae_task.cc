#include "models/training/generative/small_vqvae_task.h"

#include <algorithm>
#include <cmath>

#include "models/networks/ops.h"
#include "models/training/loop/run_random.h"

namespace halfmoon::training {
namespace {

// Of the bits per index in the loss. Their gradient reaches the integer prior alone, so this is no
// price of rate: it keeps the prior's gradient, whose norm is clipped with that of all else, from
// drowning that of the pictures.
constexpr double kPriorShare = 0.1;

}  // namespace

void SmallVqvaeLossOptions::VisitFields(FieldVisitor& f) {
  f.Real("squared", squared, 0, 1000);
  f.Real("absolute", absolute, 0, 1000);
  f.Real("commitment", commitment, 0, 1000);
  f.Real("dictionary", dictionary, 0, 1000);
  f.Flag("flip", flip);
}

SmallVqvaeTask::SmallVqvaeTask(const Recipe& recipe, const SmallVqvaeLossOptions& loss,
                               const SmallVqvaeConfig& config, PictureParts pictures,
                               torch::Device device)
    : recipe_(recipe),
      loss_(loss),
      device_(device),
      training_(std::move(pictures.training)),
      validation_(std::move(pictures.validation)),
      model_(config),
      keeper_(recipe.seed) {
  model_->to(device);
}

Status SmallVqvaeTask::Check(const Recipe& r) {
  HALFMOON_RETURN_IF_ERROR(FromJson<SmallVqvaeConfig>(r.model).status());
  return FromJson<SmallVqvaeLossOptions>(r.loss, "loss").status();
}

Result<std::unique_ptr<TrainingTask>> SmallVqvaeTask::Create(const Recipe& r,
                                                             const std::vector<Pack>& packs,
                                                             std::int64_t /*validation_pictures*/,
                                                             torch::Device device) {
  HALFMOON_ASSIGN_OR_RETURN(const SmallVqvaeConfig config, FromJson<SmallVqvaeConfig>(r.model));
  HALFMOON_ASSIGN_OR_RETURN(const SmallVqvaeLossOptions loss,
                            FromJson<SmallVqvaeLossOptions>(r.loss, "loss"));
  const PyramidConfig& p = config.pyramid;
  HALFMOON_ASSIGN_OR_RETURN(PictureParts parts,
                            PictureParts::Create(packs, p.channels, p.side, device));
  torch::manual_seed(static_cast<std::uint64_t>(r.seed));  // the network's initial values
  return std::unique_ptr<TrainingTask>(
      new SmallVqvaeTask(r, loss, config, std::move(parts), device));
}

Status SmallVqvaeTask::Initialise() {
  torch::NoGradGuard no_grad;
  at::Generator generator = MakeGenerator(device_);
  generator.set_current_seed(MixSeed(recipe_.seed, 0, 0));
  // At least so many vectors that k-means can find K centres.
  const std::int64_t pictures =
      std::max<std::int64_t>(64, 1 + 4 * model_->config().codes / model_->config().indices());
  const torch::Tensor x = training_.Sample(pictures, loss_.flip, generator).pictures;
  model_->quantiser->codebook->InitialiseByKMeans(
      networks::ToRows(model_->quantiser->project(model_->g_a(x))).contiguous(), 6, generator);
  return Status::Ok();
}

Status SmallVqvaeTask::ImportWeightsFile(const std::string& path) {
  return {
      StatusCode::kInvalidArgument,
      path + ": a weights file holds the prior as integers only; --init takes a checkpoint here"};
}

void SmallVqvaeTask::BeforeStep(const StepInfo& at) {
  model_->SetQuantised(at.progress >= recipe_.quantise_from);
  keeper_.BeginStep(at.workers);
}

torch::Tensor SmallVqvaeTask::Loss(const StepInfo& at, at::Generator& generator, Figures* figures) {
  const std::int64_t batch = recipe_.batch;
  const std::int64_t count = ShareOf(batch, at);
  if (count == 0) return {};
  const torch::Tensor x = training_.Sample(count, loss_.flip, generator).pictures;
  const auto q = model_->quantiser(model_->g_a(x));
  const torch::Tensor d = model_->g_s(q.z_q) - x;
  const torch::Tensor mse = d.square().mean();
  const torch::Tensor bits = model_->PriorBits(q.indices.view({count, -1})).mean() /
                             static_cast<double>(model_->config().indices());
  keeper_.Collect(at.worker, model_->quantiser->codebook, q.rows, q.indices.reshape({-1}));
  const torch::Tensor loss = loss_.squared * mse + loss_.absolute * d.abs().mean() +
                             loss_.commitment * q.commitment_loss.mean() +
                             loss_.dictionary * q.dictionary_loss.mean() + kPriorShare * bits;
  *figures = {{"psnr", -10 * std::log10(mse.item<double>() + 1e-12)},
              {"commitment", q.commitment_loss.mean().item<double>()},
              {"bits_per_index", bits.item<double>()}};
  return loss * (static_cast<double>(count) / static_cast<double>(batch));
}

void SmallVqvaeTask::AfterStep(const StepInfo& at) {
  keeper_.EndStep(at, {model_->quantiser->codebook});
}

ValidationReport SmallVqvaeTask::Validate(WorkerPool&) {
  torch::NoGradGuard no_grad;
  const bool was_training = model_->is_training();
  model_->eval();
  constexpr std::int64_t kAtOnce = 100, kLimit = 2000;
  const PictureSampler& pictures = validation_.size() > 0 ? validation_ : training_;
  const std::int64_t n = std::min(kLimit, pictures.size());
  double psnr = 0, bits = 0, squares = 0;
  for (std::int64_t i = 0; i < n; i += kAtOnce) {
    const torch::Tensor x = pictures.Slice(i, std::min(kAtOnce, n - i)).pictures;
    const torch::Tensor indices = model_->Encode(x);
    const torch::Tensor error = (model_->Decode(indices).clamp(0, 1) * 255).round() - x * 255;
    const torch::Tensor mse = error.square().mean({1, 2, 3});
    squares += mse.sum().item<double>();
    psnr += (10 * torch::log10(255.0 * 255.0 / mse.clamp_min(1e-3))).sum().item<double>();
    bits += model_->PriorBits(indices).sum().item<double>();
  }
  torch::Tensor counts = torch::zeros({model_->config().codes}, torch::kLong);
  const std::int64_t seen = std::min(kLimit, training_.size());
  for (std::int64_t i = 0; i < seen; i += kAtOnce) {
    const torch::Tensor indices =
        model_->Encode(training_.Slice(i, std::min(kAtOnce, seen - i)).pictures);
    counts += indices.cpu().reshape({-1}).bincount({}, model_->config().codes);
  }
  model_->train(was_training);
  const auto count = static_cast<double>(n);
  return {10 * std::log10(squares / count / (255.0 * 255.0)),
          {{"psnr", psnr / count},
           {"bits_per_index", bits / count / static_cast<double>(model_->config().indices())},
           {"usage", networks::CodebookUsage(counts)},
           {"perplexity", networks::CodebookPerplexity(counts)}},
          {}};
}

}  // namespace halfmoon::training
