#include "models/training/loop/trainer.h"

#include <malloc.h>
#include <torch/torch.h>

#include <algorithm>
#include <chrono>
#include <filesystem>
#include <fstream>
#include <limits>
#include <nlohmann/json.hpp>

#include "models/networks/low_precision.h"
#include "models/runtime/weights/safetensors.h"
#include "models/training/families.h"
#include "models/training/loop/checkpoint.h"
#include "models/training/loop/optimizer.h"
#include "models/training/loop/run_random.h"
#include "models/training/loop/worker_pool.h"

namespace halfmoon::training {
namespace {

using Clock = std::chrono::steady_clock;

// A step makes and frees thousands of tensors of a few hundred KiB. Left alone, glibc gives such
// memory back to the system and takes it again, page by page: 8 % of a step.
void KeepFreedMemory() {
#if defined(__GLIBC__)
  mallopt(M_MMAP_THRESHOLD, 1 << 30);
  mallopt(M_TRIM_THRESHOLD, std::numeric_limits<int>::max());
#endif
}

double MinutesSince(Clock::time_point start) {
  return std::chrono::duration<double>(Clock::now() - start).count() / 60;
}

// The model with its data.
Result<std::unique_ptr<TrainingTask>> LoadTask(const TrainOptions& o) {
  HALFMOON_ASSIGN_OR_RETURN(const std::vector<Pack> packs, Pack::ReadAll(o.packs));
  return MakeTask(o.recipe, packs, o.validation_pictures, o.device);
}

// What one worker computed from its share of a batch.
struct Share {
  std::vector<torch::Tensor> gradients;
  double loss = 0;
  Figures figures;
};

// Sums of named figures over shares and steps.
class FigureSums {
 public:
  void Add(const Figures& figures, double weight) {
    for (const auto& [name, value] : figures) {
      auto it =
          std::find_if(sums_.begin(), sums_.end(), [&](const auto& f) { return f.first == name; });
      if (it == sums_.end()) it = sums_.insert(sums_.end(), {name, 0.0});
      it->second += value * weight;
    }
  }
  Figures Means(double n) const {
    Figures means = sums_;
    for (auto& [name, value] : means) value /= n;
    return means;
  }
  void Clear() { sums_.clear(); }

 private:
  Figures sums_;
};

class Run {
 public:
  explicit Run(const TrainOptions& options)
      : options_(options),
        device_(options.device),
        pool_(device_.is_cuda() ? 1 : options.workers) {}

  Status Prepare();
  Status ChoosePrecision();
  Status Loop(const TrainCallback& callback);

 private:
  std::string CheckpointPath() const { return options_.out_dir + "/checkpoint.pt"; }
  Status SaveCheckpoint();
  Status LoadWeights(const Checkpoint& checkpoint, const std::string& path);
  void Step(double progress);
  Share ComputeShare(const StepInfo& at);
  Status Log(const nlohmann::json& line);
  ValidationReport ValidateAveraged();
  double MinutesSpent() const { return minutes_before_ + MinutesSince(start_); }

  const TrainOptions& options_;
  torch::Device device_;
  WorkerPool pool_;
  std::unique_ptr<TrainingTask> task_;
  std::vector<torch::Tensor> parameters_;
  std::unique_ptr<Optimizer> optimizer_;
  std::vector<at::Generator> generators_;

