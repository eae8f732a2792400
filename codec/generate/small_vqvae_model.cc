#include "codec/generate/small_vqvae_model.h"

#include <utility>

#include "codec/common/torch_guard.h"
#include "codec/families/index_tile_codec.h"
#include "codec/generate/prompt_sampler.h"
#include "codec/generate/tensor_pictures.h"
#include "models/networks/compute_threads.h"
#include "models/networks/small_vqvae.h"
#include "models/runtime/generative/philox.h"

namespace halfmoon {
namespace {

class SmallVqvaeBoth : public EncodingModel, public GenerativeModel {
 public:
  static Result<std::unique_ptr<SmallVqvaeBoth>> Load(const runtime::WeightsFile& file,
                                                      const runtime::WeightsFile* prior,
                                                      int threads) {
    HALFMOON_ASSIGN_OR_RETURN(networks::SmallVqvae network, networks::ImportSmallVqvae(file));
    const SmallVqvaeConfig& c = network->config();
    if (c.pyramid.side > static_cast<std::int64_t>(kTileAlignment)) {
      return Status(StatusCode::kModelCorrupt, "metadata: pictures of " +
                                                   std::to_string(c.pyramid.side) +
                                                   " pixels a side; such a model codes at most 64");
    }
    HALFMOON_ASSIGN_OR_RETURN(runtime::VqPrior integers, runtime::VqPrior::Load(file, c));
    std::unique_ptr<SmallVqvaeBoth> model(
        new SmallVqvaeBoth(network, std::move(integers), threads));
    if (prior != nullptr) {
      HALFMOON_ASSIGN_OR_RETURN(
          model->sampler_,
          PromptSampler::Load(*prior, file.identity_hex(), c.codes, c.indices(), threads));
    }
    return model;
  }

  // --- PictureModel ----------------------------------------------------------------------------

  Result<AnalysedLatents> Analyse(const FloatPicture& x, int /*q*/, const EffortPlan& /*plan*/,
                                  int threads) const override {
    return GuardTorch("analysis", [&]() -> Result<AnalysedLatents> {
      networks::SetComputeThreads(threads);
      torch::InferenceMode inference;
      torch::Tensor picture = ToTensor(x).slice(2, 0, side()).slice(3, 0, side());
      if (network_->config().pyramid.channels == 1) picture = picture.mean(1, /*keepdim=*/true);
      const torch::Tensor found = network_->Encode(picture).to(torch::kInt32).contiguous();
      AnalysedLatents latents;
      latents.indices =
          LatentMap<std::int32_t>(1, 1, static_cast<std::size_t>(attributes_.channels));
      latents.indices.values.assign(found.data_ptr<std::int32_t>(),
                                    found.data_ptr<std::int32_t>() + found.numel());
      return latents;
    });
  }

  Result<std::vector<std::uint8_t>> EncodeTile(const AnalysedLatents& latents, int /*q*/,
                                               const EffortPlan& /*plan*/, int threads,
                                               TileStats* stats) const override {
    std::vector<std::int32_t> values = latents.indices.values;
    for (std::int32_t& v : values) ++v;
    return tiles_.EncodeValues(values, 1, Grid(), Grid(), threads, stats);
  }

  Result<TileLatent> DecodeTile(const TileStream& stream, int threads,
                                TileStats* stats) const override {
    if (stream.height != kTileAlignment || stream.width != kTileAlignment) {
      return Status(StatusCode::kCorrupt, "this model makes pictures of " + std::to_string(side()) +
                                              "x" + std::to_string(side()) + " pixels only");
    }
    return tiles_.Decode(stream.bytes, 1, Grid(), Grid(), threads, stats);
  }

  Result<FloatPicture> Synthesise(std::span<const std::int32_t> values, int /*q*/,
                                  std::int64_t height, std::int64_t width,
                                  int threads) const override {
    return GuardTorch("synthesis", [&]() -> Result<FloatPicture> {
      FloatPicture out(static_cast<std::size_t>(width), static_cast<std::size_t>(height));
      if (values.empty() || values[0] == 0) return out;  // a lost tile
      // Grey spreads over three channels.
      ToTensor(out).slice(2, 0, side()).slice(3, 0, side()).copy_(Decode(values, threads));
      return out;
    });
  }

  // --- GenerativeModel -------------------------------------------------------------------------

  GeneratorInfo Info() const override {
    GeneratorInfo info;
    info.picture = Shape();
    info.prompts = sampler_ != nullptr && sampler_->classes().empty();
    if (sampler_ != nullptr) info.classes = sampler_->classes();
    return info;
  }

