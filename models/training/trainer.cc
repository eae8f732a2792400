#include "models/training/trainer.h"

#include <torch/torch.h>

#include <chrono>
#include <filesystem>
#include <fstream>
#include <nlohmann/json.hpp>

#include "models/networks/autoencoder.h"
#include "models/training/checkpoint.h"
#include "models/training/crop_sampler.h"
#include "models/training/exporter.h"
#include "models/training/optimizer.h"
#include "models/training/principal_components.h"
#include "models/training/worker_pool.h"

namespace halfmoon::training {
namespace {

using Clock = std::chrono::steady_clock;

double MinutesSince(Clock::time_point start) {
  return std::chrono::duration<double>(Clock::now() - start).count() / 60;
}

// A seed for every (run, step, worker): nothing has to be saved to resume the random numbers.
std::uint64_t Mix(std::uint64_t a, std::uint64_t b, std::uint64_t c) {
  std::uint64_t x = a * 0x9E3779B97F4A7C15ull + b * 0xBF58476D1CE4E5B9ull + c + 1;
  x = (x ^ (x >> 30)) * 0xBF58476D1CE4E5B9ull;
  x = (x ^ (x >> 27)) * 0x94D049BB133111EBull;
  return x ^ (x >> 31);
}

at::Generator MakeGenerator(torch::Device device) {
  if (device.is_cuda()) {
#ifdef HALFMOON_WITH_CUDA
    return torch::globalContext().defaultGenerator(device).clone();
#endif
  }
  return at::detail::createCPUGenerator();
}

// What one worker computed from its share of a batch.
struct Share {
  std::vector<torch::Tensor> gradients;
  double loss = 0, bpp = 0, psnr = 0;
};

class Run {
 public:
  explicit Run(const TrainOptions& options)
      : options_(options),
        device_(options.device),
        pool_(device_.is_cuda() ? 1 : options.workers),
        model_(options.recipe.model) {}

  Status Prepare();
  Status Loop(const TrainCallback& callback);

 private:
  std::string CheckpointPath() const { return options_.out_dir + "/checkpoint.pt"; }
  Status SaveCheckpoint();
  Status Initialise(const std::string& path);
  Status LoadWeights(const Checkpoint& checkpoint, const std::string& path);
  void Step(double progress);
  // `count` of the `batch` crops of a step.
  Share ComputeShare(int worker, std::int64_t count, std::int64_t batch, std::int64_t side);
  Status Log(const nlohmann::json& line);
  ValidationResult ValidateAveraged();
  double MinutesSpent() const { return minutes_before_ + MinutesSince(start_); }

  const TrainOptions& options_;
  torch::Device device_;
  WorkerPool pool_;
  networks::Autoencoder model_;
  std::vector<torch::Tensor> parameters_;
  std::unique_ptr<Optimizer> optimizer_;
  std::unique_ptr<CropSampler> sampler_;
  torch::Tensor validation_crops_;
  std::vector<at::Generator> generators_;

