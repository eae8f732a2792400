#include "models/training/generative/vae_task.h"

#include <algorithm>
#include <cmath>
#include <numbers>

#include "models/training/export/vae_exporter.h"
#include "models/training/export/weights_export.h"
#include "models/training/loop/run_random.h"

namespace halfmoon::training {
namespace {

constexpr double kNatsPerBit = std::numbers::ln2;

}  // namespace

void VaeLossOptions::VisitFields(FieldVisitor& f) {
  f.Real("beta", beta, 0, 1000);
  f.Real("warm_up", warm_up, 0, 1);
  f.Real("free_nats", free_nats, 0, 10);
  f.Flag("flip", flip);
}

VaeTask::VaeTask(const Recipe& recipe, const VaeLossOptions& loss, const VaeConfig& config,
                 PictureParts pictures, torch::Device device)
    : recipe_(recipe),
      loss_(loss),
      device_(device),
      training_(std::move(pictures.training)),
      validation_(std::move(pictures.validation)),
      model_(config) {
  model_->to(device);
}

Status VaeTask::Check(const Recipe& r) {
  HALFMOON_RETURN_IF_ERROR(FromJson<VaeConfig>(r.model).status());
  return FromJson<VaeLossOptions>(r.loss, "loss").status();
}

Result<std::unique_ptr<TrainingTask>> VaeTask::Create(const Recipe& r,
                                                      const std::vector<Pack>& packs,
                                                      std::int64_t /*validation_pictures*/,
                                                      torch::Device device) {
  HALFMOON_ASSIGN_OR_RETURN(const VaeConfig config, FromJson<VaeConfig>(r.model));
  HALFMOON_ASSIGN_OR_RETURN(const VaeLossOptions loss, FromJson<VaeLossOptions>(r.loss, "loss"));
  const PyramidConfig& p = config.pyramid;
  HALFMOON_ASSIGN_OR_RETURN(PictureParts parts,
                            PictureParts::Create(packs, p.channels, p.side, device));
  torch::manual_seed(static_cast<std::uint64_t>(r.seed));  // the network's initial values
  return std::unique_ptr<TrainingTask>(new VaeTask(r, loss, config, std::move(parts), device));
}

Status VaeTask::ImportWeightsFile(const std::string& path) {
  HALFMOON_ASSIGN_OR_RETURN(const runtime::WeightsFile file, runtime::WeightsFile::FromFile(path));
  HALFMOON_ASSIGN_OR_RETURN(networks::Vae other, ImportVae(file));
  if (ToMetadata(other->config()) != ToMetadata(model_->config())) {
    return {StatusCode::kInvalidArgument,
            path + ": its dimensions are not those of the recipe's model"};
  }
  CopyParameters(*other, *model_);
  return Status::Ok();
}

void VaeTask::BeforeStep(const StepInfo& at) {
  kl_mean_ = std::make_unique<SharedMean>(at.workers);
}

torch::Tensor VaeTask::Loss(const StepInfo& at, at::Generator& generator, Figures* figures) {
  SharedMean::Share share(*kl_mean_, at.worker);
  const std::int64_t batch = recipe_.batch;
  const std::int64_t count = ShareOf(batch, at);
  if (count == 0) return {};
  const VaeConfig& config = model_->config();
  const torch::Tensor x = training_.Sample(count, loss_.flip, generator).pictures;
  const auto [mean, logvar] = model_->g_a->forward(x);
  const torch::Tensor x_hat = model_->g_s->forward(model_->Draw(mean, logvar, generator));
  const double unit =
      kNatsPerBit * static_cast<double>(config.dimensions());  // nats -> bits per dim
  const torch::Tensor reconstruction = model_->ReconstructionNats(x, x_hat).mean() / unit;
  torch::Tensor loss = reconstruction;
  const torch::Tensor mse = (x_hat.detach().clamp(0, 1) - x).square().mean();
  *figures = {{"reconstruction_bits", reconstruction.item<double>()},
              {"psnr", -10 * std::log10(mse.item<double>() + 1e-12)}};
  if (config.variational) {
    const torch::Tensor kls = networks::GaussianKl(mean, logvar);
    const torch::Tensor kl = kls.mean(0);  // per latent number
    const torch::Tensor bound = share.Mean(kls.sum(0), count) >= loss_.free_nats;
    const double beta =
        loss_.beta * (loss_.warm_up > 0 ? std::min(1.0, at.progress / loss_.warm_up) : 1);
    loss =
        loss + torch::where(bound, kl, torch::full_like(kl, loss_.free_nats)).sum() * (beta / unit);
    figures->push_back({"kl_bits", kl.sum().item<double>() / unit});
    figures->push_back({"beta", beta});
  }
  return loss * (static_cast<double>(count) / static_cast<double>(batch));
}

ValidationReport VaeTask::Validate(WorkerPool&) {
  const PictureSampler& pictures = validation_.size() > 0 ? validation_ : training_;
  const VaeFigures f = MeasureVae(model_, pictures, 2000, recipe_.seed);
  return {f.elbo_bits,
          {{"reconstruction_bits", f.reconstruction_bits},
           {"kl_bits", f.kl_bits},
           {"psnr", f.psnr},
           {"active", static_cast<double>(f.active)},
           {"latent", static_cast<double>(model_->config().latent)}},
          {}};
}

VaeFigures MeasureVae(networks::Vae& model, const PictureSampler& pictures, std::int64_t limit,
                      std::uint64_t seed) {
  torch::NoGradGuard no_grad;
  const bool was_training = model->is_training();
  model->eval();
  const VaeConfig& config = model->config();
  const torch::Device device = model->scale.device();
  at::Generator generator = MakeGenerator(device);
  generator.set_current_seed(seed);
  const std::int64_t n = std::min(limit, pictures.size());
  std::vector<torch::Tensor> means, sigmas;
  torch::Tensor kl =
      torch::zeros({config.latent}, torch::TensorOptions(torch::kFloat64).device(device));
  double nats = 0, psnr = 0;
  constexpr std::int64_t kAtOnce = 100;
  for (std::int64_t i = 0; i < n; i += kAtOnce) {
    const torch::Tensor x = pictures.Slice(i, std::min(kAtOnce, n - i)).pictures;
    const auto [mean, logvar] = model->g_a->forward(x);
    nats += model->ReconstructionNats(x, model->g_s->forward(model->Draw(mean, logvar, generator)))
                .sum()
                .item<double>();
    const torch::Tensor error = (model->g_s->forward(mean).clamp(0, 1) * 255).round() - x * 255;
    const torch::Tensor mse = error.square().mean({1, 2, 3}).clamp_min(1e-3);
    psnr += (10 * torch::log10(255.0 * 255.0 / mse)).sum().item<double>();
    if (config.variational)
      kl += networks::GaussianKl(mean, logvar).to(torch::kFloat64).sum({0, 2, 3});
    // [positions of all pictures, latent]
    means.push_back(mean.permute({0, 2, 3, 1}).reshape({-1, config.latent}));
    sigmas.push_back((logvar * 0.5).exp().permute({0, 2, 3, 1}).reshape({-1, config.latent}));
  }
  const torch::Tensor all = torch::cat(means);
  const torch::Tensor variance = all.var(0, /*unbiased=*/false);
  model->summary.copy_(torch::stack({std::get<0>(torch::cat(sigmas).median(0)), all.mean(0),
                                     variance, (kl / static_cast<double>(n)).to(torch::kFloat32)}));
  model->train(was_training);
  const double unit =
      kNatsPerBit * static_cast<double>(config.dimensions()) * static_cast<double>(n);
  VaeFigures f;
  f.reconstruction_bits = nats / unit;
  f.kl_bits = kl.sum().item<double>() / unit;
  f.elbo_bits = f.reconstruction_bits + f.kl_bits;
  f.psnr = psnr / static_cast<double>(n);
  f.active = (variance > networks::kActiveVariance).sum().item<std::int64_t>();
  return f;
}

}  // namespace halfmoon::training
