#include "codec/generate/vae_model.h"

#include <torch/torch.h>

#include <algorithm>
#include <cmath>
#include <numbers>

#include "bitstream/latent_coder.h"
#include "codec/common/stopwatch.h"
#include "codec/common/torch_guard.h"
#include "codec/families/picture_model.h"
#include "codec/generate/tensor_pictures.h"
#include "codec/tiling/window_pixels.h"
#include "models/networks/compute_threads.h"
#include "models/networks/vae.h"
#include "models/networks/weights_io.h"
#include "models/runtime/generative/code_prior.h"

namespace halfmoon {
namespace {

// As in AeModel: no trained latent comes near; it keeps hostile weights from overflowing the
// format.
constexpr float kSymbolClamp = 1 << 19;

std::int32_t Bin(float mean, float step) {
  const float r = std::round(mean / step);
  if (!(r > -kSymbolClamp)) return static_cast<std::int32_t>(-kSymbolClamp);  // NaN, too
  return static_cast<std::int32_t>(std::min(r, kSymbolClamp));
}

Status CheckSteps(const torch::Tensor& step) {
  for (std::int64_t i = 0; i < step.numel(); ++i) {
    const float d = step.data_ptr<float>()[i];
    if (!(d >= 1e-6f && d <= 1e6f)) {
      return {StatusCode::kModelCorrupt, "tensor 'gain.step': entry " + std::to_string(i) +
                                             " is not a width from 1e-6 to 1e6"};
    }
  }
  return Status::Ok();
}

class Model : public EncodingModel, public GenerativeModel {
 public:
  // prior, threads: of what it does as a generator.
  static Result<std::unique_ptr<Model>> Load(const runtime::WeightsFile& file,
                                             const std::string& prior, int threads) {
    HALFMOON_ASSIGN_OR_RETURN(const VaeConfig config, FromMetadata<VaeConfig>(file.metadata()));
    const auto any = {runtime::kAnySize};
    HALFMOON_ASSIGN_OR_RETURN(const auto sizes,
                              file.Get("tables.sizes", runtime::DType::kI32, any));
    HALFMOON_ASSIGN_OR_RETURN(const auto offsets,
                              file.Get("tables.offsets", runtime::DType::kI32, any));
    HALFMOON_ASSIGN_OR_RETURN(const auto frequencies,
                              file.Get("tables.frequencies", runtime::DType::kI32, any));
    HALFMOON_ASSIGN_OR_RETURN(
        CdfTables tables,
        CdfTables::Create(sizes.Values<std::int32_t>(), offsets.Values<std::int32_t>(),
                          frequencies.Values<std::int32_t>()));
    if (tables.count() != static_cast<std::size_t>(config.latent)) {
      return Status(StatusCode::kModelCorrupt,
                    "tensor 'tables.sizes': " + std::to_string(tables.count()) + " tables for " +
                        std::to_string(config.latent) + " latent dimensions");
    }
    if (config.pyramid.side > 64) {
      return Status(StatusCode::kModelCorrupt, "metadata: pictures of " +
                                                   std::to_string(config.pyramid.side) +
                                                   " pixels a side; a VAE codes at most 64");
    }
    std::unique_ptr<Model> model(new Model(config, std::move(tables), threads));
    HALFMOON_RETURN_IF_ERROR(networks::LoadModule(file, "g_a", *model->g_a_));
    HALFMOON_RETURN_IF_ERROR(networks::LoadModule(file, "g_s", *model->g_s_));
    HALFMOON_ASSIGN_OR_RETURN(model->step_,
                              networks::LoadFloatTensor(file, "gain.step", {config.latent}));
    HALFMOON_RETURN_IF_ERROR(CheckSteps(model->step_));
    HALFMOON_ASSIGN_OR_RETURN(
        model->prior_,
        runtime::CodePrior::Load(file, static_cast<std::size_t>(config.latent), prior));
    return model;
  }

