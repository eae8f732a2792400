#include "codec/families/ae_search.h"

#include <torch/torch.h>

#include <algorithm>
#include <cstring>
#include <utility>

#include "codec/common/torch_guard.h"
#include "models/networks/ae_weights.h"
#include "models/networks/compute_threads.h"
#include "models/networks/latent_search.h"
#include "models/networks/low_precision.h"

namespace halfmoon {
namespace {

// What a step keeps for its gradients, estimated from above (measured: docs/effort.md).
constexpr double kBytesPerPixel = 1300;
constexpr std::uint64_t kTorchBytes = std::uint64_t{300} << 20;
// Windows need far more memory than those of the plain encoder.
constexpr int kLargestWindow = 1024;
constexpr std::uint64_t kWindowBudget = std::uint64_t{3} << 30;

class AeSearch : public EncodingModel {
 public:
  AeSearch(networks::Autoencoder network, std::unique_ptr<EncodingModel> codec,
           SearchProgress progress)
      : network_(std::move(network)), codec_(std::move(codec)), progress_(std::move(progress)) {
    attributes_ = codec_->attributes();
    attributes_.resident_bytes += kTorchBytes;
    WindowNeeds& needs = attributes_.search;
    // The context model and the hyperprior see positions, so windows lie on the grid of the
    // hyper-latent.
    needs.halo = (attributes_.analysis.halo + 63) / 64 * 64;
    needs.bytes_per_pixel = kBytesPerPixel;
    needs.largest_window = kLargestWindow;
    // Two threads inside one window made a step 1.2 times as fast only; element-wise operations run
    // on one.
    needs.window_per_thread = true;
    needs.window_budget = kWindowBudget;
  }

  Result<AnalysedLatents> Analyse(const FloatPicture& x, int q, const EffortPlan& plan,
                                  int threads) const override {
    if (plan.search_steps == 0) return codec_->Analyse(x, q, plan, threads);
    return GuardTorch("search", [&]() -> Result<AnalysedLatents> {
      networks::SetComputeThreads(threads);
      const auto h = static_cast<std::int64_t>(x.height), w = static_cast<std::int64_t>(x.width);
      const torch::Tensor picture =
          torch::from_blob(const_cast<float*>(x.samples.data()), {1, h, w, 3})
              .permute({0, 3, 1, 2});
      networks::LatentSearchOptions search;
      search.steps = plan.search_steps;
      search.progress = [&] {
        if (progress_) progress_(static_cast<std::uint64_t>(h) * static_cast<std::uint64_t>(w));
      };
      networks::Autoencoder network = network_;  // shares the weights
      const networks::SearchedLatent found = networks::SearchLatent(
          network, picture, torch::full({1}, static_cast<float>(q) / 256), search);
      return AnalysedLatents{ToMap(found.y), ToMap(found.z), {}, {}};
    });
  }

  Result<std::vector<std::uint8_t>> EncodeTile(const AnalysedLatents& latents, int q,
                                               const EffortPlan& plan, int threads,
                                               TileStats* stats) const override {
    return codec_->EncodeTile(latents, q, plan, threads, stats);
  }
  Result<TileLatent> DecodeTile(const TileStream& stream, int threads,
                                TileStats* stats) const override {
    return codec_->DecodeTile(stream, threads, stats);
  }
  Result<FloatPicture> Synthesise(std::span<const std::int32_t> values, int q, std::int64_t height,
                                  std::int64_t width, int threads) const override {
    return codec_->Synthesise(values, q, height, width, threads);
  }

 private:
  // map: [1, C, h, w].
  static FloatLatent ToMap(const torch::Tensor& map) {
    const torch::Tensor t = map.permute({0, 2, 3, 1}).contiguous();
    FloatLatent latent(static_cast<std::size_t>(t.size(2)), static_cast<std::size_t>(t.size(1)),
                       static_cast<std::size_t>(t.size(3)));
    std::copy_n(t.data_ptr<float>(), latent.values.size(), latent.values.data());
    return latent;
  }

  networks::Autoencoder network_;
  std::unique_ptr<EncodingModel> codec_;
  SearchProgress progress_;
};

}  // namespace

Result<std::unique_ptr<EncodingModel>> LoadAeSearch(const runtime::WeightsFile& file,
                                                    std::unique_ptr<EncodingModel> codec,
                                                    const SearchProgress& progress) {
  return GuardTorch("search", [&]() -> Result<std::unique_ptr<EncodingModel>> {
    HALFMOON_ASSIGN_OR_RETURN(networks::Autoencoder network, networks::ImportAutoencoder(file));
    for (torch::Tensor& p : network->parameters()) p.requires_grad_(false);
    network->eval();
    network->SetQuantised(true);  // probabilities as the file will have them
    // Gradients bear it; what a latent costs is looked at in float32.
    networks::SetBfloat16Products(networks::HasBfloat16Instructions());
    return std::unique_ptr<EncodingModel>(
        new AeSearch(std::move(network), std::move(codec), progress));
  });
}

}  // namespace halfmoon
