#include "models/training/photo/vqvae_task.h"

#include <algorithm>

#include "models/networks/ops.h"
#include "models/networks/vqvae_weights.h"
#include "models/networks/weights_io.h"
#include "models/training/export/weights_export.h"
#include "models/training/loop/run_random.h"
#include "models/training/photo/principal_components.h"

namespace halfmoon::training {
namespace {

using networks::Vqvae;

struct LossFields {
  double commitment = 0, rate = 1, first_stage_rate = 1;

  void VisitFields(FieldVisitor& f) {
    f.Real("commitment", commitment, 0, 100);
    f.Real("rate", rate, 0, 100);
    f.Real("first_stage_rate", first_stage_rate, 0, 100);
  }
};

// The d directions of largest variance of rows [n, M], as [d, M], orthonormal.
torch::Tensor Directions(const torch::Tensor& rows, std::int64_t d) {
  const torch::Tensor x = rows.to(torch::kFloat64);
  const auto [values, vectors] = torch::linalg_eigh(x.t().matmul(x) / x.size(0), "L");
  (void)values;  // ascending
  return vectors.flip(1).slice(1, 0, d).t().contiguous().to(torch::kFloat32);
}

// Of bits per pixel in the loss. Their gradient reaches the prior alone, so this is no price of
// rate against distortion: it sets the prior's share of the gradient, whose norm is clipped as a
// whole, against that of a distortion in squared 8-bit steps.
constexpr double kPriorWeight = 4;

// Share of the run after which the slopes are measured by the prior's bits.
constexpr double kMeasureSlopesAt = 0.06;

// Bits of an index whose frequencies are those of `count` [K].
double Entropy(const torch::Tensor& count) {
  return std::log2(networks::CodebookPerplexity(count));
}

}  // namespace

VqvaeTask::VqvaeTask(const Recipe& recipe, const VqvaeConfig& config, PhotoData data,
                     torch::Device device)
    : PhotoTask(recipe, std::move(data), device),
      config_(config),
      model_(config),
      keeper_(recipe.seed) {
  const LossFields fields = *FromJson<LossFields>(recipe.loss, "loss");  // checked by Check
  commitment_ = fields.commitment;
  rate_ = fields.rate;
  first_stage_rate_ = fields.first_stage_rate;
}

Status VqvaeTask::Check(const Recipe& r) {
  HALFMOON_RETURN_IF_ERROR(FromJson<VqvaeConfig>(r.model).status());
  HALFMOON_RETURN_IF_ERROR(CheckCrops(r));
  return FromJson<LossFields>(r.loss, "loss").status();
}

Result<std::unique_ptr<TrainingTask>> VqvaeTask::Create(const Recipe& r,
                                                        const std::vector<Pack>& packs,
                                                        std::int64_t validation_pictures,
                                                        torch::Device device) {
  HALFMOON_ASSIGN_OR_RETURN(const VqvaeConfig config, FromJson<VqvaeConfig>(r.model));
  HALFMOON_ASSIGN_OR_RETURN(PhotoData data,
                            PhotoData::Load(r, packs, LargestCrop(r), validation_pictures, device));
  return std::unique_ptr<TrainingTask>(new VqvaeTask(r, config, std::move(data), device));
}

Status VqvaeTask::Initialise() {
  at::Generator generator = MakeGenerator(device_);
  generator.set_current_seed(recipe_.seed);
  const std::int64_t m = config_.transforms.latent_channels;
  if (recipe_.linear_initialisation) {
    const torch::Tensor basis =
        PrincipalComponents(sampler_.Sample(256, recipe_.crop, generator), m);
    model_->g_a->InitialiseLinear(basis);
    model_->g_s->InitialiseLinear(basis);
  }
  StartCodebooks(torch::full({m}, 16.0));
  return Status::Ok();
}

Status VqvaeTask::ImportWeightsFile(const std::string& path) {
  HALFMOON_ASSIGN_OR_RETURN(const runtime::WeightsFile file, runtime::WeightsFile::FromFile(path));
  HALFMOON_ASSIGN_OR_RETURN(const std::string family, file.Metadata("architecture"));
  const Status status =
      family == VqvaeConfig::kArchitecture ? GoOnFrom(file)
      : family == AeConfig::kArchitecture
          ? StartFromAe(file)
          : Status(StatusCode::kInvalidArgument, "has architecture '" + family +
                                                     "'; --init takes a weights file of family "
                                                     "\"vqvae\" or \"ae\", or a checkpoint");
  return status.ok() ? status : status.WithContext(path);
}

Status VqvaeTask::GoOnFrom(const runtime::WeightsFile& file) {
  HALFMOON_ASSIGN_OR_RETURN(Vqvae theirs, networks::ImportVqvae(file));
  VqvaeConfig with_refinement = theirs->config();
  if (with_refinement.transforms.refine_blocks == 0) {  // a new one is the identity
    with_refinement.transforms.refine_blocks = config_.transforms.refine_blocks;
    with_refinement.transforms.refine_channels = config_.transforms.refine_channels;
  }
  if (ToMetadata(with_refinement) != ToMetadata(config_)) {
    return {StatusCode::kInvalidArgument,
            "has other model dimensions than the recipe; 'halfmoon models' shows the file's"};
  }
  CopyParameters(*theirs, *model_);
  torch::NoGradGuard no_grad;
  const auto buffers = theirs->named_buffers();
  for (auto& b : model_->named_buffers()) b.value().copy_(buffers[b.key()]);
  model_->slopes.mul_(rate_);
  model_->slopes_final.fill_(1);
  return Status::Ok();
}

Status VqvaeTask::StartFromAe(const runtime::WeightsFile& file) {
  const auto& t = config_.transforms;
  networks::LevelVector gain(t.level_anchors, t.latent_channels, true);
  for (auto [name, module] : {std::pair<const char*, torch::nn::Module*>{"g_a", model_->g_a.get()},
                              {"g_s", model_->g_s.get()},
                              {"gain.forward", gain.get()}}) {
    HALFMOON_RETURN_IF_ERROR(networks::LoadModule(file, name, *module));
    for (torch::Tensor& p : module->parameters()) p.requires_grad_(true);
    module->train();
  }
  torch::NoGradGuard no_grad;
  StartCodebooks(
      gain(torch::full({1}, static_cast<double>(config_.analysis_level))).view({-1}).clone());
  return Status::Ok();
}

void VqvaeTask::StartCodebooks(const torch::Tensor& gain) {
  torch::NoGradGuard no_grad;
  at::Generator generator = MakeGenerator(device_);
  generator.set_current_seed(MixSeed(recipe_.seed, 0, 0));
  constexpr std::int64_t kCrops = 384;
  const std::int64_t d = config_.dim, e = config_.context_channels;
  const torch::Tensor level = torch::full({64}, static_cast<double>(config_.analysis_level));
  std::vector<torch::Tensor> parts;
  for (std::int64_t i = 0; i < kCrops; i += 64) {
    parts.push_back(
        networks::ToRows(model_->g_a(sampler_.Sample(64, recipe_.crop, generator), level)));
  }
  const torch::Tensor y = torch::cat(parts) * gain;
  const torch::Tensor directions = Directions(y, d);
  model_->project.copy_(directions * gain);
  model_->unproject.copy_((directions / gain).t());

  // The prior begins with a random mixture of a stage's directions, all stages at one size: so what
  // a direction's codes are shows in the same channels, whether they are early and large or late
  // and small.
  const torch::Tensor mixture = torch::empty({d, e}).normal_(0, 1, generator);
  torch::Tensor residual = y.matmul(directions.t());
  std::vector<double> energy, bits;
  for (std::int64_t s = 0; s < config_.stages; ++s) {
    const torch::Tensor variance = residual.square().mean(0);
    const torch::Tensor which = std::get<0>(std::get<1>(variance.topk(config_.code_dim)).sort());
    model_->support[s].copy_(which);
    const torch::Tensor rows = residual.index_select(1, which).contiguous();
    networks::Codebook& book = model_->codebooks[static_cast<std::size_t>(s)];
    book->InitialiseByKMeans(rows, 6, generator);
    const torch::Tensor index = book->Nearest(rows);
    const torch::Tensor codes = book->Codes(torch::arange(config_.codes, torch::kLong));
    residual.index_copy_(1, which, rows - codes.index_select(0, index));
    energy.push_back(residual.square().sum(1).mean().item<double>());
    bits.push_back(Entropy(book->CountMembers(rows, index).count));
    const torch::Tensor size = codes.square().mean().sqrt().clamp_min(1e-6);
    model_->prior->SetEmbedding(s, (codes / size).matmul(mixture.index_select(0, which)) /
                                       std::sqrt(static_cast<double>(config_.code_dim)));
  }
  SetSlopes(energy, bits);
}

void VqvaeTask::SetSlopes(const std::vector<double>& energy, const std::vector<double>& bits) {
  // What a stage leaves, those that follow can still take away; so a bit is worth what it saves
  // there. Over more stages the later they are: what one of them saves scatters.
  const auto stages = static_cast<std::int64_t>(energy.size());
  for (std::int64_t s = 0; s < stages; ++s) {
    const std::int64_t from =
        std::max<std::int64_t>(0, std::min(s, stages - 1 - std::min<std::int64_t>(4, stages / 2)));
    const std::int64_t to = std::min(stages - 1, from + std::max<std::int64_t>(2, (s + 1) / 2));
    if (to == from) continue;
    double spent = 0;
    for (std::int64_t i = from + 1; i <= to; ++i) spent += bits[static_cast<std::size_t>(i)];
    const double saved =
        energy[static_cast<std::size_t>(from)] - energy[static_cast<std::size_t>(to)];
    const double rate = s == 0 ? rate_ * first_stage_rate_ : rate_;
    model_->slopes[s] = rate * std::max(saved, 0.0) / std::max(spent, 1e-3);
  }
}

void VqvaeTask::MeasureSlopes() {
  torch::NoGradGuard no_grad;
  at::Generator generator = MakeGenerator(device_);
  generator.set_current_seed(MixSeed(recipe_.seed, 1, 0));
  constexpr int kBatches = 8,
                kBatch = 4;  // the same pictures for every stage, or differences were noise
  torch::Tensor energy = torch::zeros({config_.stages}, torch::kFloat64), bits = energy.clone();
  double rows = 0;
  for (int i = 0; i < kBatches; ++i) {
    const torch::Tensor p = model_->Analyse(sampler_.Sample(kBatch, recipe_.crop, generator));
    const auto q = model_->Quantise(p, std::vector<std::int64_t>(kBatch, config_.stages));
    energy += q.stage_energy.to(torch::kFloat64);
    bits += q.stage_bits.to(torch::kFloat64);
    rows += static_cast<double>(p.numel() / config_.dim);
  }
  const auto per_row = [&](const torch::Tensor& sums) {
    std::vector<double> values;
    for (std::int64_t s = 0; s < config_.stages; ++s)
      values.push_back(sums[s].item<double>() / rows);
    return values;
  };
  SetSlopes(per_row(energy), per_row(bits));
}

void VqvaeTask::BeforeStep(const StepInfo& at) {
  model_->SetQuantised(at.progress >= recipe_.quantise_from);
  keeper_.BeginStep(at.workers);
}

torch::Tensor VqvaeTask::Loss(const StepInfo& at, at::Generator& generator, Figures* figures) {
  const Crops crops = DrawCrops(at, generator);
  if (crops.count == 0) return {};
  const torch::Tensor& x = crops.x;
  // Numbers of stages, spread evenly over 1..S with a random start, falling.
  const double offset = torch::rand({1}, generator).item<double>();
  std::vector<std::int64_t> used;
  for (std::int64_t i = crops.count - 1; i >= 0; --i) {
    const double share = (static_cast<double>(i) + offset) / static_cast<double>(crops.count);
    used.push_back(1 + static_cast<std::int64_t>(share * static_cast<double>(config_.stages)));
  }
  torch::Tensor p;
  if (commitment_ > 0) {
    p = model_->Analyse(x);
  } else {
    torch::NoGradGuard no_grad;
    p = model_->Analyse(x);
  }
  auto q = model_->Quantise(p, used);
  const torch::Tensor n = torch::tensor(used);
  // Value z, gradient straight through to p.
  const torch::Tensor z = p.requires_grad() ? p + (q.z - p).detach() : q.z;
  const torch::Tensor x_hat = model_->Synthesise(z, n);

  const auto& t = config_.transforms;
  const torch::Tensor bpp = q.bits / crops.pixels;
  const torch::Tensor mse = (x_hat - x).square().mean({1, 2, 3}) * (255.0 * 255.0);
  std::vector<float> lambdas;
  for (const std::int64_t u : used) {
    lambdas.push_back(static_cast<float>(t.Lambda(config_.LevelOf(static_cast<double>(u)))));
  }
  const torch::Tensor lambda = torch::tensor(lambdas);
  const torch::Tensor weight =
      (lambda / std::sqrt(t.lambda_min * t.lambda_max)).pow(-recipe_.level_weight);
  torch::Tensor loss = (weight * lambda * mse).sum() + kPriorWeight * bpp.sum();
  if (p.requires_grad()) loss = loss + commitment_ * (p - q.z).square().mean({1, 2, 3}).sum();

  for (std::size_t s = 0; s < q.indices.size(); ++s) {
    keeper_.Collect(at.worker, model_->codebooks[s], q.residuals[s], q.indices[s]);
  }
  const torch::Tensor psnr = 10 * torch::log10(255.0 * 255.0 / mse.detach().clamp_min(1e-6));
  const double index_count = static_cast<double>(n.sum().item<std::int64_t>()) * crops.pixels / 256;
  *figures = {{"bpp", bpp.mean().item<double>()},
              {"psnr", psnr.mean().item<double>()},
              {"bits_per_index", q.bits.sum().item<double>() / index_count}};
  return loss / crops.batch;
}

void VqvaeTask::AfterStep(const StepInfo& at) {
  keeper_.EndStep(at, model_->codebooks);
  // Once only. What a bit saves on average is more than what the last bit saves, and the slope is
  // what the last bit has to save: taking the one for the other over and over would silence stage
  // after stage.
  if (at.progress >= kMeasureSlopesAt && model_->slopes_final.item<std::int64_t>() == 0) {
    MeasureSlopes();
    model_->slopes_final.fill_(1);
  }
}

RefinementPool::Decoded VqvaeTask::DecodeCrop(const torch::Tensor& x, at::Generator& generator) {
  const torch::Tensor used = torch::randint(1, config_.stages + 1, {1}, generator, torch::kLong);
  const auto q = model_->Quantise(model_->Analyse(x), {used.item<std::int64_t>()});
  return {model_->Coarse(q.z, used), model_->SynthesisLevel(used)};
}

ValidationReport VqvaeTask::Validate(WorkerPool& pool) {
  torch::NoGradGuard no_grad;
  model_->eval();
  const std::int64_t crops = validation_crops_.size(0), stages = config_.stages;
  std::vector<std::int64_t> shown;
  for (std::int64_t i = 1; i <= 8; ++i) {
    const std::int64_t n = std::max<std::int64_t>(1, stages * i / 8);
    if (shown.empty() || shown.back() != n) shown.push_back(n);
  }
  std::vector<std::vector<RatePoint>> points(static_cast<std::size_t>(crops));
  std::vector<torch::Tensor> counts(static_cast<std::size_t>(crops));
  pool.Run([&](int worker) {
    torch::NoGradGuard guard;
    for (std::int64_t i = worker; i < crops; i += pool.size()) {
      const torch::Tensor x = validation_crops_.slice(0, i, i + 1).to(device_);
      const double pixels = static_cast<double>(x.size(2) * x.size(3));
      const auto q = model_->Quantise(model_->Analyse(x), {stages}, true);
      const torch::Tensor bits = q.stage_bits.to(torch::kFloat64).cumsum(0);
      for (const std::int64_t n : shown) {
        const torch::Tensor x_hat =
            model_->Synthesise(q.sums[static_cast<std::size_t>(n - 1)], torch::tensor({n}));
        const double mse =
            ((x_hat.clamp(0, 1) * 255).round() - x * 255).square().mean().item<double>();
        RatePoint p;
        p.level = static_cast<double>(n);
        p.bpp = bits[n - 1].item<double>() / pixels;
        p.psnr = 10 * std::log10(255.0 * 255.0 / std::max(mse, 1e-9));
        p.loss = p.bpp + config_.transforms.Lambda(config_.LevelOf(p.level)) * mse;
        points[static_cast<std::size_t>(i)].push_back(p);
      }
      std::vector<torch::Tensor> c;
      for (const torch::Tensor& index : q.indices) c.push_back(index.bincount({}, config_.codes));
      counts[static_cast<std::size_t>(i)] = torch::stack(c);
    }
  });
  ValidationReport report;
  for (std::size_t j = 0; j < shown.size(); ++j) {
    RatePoint mean;
    mean.level = static_cast<double>(shown[j]);
    for (const auto& picture : points) {
      mean.bpp += picture[j].bpp / static_cast<double>(crops);
      mean.psnr += picture[j].psnr / static_cast<double>(crops);
      mean.loss += picture[j].loss / static_cast<double>(crops);
    }
    report.score += std::log(mean.loss) / static_cast<double>(shown.size());
    report.points.push_back(mean);
  }
  torch::Tensor total = torch::zeros({stages, config_.codes}, torch::kLong);
  for (const torch::Tensor& c : counts) total += c;
  double usage = 0;
  for (std::int64_t s = 0; s < stages; ++s) {
    usage += networks::CodebookUsage(total[s]) / static_cast<double>(stages);
  }
  report.figures = {{"usage", usage},
                    {"perplexity_first", networks::CodebookPerplexity(total[0])},
                    {"perplexity_last", networks::CodebookPerplexity(total[stages - 1])}};
  // Since the last validation; without a step in between there is nothing to say.
  if (const double used = keeper_.TakeUsage(); used > 0)
    report.figures.push_back({"usage_training", used});
  model_->train();
  return report;
}

std::map<std::string, std::string> VqvaeTask::Metadata() const { return ToMetadata(config_); }

}  // namespace halfmoon::training
