#include "codec/families/ae_search.h"

#include <torch/torch.h>

#include <algorithm>
#include <cstring>
#include <utility>

#include "codec/common/torch_guard.h"
#include "codec/families/hyper_latent.h"
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

class AeSearch : public PictureModel {
 public:
  AeSearch(networks::Autoencoder network, std::unique_ptr<PictureModel> codec,
           AeSearchOptions options)
      : network_(std::move(network)), codec_(std::move(codec)), options_(std::move(options)) {
    geometry_ = codec_->geometry();
    // The context model and the hyperprior see positions, so windows lie on the grid of the
    // hyper-latent.
    geometry_.analysis_halo = (geometry_.analysis_halo + 63) / 64 * 64;
    geometry_.analysis_bytes_per_pixel = kBytesPerPixel;
    geometry_.resident_bytes += kTorchBytes;
    geometry_.largest_window = kLargestWindow;
    // Two threads inside one window made a step 1.2 times as fast only; element-wise operations run
    // on one.
    geometry_.window_per_thread = true;
    geometry_.window_budget = kWindowBudget;
  }

  const ModelGeometry& geometry() const override { return geometry_; }
  std::optional<double> Lambda(int q) const override { return codec_->Lambda(q); }

  Result<FloatLatent> Analyse(const FloatPicture& x, int q, int threads) const override {
    return GuardTorch("search", [&]() -> Result<FloatLatent> {
      networks::SetComputeThreads(threads);
      const auto h = static_cast<std::int64_t>(x.height), w = static_cast<std::int64_t>(x.width);
      const torch::Tensor picture =
          torch::from_blob(const_cast<float*>(x.samples.data()), {1, h, w, 3})
              .permute({0, 3, 1, 2});
      networks::LatentSearchOptions search;
      search.steps = options_.steps;
      search.progress = [&] {
        if (options_.progress)
          options_.progress(static_cast<std::uint64_t>(h) * static_cast<std::uint64_t>(w));
      };
      networks::Autoencoder network = network_;  // shares the weights
      const networks::SearchedLatent found = networks::SearchLatent(
          network, picture, torch::full({1}, static_cast<float>(q) / 256), search);
      const torch::Tensor y = found.y.permute({0, 2, 3, 1}).contiguous(),
                          z = found.z.permute({0, 2, 3, 1}).contiguous();
      FloatLatent latent(x.width / 16, x.height / 16, static_cast<std::size_t>(y.size(3)));
      std::copy_n(y.data_ptr<float>(), latent.values.size(), latent.values.data());
      return JoinHyperLatent(latent,
                             std::span(z.data_ptr<float>(), static_cast<std::size_t>(z.numel())));
    });
  }

  Result<std::vector<std::uint8_t>> EncodeTile(const FloatLatent& y, int q, int threads,
                                               TileStats* stats) const override {
    return codec_->EncodeTile(y, q, threads, stats);
  }
  Result<TileLatent> DecodeTile(std::span<const std::uint8_t> stream, int q, std::int64_t height,
                                std::int64_t width, int threads, TileStats* stats) const override {
    return codec_->DecodeTile(stream, q, height, width, threads, stats);
  }
  bool EncodesDependently() const override { return codec_->EncodesDependently(); }
  Result<TileLatent> DecodeDependentTile(std::span<const std::uint8_t> stream, int q,
                                         std::int64_t height, std::int64_t width, int threads,
                                         TileStats* stats) const override {
    return codec_->DecodeDependentTile(stream, q, height, width, threads, stats);
  }
  Result<FloatPicture> Synthesise(std::span<const std::int32_t> values, int q, std::int64_t height,
                                  std::int64_t width, int threads) const override {
    return codec_->Synthesise(values, q, height, width, threads);
  }

 private:
  networks::Autoencoder network_;
  std::unique_ptr<PictureModel> codec_;
  AeSearchOptions options_;
  ModelGeometry geometry_;
};

}  // namespace

Result<std::unique_ptr<PictureModel>> LoadAeSearch(const runtime::WeightsFile& file,
                                                   std::unique_ptr<PictureModel> codec,
                                                   const AeSearchOptions& options) {
  return GuardTorch("search", [&]() -> Result<std::unique_ptr<PictureModel>> {
    HALFMOON_ASSIGN_OR_RETURN(networks::Autoencoder network, networks::ImportAutoencoder(file));
    for (torch::Tensor& p : network->parameters()) p.requires_grad_(false);
    network->eval();
    network->SetQuantised(true);  // probabilities as the file will have them
    // Gradients bear it; what a latent costs is looked at in float32.
    networks::SetBfloat16Products(networks::HasBfloat16Instructions());
    return std::unique_ptr<PictureModel>(
        new AeSearch(std::move(network), std::move(codec), options));
  });
}

}  // namespace halfmoon
