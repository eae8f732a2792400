// AeModel: the AE codec's networks behind the PictureModel interface. Internal; no LibTorch.
#pragma once

#include <memory>
#include <optional>

#include "codec/families/picture_model.h"
#include "models/config/ae_config.h"
#include "models/runtime/ae/ae_prior.h"
#include "models/runtime/ae/ae_transforms.h"
#include "models/runtime/weights/safetensors.h"

namespace halfmoon {

// Halos and working memory of the AE's transforms, which the VQ-VAE codec has, too.
// file_bytes: of the weights.
ModelAttributes TransformAttributes(const AeConfig& config, std::size_t file_bytes);

class AeModel : public EncodingModel {
 public:
  // Errors: kModelCorrupt naming the tensor; kInvalidArgument for a bad HALFMOON_ISA.
  static Result<std::unique_ptr<AeModel>> Load(const runtime::WeightsFile& file, ModelParts parts);

  Result<AnalysedLatents> Analyse(const FloatPicture& x, int q, const EffortPlan& plan,
                                  int threads) const override;
  // The quantiser is plain all the same where the weights have no tables for another. Makes the
  // hyper-latent unless `latents` has one.
  Result<std::vector<std::uint8_t>> EncodeTile(const AnalysedLatents& latents, int q,
                                               const EffortPlan& plan, int threads,
                                               TileStats* stats) const override;
  Result<TileLatent> DecodeTile(const TileStream& stream, int threads,
                                TileStats* stats) const override;
  Result<FloatPicture> Synthesise(std::span<const std::int32_t> values, int q, std::int64_t height,
                                  std::int64_t width, int threads) const override;

 private:
  AeModel(const AeConfig& config, std::size_t file_bytes, runtime::AePrior prior);

  std::size_t Latents() const { return static_cast<std::size_t>(config_.latent_channels); }
  std::size_t HyperLatents() const { return static_cast<std::size_t>(config_.hyper_channels); }

  // One round of analysis by synthesis.
  // REQUIRES: y is as much larger on each cut side as attributes().correction.halo says.
  void Correct(FloatLatent& y, const CutSides& cut, int q, int threads) const;

  // z: [height / 4][width / 4][Nz].
  Result<std::vector<std::uint8_t>> EncodeLatents(const FloatLatent& y, std::span<const float> z,
                                                  int q, Quantiser quantiser, int threads,
                                                  TileStats* stats) const;

  AeConfig config_;
  runtime::AePrior prior_;
  runtime::AeSynthesis synthesis_;
  std::optional<runtime::AeAnalysis> analysis_;  // encoder only
};

}  // namespace halfmoon
