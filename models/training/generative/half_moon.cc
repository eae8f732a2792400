#include "models/training/generative/half_moon.h"

#include <torch/torch.h>

#include <algorithm>
#include <cmath>
#include <filesystem>
#include <fstream>
#include <nlohmann/json.hpp>

#include "models/networks/vae.h"
#include "models/runtime/generative/philox.h"
#include "models/training/data/moon_renderer.h"
#include "models/training/export/weights_export.h"
#include "models/training/generative/vae_task.h"
#include "models/training/loop/checkpoint.h"
#include "models/training/loop/trainer.h"

namespace halfmoon::training {
namespace {

constexpr double kHoleFrom = 0.35, kHoleTo = 0.65;
constexpr double kCrescent = 0.05, kFull = 1.0;
constexpr std::int64_t kMeasured = 64;  // pictures per figure
constexpr std::int64_t kShown = 10;     // samples kept

// Rendered moons of every phase, size and tilt, to be compared with.
struct Bank {
  torch::Tensor pixels;     // [n, side * side] float32, 0..255
  std::vector<double> lit;  // [n]
};

Bank MakeBank() {
  Bank bank;
  std::vector<std::uint8_t> all;
  for (int phase = 0; phase <= 100; ++phase) {
    for (int size = -2; size <= 2; ++size) {
      for (int tilt = -3; tilt <= 3; ++tilt) {
        const MoonPicture moon = RenderMoon(
            {phase / 100.0, kMoonRadius + kRadiusJitter * size / 2, kTiltJitter * tilt / 3});
        all.insert(all.end(), moon.begin(), moon.end());
        bank.lit.push_back(phase / 100.0);
      }
    }
  }
  bank.pixels = torch::from_blob(
                    all.data(), {static_cast<std::int64_t>(bank.lit.size()), kMoonSide * kMoonSide},
                    torch::kUInt8)
                    .to(torch::kFloat32);
  return bank;
}

torch::Tensor ToTensor(const MoonPicture& picture) {
  return torch::from_blob(const_cast<std::uint8_t*>(picture.data()), {1, 1, kMoonSide, kMoonSide},
                          torch::kUInt8)
             .to(torch::kFloat32) /
         255;
}

// [n, 1, side, side] -> rounded samples 0..255, [n, side * side] float32.
torch::Tensor Samples(const torch::Tensor& x) { return (x.clamp(0, 1) * 255).round().flatten(1); }

MoonPicture ToPicture(const torch::Tensor& samples) {
  const torch::Tensor bytes = samples.to(torch::kUInt8).contiguous();
  return {bytes.data_ptr<std::uint8_t>(), bytes.data_ptr<std::uint8_t>() + bytes.numel()};
}

// Distance and index of the nearest moon of each row.
std::pair<torch::Tensor, torch::Tensor> Nearest(const Bank& bank, const torch::Tensor& samples) {
  const torch::Tensor squares = samples.square().sum(1, true) +
                                bank.pixels.square().sum(1).unsqueeze(0) -
                                2 * samples.mm(bank.pixels.t());
  const auto [value, index] = squares.clamp_min(0).min(1);
  return {(value / (kMoonSide * kMoonSide)).sqrt(), index};
}

double MeanDistance(const Bank& bank, const torch::Tensor& x) {
  return Nearest(bank, Samples(x)).first.mean().item<double>();
}

// Standard normal numbers [n, latent, 1, 1] from our own generator.
torch::Tensor Normal(std::int64_t n, std::int64_t latent) {
  torch::Tensor z = torch::empty({n, latent, 1, 1});
  for (std::int64_t i = 0; i < n; ++i) {
    runtime::Philox random(7, static_cast<std::uint64_t>(i));
    for (std::int64_t k = 0; k < latent; ++k)
      z.data_ptr<float>()[i * latent + k] = static_cast<float>(random.Normal());
  }
  return z;
}

Recipe MakeRecipe(bool variational, const HalfMoonOptions& o) {
  Recipe r;
  r.name = variational ? "half-moon-vae" : "half-moon-ae";
  r.family = "vae";
  r.model = {{"channels", 1},  {"side", kMoonSide},  {"widths", {16, 32, 64, 64}}, {"blocks", 1},
             {"features", 32}, {"latent", o.latent}, {"variational", variational}};
  r.loss = {{"beta", o.beta}};
  r.batch = 32;
  r.learning_rate = 2e-3;
  r.warmup_steps = 50;
  r.decay_from = 0.5;
  r.ema = 0.99;
  r.seed = o.seed;
  return r;
}

// Measures the network of a finished training.
Result<HalfMoonRun> Measure(const HalfMoonOptions& o, const Bank& bank, const std::string& run_dir,
                            bool hole) {
  torch::NoGradGuard no_grad;
  HALFMOON_ASSIGN_OR_RETURN(const Checkpoint checkpoint,
                            Checkpoint::Load(run_dir + "/checkpoint.pt"));
  HALFMOON_ASSIGN_OR_RETURN(const VaeConfig config, FromMetadata<VaeConfig>(checkpoint.metadata));
  networks::Vae model(config);
  HALFMOON_RETURN_IF_ERROR(LoadAveraged(checkpoint, *model));
  HalfMoonRun run;
  run.variational = config.variational;
  run.hole = hole;
  if (run.variational) run.beta = o.beta;
  run.latent = static_cast<int>(config.latent);
  run.active = (model->summary[2] > networks::kActiveVariance).sum().item<int>();

  const torch::Tensor a = model->g_a->forward(ToTensor(RenderMoon({kCrescent}))).first;
  const torch::Tensor b = model->g_a->forward(ToTensor(RenderMoon({kFull}))).first;
  std::vector<torch::Tensor> codes;
  for (int s = 0; s < o.path_steps; ++s) {
    codes.push_back(torch::lerp(a, b, static_cast<double>(s) / (o.path_steps - 1)));
  }
  const torch::Tensor path = Samples(model->g_s->forward(torch::cat(codes)));
  const auto [distance, index] = Nearest(bank, path);
  for (int s = 0; s < o.path_steps; ++s) {
    run.path.push_back({ToPicture(path[s]), distance[s].item<double>(),
                        bank.lit[static_cast<std::size_t>(index[s].item<std::int64_t>())]});
  }

  const torch::Tensor z = Normal(kMeasured, config.latent);
  const torch::Tensor drawn = model->g_s->forward(z);
  run.sample_distance = MeanDistance(bank, drawn);
  const torch::Tensor shown = Samples(drawn.slice(0, 0, kShown));
  for (std::int64_t i = 0; i < kShown; ++i) run.samples.push_back(ToPicture(shown[i]));

  // Unseen moons of the phases that the training had.
  MoonSetOptions set;
  set.seed = 1000;
  if (hole) set.hole_from = kHoleFrom, set.hole_to = kHoleTo;
  std::vector<torch::Tensor> moons;
  for (std::uint64_t i = 0; i < 512; ++i) moons.push_back(ToTensor(RenderMoon(DrawMoon(set, i))));
  const torch::Tensor x = torch::cat(moons);
  const torch::Tensor mean = model->g_a->forward(x).first;
  const torch::Tensor back = model->g_s->forward(mean);
  run.reconstruction_distance = MeanDistance(bank, back);
  run.rendered_distance = MeanDistance(bank, x);
  const torch::Tensor mse = (Samples(back) - Samples(x)).square().mean(1).clamp_min(1e-3);
  run.psnr = (10 * torch::log10(255.0 * 255.0 / mse)).mean().item<double>();

  // A normal distribution with the mean and covariance of these codes.
  const torch::Tensor rows = mean.flatten(1).to(torch::kFloat64), centred = rows - rows.mean(0);
  const torch::Tensor covariance = centred.t().mm(centred) / static_cast<double>(rows.size(0)) +
                                   1e-9 * torch::eye(config.latent, torch::kFloat64);
  const torch::Tensor root = torch::linalg_cholesky(covariance);
  const torch::Tensor fitted = z.flatten(1).to(torch::kFloat64).mm(root.t()) + rows.mean(0);
  run.fitted_distance = MeanDistance(
      bank, model->g_s->forward(fitted.to(torch::kFloat32).view({-1, config.latent, 1, 1})));
  return run;
}

Result<std::string> WritePack(const std::string& dir, bool hole) {
  MoonSetOptions set;
  set.count = 2000;
  if (hole) set.hole_from = kHoleFrom, set.hole_to = kHoleTo;
  HALFMOON_ASSIGN_OR_RETURN(const std::vector<std::uint8_t> bytes, MakeMoonPack(set));
  const std::string path = dir + (hole ? "/moons-hole.hmnpack" : "/moons-all.hmnpack");
  std::ofstream out(path, std::ios::binary);
  out.write(reinterpret_cast<const char*>(bytes.data()),
            static_cast<std::streamsize>(bytes.size()));
  if (!out.flush()) return Status(StatusCode::kIo, path + ": cannot write");
  return path;
}

}  // namespace

Result<std::vector<HalfMoonRun>> RunHalfMoon(const HalfMoonOptions& o,
                                             const HalfMoonProgress& progress) {
  std::error_code error;
  std::filesystem::create_directories(o.work_dir, error);
  if (error) return Status(StatusCode::kIo, o.work_dir + ": cannot create: " + error.message());
  try {
    const Bank bank = MakeBank();
    std::vector<HalfMoonRun> runs;
    for (const bool hole : {false, true}) {
      HALFMOON_ASSIGN_OR_RETURN(const std::string pack, WritePack(o.work_dir, hole));
      for (const bool variational : {false, true}) {
        const std::string name =
            std::string(variational ? "vae" : "ae") + (hole ? "-hole" : "-all");
        TrainOptions train;
        train.recipe = MakeRecipe(variational, o);
        train.packs = {pack};
        train.out_dir = o.work_dir + "/" + name;
        train.workers = o.workers;
        train.budget.steps = o.steps;
        train.validate_minutes = train.checkpoint_minutes = 1e9;  // at the end
        std::filesystem::remove_all(train.out_dir, error);
        bool stopped = false;
        HALFMOON_RETURN_IF_ERROR(Train(train, [&](const TrainProgress& p) {
          const double done = (static_cast<double>(runs.size()) + p.progress) / 4;
          stopped = stopped || (progress && !progress("training " + name, done));
          return !stopped;
        }));
        if (stopped) return Status(StatusCode::kInvalidArgument, "stopped before the end");
        HALFMOON_ASSIGN_OR_RETURN(HalfMoonRun run, Measure(o, bank, train.out_dir, hole));
        runs.push_back(std::move(run));
      }
    }
    return runs;
  } catch (const c10::Error& e) {
    return Status(StatusCode::kInternal, std::string("LibTorch: ") + e.what_without_backtrace());
  } catch (const std::bad_alloc&) {
    return Status(StatusCode::kOutOfMemory, "half-moon: out of memory");
  }
}

}  // namespace halfmoon::training