  std::int64_t step_ = 0, skipped_ = 0;
  double minutes_before_ = 0;
  Clock::time_point start_;
  double learning_rate_ = 0;
  // Sums since the last report.
  std::int64_t report_steps_ = 0;
  double loss_sum_ = 0, bpp_sum_ = 0, psnr_sum_ = 0;
};

Status Run::Prepare() {
  const Recipe& r = options_.recipe;
  if (!device_.is_cpu() && !torch::cuda::is_available()) {
    return {StatusCode::kInvalidArgument,
            "device '" + options_.device + "' is not available; use --device cpu"};
  }
  std::vector<Pack> packs;
  for (const std::string& path : options_.packs) {
    HALFMOON_ASSIGN_OR_RETURN(Pack pack, Pack::Read(path));
    packs.push_back(std::move(pack));
  }
  const std::int64_t side = std::max(r.crop, r.late_crop_from < 1 ? r.late_crop : r.crop);
  HALFMOON_ASSIGN_OR_RETURN(CropSampler sampler, CropSampler::Create(packs, side, device_));
  sampler_ = std::make_unique<CropSampler>(std::move(sampler));
  validation_crops_ = CropSampler::ValidationCrops(packs, 256, options_.validation_pictures);
  for (int w = 0; w < pool_.size(); ++w) generators_.push_back(MakeGenerator(device_));

  torch::manual_seed(static_cast<std::uint64_t>(r.seed));
  model_ = networks::Autoencoder(r.model);  // initialised from the recipe's seed
  if (r.linear_initialisation && options_.init.empty() && !options_.resume) {
    at::Generator generator = MakeGenerator(device_);
    generator.set_current_seed(r.seed);
    model_->InitialiseLinear(
        PrincipalComponents(sampler_->Sample(256, r.crop, generator), r.model.latent_channels));
  }
  model_->to(device_);
  // Channels-last weights: 1x1 convolutions run several times faster.
  for (torch::Tensor& p : model_->parameters()) {
    if (p.dim() == 4) p.set_data(p.contiguous(torch::MemoryFormat::ChannelsLast));
  }
  std::vector<std::pair<std::string, torch::Tensor>> named;
  for (const auto& p : model_->named_parameters()) {
    parameters_.push_back(p.value());
    named.push_back({p.key(), p.value()});
  }
  if (!options_.init.empty()) {
    HALFMOON_RETURN_IF_ERROR(Initialise(options_.init));
  }
  OptimizerOptions o;
  o.muon = r.optimizer == "muon";
  o.matrix_rate = r.matrix_rate;
  o.gradient_clip = r.gradient_clip;
  o.ema = r.ema;
  optimizer_ = std::make_unique<Optimizer>(named, o);
  if (options_.resume) {
    HALFMOON_ASSIGN_OR_RETURN(Checkpoint checkpoint, Checkpoint::Load(CheckpointPath()));
    HALFMOON_RETURN_IF_ERROR(LoadWeights(checkpoint, CheckpointPath()));
    optimizer_->LoadState(checkpoint.tensors);
    step_ = std::stoll(checkpoint.metadata.at("step"));
    skipped_ = std::stoll(checkpoint.metadata.at("skipped"));
    minutes_before_ = std::stod(checkpoint.metadata.at("minutes"));
  }
  std::error_code error;
  std::filesystem::create_directories(options_.out_dir, error);
  std::ofstream recipe(options_.out_dir + "/recipe.json");
  recipe << r.ToJson() << "\n";
  if (!recipe.flush()) return {StatusCode::kIo, options_.out_dir + ": cannot write into this folder"};
  return Status::Ok();
}

Status Run::Initialise(const std::string& path) {
  if (!path.ends_with(".safetensors")) {
    HALFMOON_ASSIGN_OR_RETURN(const Checkpoint checkpoint, Checkpoint::Load(path));
    return LoadWeights(checkpoint, path);
  }
  HALFMOON_ASSIGN_OR_RETURN(const runtime::WeightsFile file, runtime::WeightsFile::FromFile(path));
  auto imported = ImportWeights(file);
  if (!imported.ok()) return imported.status().WithContext(path);
  Checkpoint weights;
  for (const auto& p : (*imported)->named_parameters()) weights.tensors["model." + p.key()] = p.value();
  return LoadWeights(weights, path);
}

Status Run::LoadWeights(const Checkpoint& checkpoint, const std::string& path) {
  torch::NoGradGuard no_grad;
  for (const auto& p : model_->named_parameters()) {
    const auto it = checkpoint.tensors.find("model." + p.key());
    if (it == checkpoint.tensors.end() || it->second.sizes() != p.value().sizes()) {
      return {StatusCode::kCorrupt, path + ": tensor '" + p.key() +
                                        "' is missing or has another shape; the recipe's model "
                                        "dimensions must be those of the checkpoint"};
    }
    torch::Tensor value = p.value();
    value.copy_(it->second);
  }
  return Status::Ok();
}

Status Run::SaveCheckpoint() {
  Checkpoint c;
  c.tensors = optimizer_->State();
  for (const auto& p : model_->named_parameters()) c.tensors["model." + p.key()] = p.value();
  c.metadata = options_.recipe.model.ToMetadata();
  c.metadata["step"] = std::to_string(step_);
  c.metadata["skipped"] = std::to_string(skipped_);
  c.metadata["minutes"] = std::to_string(MinutesSpent());
  c.metadata["recipe"] = options_.recipe.ToJson();
  return c.Save(CheckpointPath());
}

Share Run::ComputeShare(int worker, std::int64_t count, std::int64_t batch, std::int64_t side) {
  const Recipe& r = options_.recipe;
  at::Generator& generator = generators_[static_cast<std::size_t>(worker)];
  generator.set_current_seed(Mix(r.seed, static_cast<std::uint64_t>(step_), static_cast<std::uint64_t>(worker)));
  const torch::Tensor x = sampler_->Sample(count, side, generator);
  const torch::Tensor level = torch::rand({count}, generator, x.options()) * (networks::AeConfig::kLevels - 1);
  const auto out = model_->forward(x, level, generator);
  const double pixels = static_cast<double>(side * side);
  const torch::Tensor bpp = (out.y_bits + out.z_bits) / pixels;
  const torch::Tensor mse = (out.x_hat - x).square().mean({1, 2, 3}) * (255.0 * 255.0);
  const double ratio = std::log(r.model.lambda_max / r.model.lambda_min);
  const torch::Tensor lambda =
      (level * (ratio / (networks::AeConfig::kLevels - 1))).exp() * r.model.lambda_min;
  // Weight 1 in the middle of the range; without it the high rates own the gradient.
  const torch::Tensor weight =
      (lambda / std::sqrt(r.model.lambda_min * r.model.lambda_max)).pow(-r.level_weight);
  const torch::Tensor loss = (weight * (bpp + lambda * mse)).sum() / static_cast<double>(batch);
  Share share;
  share.gradients = torch::autograd::grad({loss}, parameters_, {}, c10::nullopt, false, true);
  share.loss = loss.item<double>();
  share.bpp = bpp.mean().item<double>();
  share.psnr = (10 * torch::log10(255.0 * 255.0 / mse.detach().clamp_min(1e-6))).mean().item<double>();
  return share;
}

void Run::Step(double progress) {
  const Recipe& r = options_.recipe;
  const bool late = progress >= r.late_crop_from;
  const std::int64_t side = late ? r.late_crop : r.crop;
  const std::int64_t batch =
      late ? std::max<std::int64_t>(pool_.size(), r.batch * r.crop * r.crop / (side * side)) : r.batch;
  const auto workers = static_cast<std::size_t>(pool_.size());
  std::vector<Share> shares(workers);
  pool_.Run([&](int w) {
    const std::int64_t from = batch * w / pool_.size(), to = batch * (w + 1) / pool_.size();
    if (to > from) shares[static_cast<std::size_t>(w)] = ComputeShare(w, to - from, batch, side);
  });
  std::vector<torch::Tensor> gradients(parameters_.size());
  Share total;
  std::size_t used = 0;
  for (Share& s : shares) {
    if (s.gradients.empty()) continue;
    ++used;
    total.loss += s.loss;
    total.bpp += s.bpp;
    total.psnr += s.psnr;
    for (std::size_t i = 0; i < gradients.size(); ++i) {
      if (!s.gradients[i].defined()) continue;
      gradients[i] = gradients[i].defined() ? gradients[i].add_(s.gradients[i]) : s.gradients[i];
    }
  }
  learning_rate_ = LearningRate(r, step_, progress);
  const double norm = optimizer_->Step(gradients, learning_rate_, pool_);
  if (!std::isfinite(norm)) ++skipped_;
  ++step_;
  ++report_steps_;
  loss_sum_ += total.loss;
  bpp_sum_ += total.bpp / static_cast<double>(used);
  psnr_sum_ += total.psnr / static_cast<double>(used);
}

ValidationResult Run::ValidateAveraged() {
  optimizer_->SwapAveraged();
  const ValidationResult result =
      Validate(model_, validation_crops_, {4, 15, 26, 37, 48, 59}, pool_);
  optimizer_->SwapAveraged();
  return result;
}

Status Run::Log(const nlohmann::json& line) {
  std::ofstream log(options_.out_dir + "/log.jsonl", std::ios::app);
  log << line.dump() << "\n";
  if (!log.flush()) return {StatusCode::kIo, options_.out_dir + "/log.jsonl: cannot write"};
  return Status::Ok();
}

Status Run::Loop(const TrainCallback& callback) {
  start_ = Clock::now();
  model_->train();
  Clock::time_point reported = start_, checked = start_, validated = start_;
  bool go_on = true;
  for (;;) {
    const double progress = options_.budget.Progress(step_, MinutesSpent());
    const bool end = progress >= 1 || !go_on;
    if (!end) {
      model_->SetQuantised(progress >= options_.recipe.quantise_from);
      Step(progress);
    }
    const bool validate = validation_crops_.size(0) > 0 &&
                          (end || MinutesSince(validated) >= options_.validate_minutes);
    if (validate || (report_steps_ > 0 && MinutesSince(reported) >= 1.0 / 6)) {
      TrainProgress p;
      const double n = std::max<double>(1, static_cast<double>(report_steps_));
      p.step = step_;
      p.progress = progress;
      p.steps_per_second = n / (MinutesSince(reported) * 60 + 1e-9);
      const double spent = MinutesSpent();
      p.minutes_left = progress > 0 ? spent / progress - spent : 0;
      p.learning_rate = learning_rate_;
      p.loss = loss_sum_ / n;
      p.bpp = bpp_sum_ / n;
      p.psnr = psnr_sum_ / n;
      p.skipped = skipped_;
      nlohmann::json line = {{"step", p.step},       {"minutes", spent},   {"lr", p.learning_rate},
                             {"loss", p.loss},       {"bpp", p.bpp},       {"psnr", p.psnr},
                             {"steps_per_second", p.steps_per_second},     {"skipped", p.skipped}};
      ValidationResult v;
      if (validate) {
        v = ValidateAveraged();
        p.validation = &v;
        line["score"] = v.score;
        for (const RatePoint& q : v.points) {
          line["validation"].push_back(
              {{"level", q.level}, {"bpp", q.bpp}, {"psnr", q.psnr}, {"loss", q.loss}});
        }
        validated = Clock::now();
      }
      HALFMOON_RETURN_IF_ERROR(Log(line));
      const bool wanted = callback(p);
      go_on = go_on && wanted;
      report_steps_ = 0;
      loss_sum_ = bpp_sum_ = psnr_sum_ = 0;
      reported = Clock::now();
    }
    if (end || MinutesSince(checked) >= options_.checkpoint_minutes) {
      HALFMOON_RETURN_IF_ERROR(SaveCheckpoint());
      checked = Clock::now();
    }
    if (end) return Status::Ok();
  }
}

}  // namespace

Status Train(const TrainOptions& options, const TrainCallback& callback) {
  HALFMOON_RETURN_IF_ERROR(options.recipe.Validate());
  if (options.budget.steps <= 0 && options.budget.minutes <= 0) {
    return {StatusCode::kInvalidArgument, "give the length of the run: --steps or --total-minutes"};
  }
  try {
    Run run(options);
    HALFMOON_RETURN_IF_ERROR(run.Prepare());
    return run.Loop(callback);
  } catch (const c10::Error& e) {
    return {StatusCode::kInternal, std::string("LibTorch: ") + e.what_without_backtrace()};
  } catch (const std::bad_alloc&) {
    return {StatusCode::kOutOfMemory, "training: out of memory; use a smaller batch or pack"};
  } catch (const std::exception& e) {
    return {StatusCode::kInternal, std::string("training: ") + e.what()};
  }
}

}  // namespace halfmoon::training