  Result<PromptReport> ReadPrompt(const std::string& prompt) const override {
    return sampler_ == nullptr ? PromptReport() : sampler_->ReadPrompt(prompt);
  }

  Result<std::vector<Image>> Sample(const SampleRequest& request) const override {
    return GuardTorch("generator", [&]() -> Result<std::vector<Image>> {
      HALFMOON_ASSIGN_OR_RETURN(const auto drawn, Draw(request));
      std::vector<Image> pictures;
      for (const std::vector<std::int32_t>& values : drawn) {
        // One by one, as a file's picture is decoded: the two are equal.
        HALFMOON_ASSIGN_OR_RETURN(Image picture, ToImage(Decode(values, threads_), Shape()));
        pictures.push_back(std::move(picture));
      }
      return pictures;
    });
  }

  Result<SampledStream> SampleStream(const SampleRequest& request) const override {
    return GuardTorch("generator", [&]() -> Result<SampledStream> {
      SampleRequest one = request;
      one.count = 1;
      HALFMOON_ASSIGN_OR_RETURN(const auto drawn, Draw(one));
      SampledStream sampled;
      sampled.shape = Shape();
      HALFMOON_ASSIGN_OR_RETURN(
          sampled.stream, tiles_.EncodeValues(drawn[0], 1, Grid(), Grid(), threads_, nullptr));
      return sampled;
    });
  }

 private:
  SmallVqvaeBoth(networks::SmallVqvae network, runtime::VqPrior integers, int threads)
      : network_(std::move(network)), tiles_(std::move(integers)), threads_(threads) {
    attributes_ = SmallPictureAttributes(Shape());
    attributes_.channels = static_cast<int>(network_->config().indices());
  }

  std::int64_t side() const { return network_->config().pyramid.side; }
  std::size_t Grid() const { return static_cast<std::size_t>(network_->config().grid()); }
  PictureShape Shape() const {
    const auto s = static_cast<std::uint32_t>(side());
    return {s, s, static_cast<std::uint32_t>(network_->config().pyramid.channels), 8};
  }

  // values: indices plus 1. [1, channels, side, side].
  torch::Tensor Decode(std::span<const std::int32_t> values, int threads) const {
    networks::SetComputeThreads(threads);
    torch::InferenceMode inference;
    std::vector<std::int64_t> indices;
    for (const std::int32_t v : values) indices.push_back(v - 1);
    return network_->Decode(torch::tensor(indices, torch::kLong).view({1, -1}));
  }

  // Values of each picture.
  Result<std::vector<std::vector<std::int32_t>>> Draw(const SampleRequest& request) const {
    std::vector<std::vector<std::int32_t>> drawn;
    if (sampler_ != nullptr) {
      HALFMOON_ASSIGN_OR_RETURN(drawn, sampler_->Draw(request));
      for (auto& picture : drawn) {
        for (std::int32_t& v : picture) ++v;
      }
      return drawn;
    }
    if (request.temperature != 1) {
      return Status(StatusCode::kUnsupportedFeature,
                    "without a prior for prompts or classes this model draws at temperature 1 "
                    "only: its samples "
                    "are decoded from random bits");
    }
    for (int i = 0; i < request.count; ++i) {
      runtime::Philox random(request.seed, request.first + static_cast<std::uint64_t>(i));
      HALFMOON_ASSIGN_OR_RETURN(TileLatent latent, tiles_.Draw(1, Grid(), Grid(), threads_,
                                                               [&] { return random.Next(); }));
      drawn.push_back(std::move(latent.values));
    }
    return drawn;
  }

  // LibTorch's forward functions are not const; they change nothing in evaluation mode.
  mutable networks::SmallVqvae network_;
  IndexTileCodec tiles_;
  int threads_;
  std::unique_ptr<PromptSampler> sampler_;
};

}  // namespace

Result<std::unique_ptr<EncodingModel>> SmallVqvaeModel::LoadCodec(
    const runtime::WeightsFile& file) {
  HALFMOON_ASSIGN_OR_RETURN(std::unique_ptr<EncodingModel> model,
                            SmallVqvaeBoth::Load(file, nullptr, 1));
  return model;
}

Result<std::unique_ptr<GenerativeModel>> SmallVqvaeModel::LoadGenerator(
    const runtime::WeightsFile& file, const runtime::WeightsFile* prior, int threads) {
  HALFMOON_ASSIGN_OR_RETURN(std::unique_ptr<GenerativeModel> model,
                            SmallVqvaeBoth::Load(file, prior, threads));
  return model;
}

}  // namespace halfmoon