  // --- PictureModel ----------------------------------------------------------------------------

  // The whole picture, padded to 64x64, is one latent position.
  Result<AnalysedLatents> Analyse(const FloatPicture& x, int /*q*/, const EffortPlan& /*plan*/,
                                  int threads) const override {
    return GuardTorch("analysis", [&]() -> Result<AnalysedLatents> {
      networks::SetComputeThreads(threads);
      torch::InferenceMode inference;
      torch::Tensor picture = ToTensor(x).slice(2, 0, side()).slice(3, 0, side());
      if (config_.pyramid.channels == 1) picture = picture.mean(1, /*keepdim=*/true);
      const auto [mean, logvar] = g_a_(picture);
      AnalysedLatents latents;
      latents.y = FloatLatent(1, 1, static_cast<std::size_t>(config_.latent));
      latents.y.values = ToVector(mean);
      latents.log_variance = latents.y;
      latents.log_variance.values = ToVector(logvar);
      return latents;
    });
  }

  Result<std::vector<std::uint8_t>> EncodeTile(const AnalysedLatents& latents, int /*q*/,
                                               const EffortPlan& /*plan*/, int /*threads*/,
                                               TileStats* stats) const override {
    const std::span<const float> mean = latents.y.values, logvar = latents.log_variance.values;
    const std::vector<std::uint8_t> index = Indexes();
    HALFMOON_ENSURE(mean.size() == index.size() && logvar.size() == index.size());
    Stopwatch watch;
    TileStats s;
    std::vector<std::int32_t> symbols(index.size());
    std::uint64_t cost = 0;
    for (std::size_t i = 0; i < symbols.size(); ++i) {
      const float d = step_.data_ptr<float>()[index[i]];
      symbols[i] = Bin(mean[i], d);
      cost += tables_.CostQ16(index[i], symbols[i]);
      // A dimension in one bin costs nothing and is in no balance.
      if (config_.variational && d < kWholeLine) {
        s.expected_excess_bits += std::log2(kEntropyFactor * std::exp(0.5 * logvar[i]) / d);
      }
    }
    if (config_.variational) s.kl_bits = KlBits(mean, logvar);
    s.estimated_bits = static_cast<double>(cost) / 65536;
    s.symbols = symbols.size();
    LatentEncoder coder(tables_);
    coder.Append(index, symbols);
    HALFMOON_ASSIGN_OR_RETURN(std::vector<std::uint8_t> stream, coder.Finish());
    s.entropy_seconds = watch.Lap();
    if (stats) *stats = s;
    return stream;
  }

  Result<TileLatent> DecodeTile(const TileStream& stream, int /*threads*/,
                                TileStats* stats) const override {
    if (stream.height != kTileAlignment || stream.width != kTileAlignment) {
      return Status(StatusCode::kCorrupt, "this model makes pictures of " + std::to_string(side()) +
                                              "x" + std::to_string(side()) + " pixels only");
    }
    Stopwatch watch;
    TileLatent latent;
    const std::vector<std::uint8_t> index = Indexes();
    latent.symbols.resize(index.size());
    HALFMOON_ASSIGN_OR_RETURN(LatentDecoder coder,
                              LatentDecoder::Create(tables_, stream.bytes, index.size()));
    HALFMOON_RETURN_IF_ERROR(coder.Decode(index, latent.symbols));
    HALFMOON_RETURN_IF_ERROR(coder.Finish());
    latent.values = latent.symbols;
    if (stats) {
      stats->entropy_seconds = watch.Lap();
      stats->symbols = index.size();
    }
    return latent;
  }

  Result<FloatPicture> Synthesise(std::span<const std::int32_t> values, int /*q*/,
                                  std::int64_t height, std::int64_t width,
                                  int threads) const override {
    return GuardTorch("synthesis", [&]() -> Result<FloatPicture> {
      networks::SetComputeThreads(threads);
      torch::InferenceMode inference;
      FloatPicture out(static_cast<std::size_t>(width), static_cast<std::size_t>(height));
      // Grey spreads over three channels.
      ToTensor(out).slice(2, 0, side()).slice(3, 0, side()).copy_(g_s_(FromCode(CodeOf(values))));
      return out;
    });
  }

