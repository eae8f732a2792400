// AeModel: the AE codec's networks behind the PictureModel interface. Internal; LibTorch.
#pragma once

#include <memory>

#include "codec/picture_model.h"
#include "models/networks/autoencoder.h"
#include "models/runtime/ae_prior.h"
#include "models/runtime/safetensors.h"

namespace halfmoon {

// Halos and working memory of the AE's transforms, which the VQ-VAE codec has, too.
ModelGeometry TransformGeometry(const networks::AeConfig& config);

class AeModel : public PictureModel {
 public:
  // Which halves of the network to load: a decoder needs no analysis.
  enum class Parts { kDecoder, kBoth };

  // Errors: kModelCorrupt naming the tensor; kInvalidArgument for a bad HALFMOON_ISA.
  static Result<std::unique_ptr<AeModel>> Load(const runtime::WeightsFile& file, Parts parts);

  const ModelGeometry& geometry() const override { return geometry_; }
  torch::Tensor Analyse(const torch::Tensor& x, int q) const override;
  Result<std::vector<std::uint8_t>> EncodeTile(const torch::Tensor& y, int q, int threads,
                                               TileStats* stats) const override;
  Result<TileLatent> DecodeTile(std::span<const std::uint8_t> stream, int q, std::int64_t height,
                                std::int64_t width, int threads, TileStats* stats) const override;
  torch::Tensor Synthesise(std::span<const std::int32_t> values, int q, std::int64_t height,
                           std::int64_t width) const override;

 private:
  AeModel(networks::AeConfig config, runtime::AePrior prior);

  networks::AeConfig config_;
  ModelGeometry geometry_;
  runtime::AePrior prior_;
  // LibTorch's forward functions are not const; they change nothing in evaluation mode.
  mutable networks::Synthesis g_s_{nullptr};
  mutable networks::LevelVector inverse_gain_{nullptr};
  mutable networks::Analysis g_a_{nullptr};        // encoder only
  mutable networks::HyperAnalysis h_a_{nullptr};   // encoder only
  mutable networks::LevelVector gain_{nullptr};    // encoder only
};

}  // namespace halfmoon
