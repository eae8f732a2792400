#include "models/training/photo/refinement_pool.h"

#include <algorithm>

#include "models/networks/distortion.h"
#include "models/training/loop/run_random.h"
#include "models/training/photo/level_weight.h"

namespace halfmoon::training {
namespace {

constexpr std::int64_t kPoolSide = 256;
constexpr std::int64_t kPoolMargin = 32;  // around a crop, decoded with it and thrown away
constexpr std::int64_t kCropsAtOnce = 8;  // for each worker: a second or two

struct PoolOptions {
  std::int64_t pool = 2000;  // crops

  void VisitFields(FieldVisitor& f) { f.Whole("pool", pool, 16, 65536); }
};

}  // namespace

Status RefinementPool::Check(const Recipe& r, const AeConfig& transforms) {
  auto bad = [](const std::string& text) { return Status(StatusCode::kInvalidArgument, text); };
  HALFMOON_RETURN_IF_ERROR(FromJson<PoolOptions>(r.loss, "loss").status());
  if (transforms.refine_blocks == 0)
    return bad("model field 'refine_blocks' is 0; this family trains these blocks");
  if (r.crop > kPoolSide) return bad("field 'crop' must be at most 256 in this family");
  if (r.late_crop_from < 1) return bad("field 'late_crop_from': this family has one size of crops");
  return Status::Ok();
}

std::int64_t RefinementPool::SampledSide() { return kPoolSide + 2 * kPoolMargin; }

RefinementPool::RefinementPool(const Recipe& r, const AeConfig& transforms, torch::Device device)
    : size_(FromJson<PoolOptions>(r.loss, "loss")->pool),
      batch_(r.batch),
      crop_(r.crop),
      seed_(r.seed),
      level_weight_(r.level_weight),
      config_(transforms),
      device_(device) {}

double RefinementPool::FillMore(const CropSampler& sampler, WorkerPool& workers,
                                const Decode& decode) {
  if (!original_.defined()) {
    const auto device = torch::TensorOptions().device(device_);
    const std::vector<std::int64_t> shape = {size_, 3, kPoolSide, kPoolSide};
    original_ = torch::empty(shape, device.dtype(torch::kUInt8));
    decoded_.x = torch::empty(shape, device.dtype(torch::kHalf));
    decoded_.features = torch::empty({size_, config_.block_channels, kPoolSide / 8, kPoolSide / 8},
                                     device.dtype(torch::kHalf));
    level_ = torch::empty({size_}, device);
  }
  const std::int64_t end = std::min(size_, filled_ + kCropsAtOnce * workers.size());
  workers.Run([&](int w) {
    torch::NoGradGuard no_grad;
    at::Generator generator = MakeGenerator(device_);
    for (std::int64_t i = filled_ + w; i < end; i += workers.size()) {
      generator.set_current_seed(MixSeed(seed_, static_cast<std::uint64_t>(i), 1u << 20));
      const torch::Tensor x = sampler.Sample(1, SampledSide(), generator);
      const Decoded decoded = decode(x, generator);
      auto middle = [](const torch::Tensor& t, std::int64_t scale) {
        return t[0]
            .narrow(1, kPoolMargin / scale, kPoolSide / scale)
            .narrow(2, kPoolMargin / scale, kPoolSide / scale);
      };
      original_[i].copy_((middle(x, 1) * 255).round());
      decoded_.x[i].copy_(middle(decoded.coarse.x, 1));
      decoded_.features[i].copy_(middle(decoded.coarse.features, 8));
      level_[i].copy_(decoded.level[0]);
    }
  });
  filled_ = end;
  return static_cast<double>(filled_) / static_cast<double>(size_);
}

torch::Tensor RefinementPool::Loss(const StepInfo& at, networks::Synthesis& g_s,
                                   at::Generator& generator, Figures* figures) const {
  const std::int64_t count = ShareOf(batch_, at);
  if (count == 0) return {};
  // Crops at whole blocks of 8x8, where the features are.
  const auto integers = torch::TensorOptions().dtype(torch::kLong);
  const std::int64_t places = (kPoolSide - crop_) / 8 + 1;
  const torch::Tensor which = torch::randint(size_, {count}, generator, integers);
  const torch::Tensor place = torch::randint(places, {count, 2}, generator, integers);
  auto cut = [&](const torch::Tensor& pool, std::int64_t block) {
    std::vector<torch::Tensor> crops;
    for (std::int64_t i = 0; i < count; ++i) {
      const std::int64_t side = crop_ * block / 8;
      crops.push_back(pool[which[i].item<std::int64_t>()]
                          .narrow(1, place[i][0].item<std::int64_t>() * block, side)
                          .narrow(2, place[i][1].item<std::int64_t>() * block, side));
    }
    return torch::stack(crops).to(torch::kFloat32).contiguous(torch::MemoryFormat::ChannelsLast);
  };
  const torch::Tensor x = cut(original_, 8) / 255;
  const networks::CoarsePicture coarse = {cut(decoded_.x, 8), cut(decoded_.features, 1)};
  const torch::Tensor level = level_.index_select(0, which.to(device_));
  const torch::Tensor refined = g_s->Refine(coarse, level);
  const torch::Tensor after = networks::Distortion(config_, x, refined);
  {
    torch::NoGradGuard no_grad;
    const torch::Tensor before = networks::Distortion(config_, x, coarse.x);
    const torch::Tensor mse = (refined - x).square().mean({1, 2, 3});
    *figures = {{"psnr", -10 * mse.clamp_min(1e-10).log10().mean().item<double>()},
                {"gain_db", 10 * (before / after).log10().mean().item<double>()}};
  }
  const torch::Tensor weight =
      LevelWeight(config_, level_weight_, level) * LevelLambda(config_, level);
  return (weight * after).sum() / static_cast<double>(batch_);
}

}  // namespace halfmoon::training
