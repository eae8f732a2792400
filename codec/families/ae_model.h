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
ModelGeometry TransformGeometry(const AeConfig& config, std::size_t file_bytes);

// How an encoder makes symbols.
enum class Quantiser {
  kPlain,      // rounding, each symbol for itself
  kDependent,  // the cheapest path through a trellis (bitstream/trellis.h)
  kSearched,   // the same for latents that were searched for
};

// What an encoder does with its own latent.
struct AeEncoding {
  Quantiser quantiser = Quantiser::kPlain;
  // Whether the encoder looks at what the decoder makes of its latent and corrects it (analysis by
  // synthesis). Takes three times as long. The VQ-VAE codec can, too.
  bool by_synthesis = false;
};

class AeModel : public PictureModel {
 public:
  // The quantiser is plain all the same where the weights have no tables for another.
  // Errors: kModelCorrupt naming the tensor; kInvalidArgument for a bad HALFMOON_ISA.
  static Result<std::unique_ptr<AeModel>> Load(const runtime::WeightsFile& file, ModelParts parts,
                                               const AeEncoding& encoding);

  const ModelGeometry& geometry() const override { return geometry_; }
  std::optional<double> Lambda(int q) const override;
  Result<FloatLatent> Analyse(const FloatPicture& x, int q, int threads) const override;
  // y: of Analyse, its hyper-latent being h_a's; or with a chosen one beside it (hyper_latent.h).
  Result<std::vector<std::uint8_t>> EncodeTile(const FloatLatent& y, int q, int threads,
                                               TileStats* stats) const override;
  Result<TileLatent> DecodeTile(std::span<const std::uint8_t> stream, int q, std::int64_t height,
                                std::int64_t width, int threads, TileStats* stats) const override;
  bool EncodesDependently() const override { return encoding_.quantiser != Quantiser::kPlain; }
  Result<TileLatent> DecodeDependentTile(std::span<const std::uint8_t> stream, int q,
                                         std::int64_t height, std::int64_t width, int threads,
                                         TileStats* stats) const override;
  Result<FloatPicture> Synthesise(std::span<const std::int32_t> values, int q, std::int64_t height,
                                  std::int64_t width, int threads) const override;

 private:
  AeModel(const AeConfig& config, std::size_t file_bytes, runtime::AePrior prior);

  std::size_t Latents() const { return static_cast<std::size_t>(config_.latent_channels); }
  std::size_t HyperLatents() const { return static_cast<std::size_t>(config_.hyper_channels); }

  // One round of analysis by synthesis.
  // REQUIRES: y is as much larger on each cut side as geometry().analysis_halo says.
  void Correct(FloatLatent& y, const CutSides& cut, int q, int threads) const;

  // z: [height / 4][width / 4][Nz].
  Result<std::vector<std::uint8_t>> EncodeLatents(const FloatLatent& y, std::span<const float> z,
                                                  int q, int threads, TileStats* stats) const;

  // dependent: null for the plain quantiser.
  Result<TileLatent> DecodeLatents(std::span<const std::uint8_t> stream,
                                   const DependentTables* dependent, int q, std::int64_t height,
                                   std::int64_t width, int threads, TileStats* stats) const;

  AeConfig config_;
  ModelGeometry geometry_;
  runtime::AePrior prior_;
  runtime::AeSynthesis synthesis_;
  std::optional<runtime::AeAnalysis> analysis_;  // encoder only
  AeEncoding encoding_;
};

}  // namespace halfmoon