  // --- GenerativeModel -------------------------------------------------------------------------

  GeneratorInfo Info() const override {
    GeneratorInfo info;
    info.picture = Shape();
    info.latent_size = static_cast<std::size_t>(config_.latent);
    return info;
  }

  Result<std::vector<Image>> Sample(const SampleRequest& request) const override {
    std::vector<std::vector<float>> codes;
    std::vector<Image> pictures;
    for (int i = 0; i < request.count; ++i) {
      codes.push_back(prior_.Draw(request.seed, request.first + static_cast<std::uint64_t>(i),
                                  request.temperature));
      if (codes.size() < kAtOnce && i + 1 < request.count) continue;
      HALFMOON_ASSIGN_OR_RETURN(std::vector<Image> some, DecodeCodes(codes));
      for (Image& p : some) pictures.push_back(std::move(p));
      codes.clear();
    }
    return pictures;
  }

  Result<std::vector<float>> DrawCode(std::uint64_t seed, std::uint64_t index) const override {
    return prior_.Draw(seed, index, 1);
  }

  Result<LatentPosterior> Posterior(const ImageView& picture) const override {
    if (picture.shape() != Shape() &&
        picture.shape() != PictureShape{Shape().width, Shape().height, 1, 8}) {
      return Status(StatusCode::kInvalidArgument,
                    "the picture is not " + std::to_string(side()) + "x" + std::to_string(side()) +
                        " pixels of 8-bit " + (Shape().is_grey() ? "grey" : "RGB"));
    }
    return GuardTorch("VAE", [&] { return PosteriorOf(picture); });
  }

  Result<std::vector<float>> CodeOfStream(std::span<const std::uint8_t> stream) const override {
    HALFMOON_ASSIGN_OR_RETURN(const TileLatent latent,
                              DecodeTile({stream, kTileAlignment, kTileAlignment}, 1, nullptr));
    return CodeOf(latent.symbols);
  }

  Result<std::vector<Image>> DecodeCodes(
      const std::vector<std::vector<float>>& codes) const override {
    return GuardTorch("VAE", [&] { return PicturesOf(codes); });
  }

 private:
  Result<LatentPosterior> PosteriorOf(const ImageView& picture) const {
    networks::SetComputeThreads(threads_);
    torch::InferenceMode inference;
    std::vector<std::uint8_t> samples;  // without padding between rows
    for (std::uint32_t y = 0; y < picture.height; ++y) {
      samples.insert(samples.end(), picture.row(y), picture.row(y) + picture.row_bytes());
    }
    const FloatPicture pixels = FloatsFromRows({picture.shape(), 0, picture.height, samples.data()},
                                               {0, 0, picture.width, picture.height}, false);
    torch::Tensor x = ToTensor(pixels);
    if (config_.pyramid.channels == 1) x = x.slice(1, 0, 1);
    const auto [mean, logvar] = g_a_(x);
    LatentPosterior p;
    p.mean = ToVector(mean);
    p.sigma = config_.variational ? ToVector((logvar * 0.5).exp())
                                  : std::vector<float>(p.mean.size(), 0.f);
    if (config_.variational) p.kl_bits = KlBits(p.mean, ToVector(logvar));
    return p;
  }