  std::string before_;  // how the weights file that the run began with was trained: its metadata
  std::int64_t step_ = 0, skipped_ = 0;
  double minutes_before_ = 0;
  Clock::time_point start_;
  double learning_rate_ = 0;
  // Sums since the last report.
  std::int64_t report_steps_ = 0;
  double loss_sum_ = 0;
  FigureSums figure_sums_;
};

Status Run::Prepare() {
  const Recipe& r = options_.recipe;
  HALFMOON_RETURN_IF_ERROR(CheckDevice(r, options_.device));
  if (!device_.is_cpu() && !torch::cuda::is_available()) {
    return {StatusCode::kInvalidArgument,
            "device '" + options_.device + "' is not available; use --device cpu"};
  }
  HALFMOON_RETURN_IF_ERROR(ChoosePrecision());
  if (device_.is_cuda()) at::globalContext().setAllowTF32CuBLAS(true);
  HALFMOON_ASSIGN_OR_RETURN(task_, LoadTask(options_));
  for (int w = 0; w < pool_.size(); ++w) generators_.push_back(MakeGenerator(device_));
  if (options_.init.empty() && !options_.resume) HALFMOON_RETURN_IF_ERROR(task_->Initialise());
  torch::nn::Module& network = task_->network();
  network.to(device_);
  // Channels-last weights: convolutions run several times faster.
  for (torch::Tensor& p : network.parameters()) {
    if (p.dim() == 4) p.set_data(p.contiguous(torch::MemoryFormat::ChannelsLast));
  }
  std::vector<std::pair<std::string, torch::Tensor>> named;
  for (const auto& p : network.named_parameters()) {
    parameters_.push_back(p.value());
    named.push_back({p.key(), p.value()});
  }
  if (options_.init.ends_with(".safetensors")) {
    HALFMOON_RETURN_IF_ERROR(task_->ImportWeightsFile(options_.init));
    HALFMOON_ASSIGN_OR_RETURN(const auto file, runtime::WeightsFile::FromFile(options_.init));
    if (const auto it = file.metadata().find("training"); it != file.metadata().end())
      before_ = it->second;
  } else if (!options_.init.empty()) {
    HALFMOON_ASSIGN_OR_RETURN(const Checkpoint checkpoint, Checkpoint::Load(options_.init));
    HALFMOON_RETURN_IF_ERROR(LoadWeights(checkpoint, options_.init));
  }
  OptimizerOptions o;
  o.muon = r.optimizer == "muon";
  o.matrix_rate = r.matrix_rate;
  o.linear_rate = r.linear_rate;
  o.gradient_clip = r.gradient_clip;
  o.ema = r.ema;
  optimizer_ = std::make_unique<Optimizer>(named, o);
  if (options_.resume) {
    HALFMOON_ASSIGN_OR_RETURN(Checkpoint checkpoint, Checkpoint::Load(CheckpointPath()));
    HALFMOON_RETURN_IF_ERROR(LoadWeights(checkpoint, CheckpointPath()));
    optimizer_->LoadState(checkpoint.tensors);
    step_ = std::stoll(checkpoint.metadata.at("step"));
    skipped_ = std::stoll(checkpoint.metadata.at("skipped"));
    if (const auto it = checkpoint.metadata.find("before"); it != checkpoint.metadata.end())
      before_ = it->second;
    minutes_before_ = std::stod(checkpoint.metadata.at("minutes"));
  }
  std::error_code error;
  std::filesystem::create_directories(options_.out_dir, error);
  std::ofstream recipe(options_.out_dir + "/recipe.json");
  recipe << r.ToJson() << "\n";
  if (!recipe.flush())
    return {StatusCode::kIo, options_.out_dir + ": cannot write into this folder"};
  return Status::Ok();
}

// Before anything is computed: products take the type of the options or, when a run goes on, of its
// checkpoint, so that a resumed run computes what an uninterrupted one does.
Status Run::ChoosePrecision() {
  std::string precision = options_.precision;
  if (options_.resume) {
    HALFMOON_ASSIGN_OR_RETURN(const Checkpoint checkpoint, Checkpoint::Load(CheckpointPath()));
    const auto it = checkpoint.metadata.find("precision");
    if (it != checkpoint.metadata.end()) precision = it->second;
  }
  if (precision == "auto") {
    const bool faster = device_.is_cuda() || networks::Bfloat16IsFaster();
    precision = faster ? "bfloat16" : "float32";
  }
  if (precision != "bfloat16" && precision != "float32") {
    return {StatusCode::kInvalidArgument,
            "precision '" + precision + "' is unknown; legal are auto, float32 and bfloat16"};
  }
  networks::SetBfloat16Products(precision == "bfloat16");
  return Status::Ok();
}

Status Run::LoadWeights(const Checkpoint& checkpoint, const std::string& path) {
  torch::NoGradGuard no_grad;
  auto load = [&](const auto& named) {
    for (const auto& p : named) {
      const auto it = checkpoint.tensors.find("model." + p.key());
      if (it == checkpoint.tensors.end() || it->second.sizes() != p.value().sizes()) {
        return Status(StatusCode::kCorrupt, path + ": tensor '" + p.key() +
                                                "' is missing or has another shape; the recipe's "
                                                "model dimensions must be those of the checkpoint");
      }
      torch::Tensor value = p.value();
      value.copy_(it->second);
    }
    return Status::Ok();
  };
  HALFMOON_RETURN_IF_ERROR(load(task_->network().named_parameters()));
  return load(task_->StateBuffers());
}

Status Run::SaveCheckpoint() {
  Checkpoint c;
  c.tensors = optimizer_->State();
  for (const auto& p : task_->network().named_parameters())
    c.tensors["model." + p.key()] = p.value();
  for (const auto& p : task_->StateBuffers()) c.tensors["model." + p.key()] = p.value();
  c.metadata = task_->Metadata();
  c.metadata["family"] = options_.recipe.family;
  c.metadata["precision"] = networks::Bfloat16Products() ? "bfloat16" : "float32";
  c.metadata["step"] = std::to_string(step_);
  c.metadata["skipped"] = std::to_string(skipped_);
  c.metadata["minutes"] = std::to_string(MinutesSpent());
  c.metadata["recipe"] = options_.recipe.ToJson();
  if (!before_.empty()) c.metadata["before"] = before_;
  return c.Save(CheckpointPath());
}

Share Run::ComputeShare(const StepInfo& at) {
  const auto worker = static_cast<std::size_t>(at.worker);
  at::Generator& generator = generators_[worker];
  generator.set_current_seed(
      MixSeed(options_.recipe.seed, static_cast<std::uint64_t>(at.step), worker));
  Share share;
  const torch::Tensor loss = task_->Loss(at, generator, &share.figures);
  if (!loss.defined()) return share;
  std::vector<torch::Tensor> learning;  // a task may hold parameters as they are
  for (const torch::Tensor& p : parameters_) {
    if (p.requires_grad()) learning.push_back(p);
  }
  std::vector<torch::Tensor> gradients =
      torch::autograd::grad({loss}, learning, {}, c10::nullopt, false, true);
  share.gradients.resize(parameters_.size());
  for (std::size_t i = 0, next = 0; i < parameters_.size(); ++i) {
    if (parameters_[i].requires_grad()) share.gradients[i] = std::move(gradients[next++]);
  }
  share.loss = loss.item<double>();
  return share;
}

void Run::Step(double progress) {
  StepInfo at{step_, progress, 0, pool_.size()};
  task_->BeforeStep(at);
  std::vector<Share> shares(static_cast<std::size_t>(pool_.size()));
  pool_.Run([&](int w) {
    shares[static_cast<std::size_t>(w)] = ComputeShare({step_, progress, w, pool_.size()});
  });
  task_->BeforeUpdate();
  std::vector<torch::Tensor> gradients(parameters_.size());
  const auto used = static_cast<double>(std::count_if(
      shares.begin(), shares.end(), [](const Share& s) { return !s.gradients.empty(); }));
  for (Share& s : shares) {
    if (s.gradients.empty()) continue;
    loss_sum_ += s.loss;
    figure_sums_.Add(s.figures, 1 / used);
    for (std::size_t i = 0; i < gradients.size(); ++i) {
      if (!s.gradients[i].defined()) continue;
      gradients[i] = gradients[i].defined() ? gradients[i].add_(s.gradients[i]) : s.gradients[i];
    }
  }
  learning_rate_ = LearningRate(options_.recipe, step_, progress);
  const double norm = optimizer_->Step(gradients, learning_rate_, pool_);
  if (!std::isfinite(norm)) ++skipped_;
  task_->AfterStep(at);
  ++step_;
  ++report_steps_;
}

ValidationReport Run::ValidateAveraged() {
  optimizer_->SwapAveraged();
  const ValidationReport report = task_->Validate(pool_);
  optimizer_->SwapAveraged();
  return report;
}

Status Run::Log(const nlohmann::json& line) {
  std::ofstream log(options_.out_dir + "/log.jsonl", std::ios::app);
  log << line.dump() << "\n";
  if (!log.flush()) return {StatusCode::kIo, options_.out_dir + "/log.jsonl: cannot write"};
  return Status::Ok();
}

Status Run::Loop(const TrainCallback& callback) {
  start_ = Clock::now();
  task_->network().train();
  Clock::time_point reported = start_, checked = start_, validated = start_;
  bool go_on = true;
  auto goes_on = [&] { return go_on && options_.budget.Progress(step_, MinutesSpent()) < 1; };
  for (double done; goes_on() && (done = task_->Prepare(pool_)) < 1;) {
    if (60 * MinutesSince(reported) < options_.report_seconds) continue;
    TrainProgress p;
    p.step = step_;
    p.prepared = done;
    go_on = callback(p);
    reported = Clock::now();
  }
  for (;;) {
    const double progress = options_.budget.Progress(step_, MinutesSpent());
    const bool end = progress >= 1 || !go_on;
    if (!end) Step(progress);
    const bool validate =
        task_->HasValidation() && (end || MinutesSince(validated) >= options_.validate_minutes);
    if (validate || (report_steps_ > 0 && 60 * MinutesSince(reported) >= options_.report_seconds)) {
      TrainProgress p;
      const double n = std::max<double>(1, static_cast<double>(report_steps_));
      p.step = step_;
      p.progress = progress;
      p.steps_per_second = n / (MinutesSince(reported) * 60 + 1e-9);
      const double spent = MinutesSpent();
      p.minutes_left = progress > 0 ? spent / progress - spent : 0;
      p.learning_rate = learning_rate_;
      p.loss = loss_sum_ / n;
      p.figures = figure_sums_.Means(n);
      p.skipped = skipped_;
      nlohmann::json line = {{"step", p.step},        {"minutes", spent},
                             {"lr", p.learning_rate}, {"loss", p.loss},
                             {"skipped", p.skipped},  {"steps_per_second", p.steps_per_second}};
      for (const auto& [name, value] : p.figures) line[name] = value;
      ValidationReport v;
      if (validate) {
        v = ValidateAveraged();
        p.validation = &v;
        line["score"] = v.score;
        for (const auto& [name, value] : v.figures) line["validation_" + name] = value;
        for (const RatePoint& q : v.points) {
          line["validation"].push_back(
              {{"level", q.level}, {"bpp", q.bpp}, {"psnr", q.psnr}, {"loss", q.loss}});
          if (q.ms_ssim_db > 0) line["validation"].back()["ms_ssim_db"] = q.ms_ssim_db;
        }
        validated = Clock::now();
      }
      HALFMOON_RETURN_IF_ERROR(Log(line));
      const bool wanted = callback(p);
      go_on = go_on && wanted;
      report_steps_ = 0;
      loss_sum_ = 0;
      figure_sums_.Clear();
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
  KeepFreedMemory();
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