  Result<std::vector<Image>> PicturesOf(const std::vector<std::vector<float>>& codes) const {
    networks::SetComputeThreads(threads_);
    torch::InferenceMode inference;
    std::vector<Image> pictures;
    for (std::size_t first = 0; first < codes.size(); first += kAtOnce) {
      std::vector<torch::Tensor> z;
      for (std::size_t i = first; i < std::min(codes.size(), first + kAtOnce); ++i) {
        z.push_back(FromCode(codes[i]));
      }
      const torch::Tensor x = g_s_(torch::cat(z));
      for (std::int64_t i = 0; i < x.size(0); ++i) {
        HALFMOON_ASSIGN_OR_RETURN(Image picture, ToImage(x.slice(0, i, i + 1), Shape()));
        pictures.push_back(std::move(picture));
      }
    }
    return pictures;
  }

  static constexpr std::size_t kAtOnce = 64;  // pictures per pass: bounds the memory
  static constexpr double kEntropyFactor = 4.1327313541224930;  // sqrt(2 pi e): entropy of a normal
  static constexpr float kWholeLine = 19.9f;  // widths from here on hold a whole dimension

  Model(const VaeConfig& config, CdfTables tables, int threads)
      : config_(config), threads_(threads), tables_(std::move(tables)), g_a_(config), g_s_(config) {
    attributes_ = SmallPictureAttributes(Shape());
    attributes_.channels = static_cast<int>(config.latent);
  }

  std::int64_t side() const { return config_.pyramid.side; }
  PictureShape Shape() const {
    const auto s = static_cast<std::uint32_t>(side());
    return {s, s, static_cast<std::uint32_t>(config_.pyramid.channels), 8};
  }

  // The table of each symbol: its dimension's.
  std::vector<std::uint8_t> Indexes() const {
    std::vector<std::uint8_t> index(static_cast<std::size_t>(config_.latent));
    for (std::size_t i = 0; i < index.size(); ++i) {
      index[i] = static_cast<std::uint8_t>(i);
    }
    return index;
  }

  std::vector<float> CodeOf(std::span<const std::int32_t> symbols) const {
    std::vector<float> code(symbols.size());
    for (std::size_t i = 0; i < code.size(); ++i) {
      code[i] = static_cast<float>(symbols[i]) * step_.data_ptr<float>()[i];
    }
    return code;
  }

  // [1, latent, 1, 1] <-> [dimension].
  torch::Tensor FromCode(const std::vector<float>& code) const {
    return torch::tensor(code).view({1, 1, 1, config_.latent}).permute({0, 3, 1, 2});
  }
  static std::vector<float> ToVector(const torch::Tensor& map) {
    const torch::Tensor t = map.permute({0, 2, 3, 1}).contiguous();
    return {t.data_ptr<float>(), t.data_ptr<float>() + t.numel()};
  }
  // KL(N(mean, exp(logvar)) || N(0, 1)), summed.
  static double KlBits(std::span<const float> mean, std::span<const float> logvar) {
    double nats = 0;
    for (std::size_t i = 0; i < mean.size(); ++i) {
      const double m = mean[i], v = logvar[i];
      nats += 0.5 * (m * m + std::exp(v) - v - 1);
    }
    return nats / std::numbers::ln2;
  }

  VaeConfig config_;
  int threads_;
  CdfTables tables_;
  // LibTorch's forward functions are not const; they change nothing in evaluation mode.
  mutable networks::VaeEncoder g_a_;
  mutable networks::VaeDecoder g_s_;
  torch::Tensor step_;  // [latent]
  runtime::CodePrior prior_ = runtime::CodePrior::Normal(0);
};

}  // namespace

Result<std::unique_ptr<EncodingModel>> VaeModel::LoadCodec(const runtime::WeightsFile& file) {
  HALFMOON_ASSIGN_OR_RETURN(std::unique_ptr<EncodingModel> model, Model::Load(file, "normal", 1));
  return model;
}

Result<std::unique_ptr<GenerativeModel>> VaeModel::LoadGenerator(const runtime::WeightsFile& file,
                                                                 const std::string& prior,
                                                                 int threads) {
  HALFMOON_ASSIGN_OR_RETURN(std::unique_ptr<GenerativeModel> model,
                            Model::Load(file, prior, threads));
  return model;
}

}  // namespace halfmoon
