// VqvaeModel: the VQ-VAE codec's networks behind the PictureModel interface. Internal; no LibTorch.
#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <variant>
#include <vector>

#include "codec/families/ae_model.h"
#include "codec/families/index_tile_codec.h"
#include "codec/families/picture_model.h"
#include "models/config/vqvae_config.h"
#include "models/runtime/layers/integer_transforms.h"
#include "models/runtime/layers/pixel_transforms.h"
#include "models/runtime/vqvae/vq_prior.h"
#include "models/runtime/weights/safetensors.h"

namespace halfmoon {

// Streams and values are those of IndexTileCodec on the 1/16 grid.
class VqvaeModel : public EncodingModel {
 public:
  // Errors: kModelCorrupt naming the tensor; kInvalidArgument for a bad HALFMOON_ISA.
  static Result<std::unique_ptr<VqvaeModel>> Load(const runtime::WeightsFile& file,
                                                  ModelParts parts);

  // Stages of a file of that quality: q snaps to them, evenly.
  int StagesOf(int q) const;
  // A q with that many stages. REQUIRES: stages in 1..S.
  int QOf(int stages) const;

  // The latent's principal components, d channels; neither q nor the plan matters.
  Result<AnalysedLatents> Analyse(const FloatPicture& x, int q, const EffortPlan& plan,
                                  int threads) const override;
  // plan.correct: decodes what it chose, analyses that, corrects its latent by a share of the
  // difference and chooses again: fewer bits at the same error, in some three times as long.
  Result<std::vector<std::uint8_t>> EncodeTile(const AnalysedLatents& latents, int q,
                                               const EffortPlan& plan, int threads,
                                               TileStats* stats) const override;
  Result<TileLatent> DecodeTile(const TileStream& stream, int threads,
                                TileStats* stats) const override;
  Result<FloatPicture> Synthesise(std::span<const std::int32_t> values, int q, std::int64_t height,
                                  std::int64_t width, int threads) const override;

  // The stream of given indices, values as of DrawTile. Errors: kOutOfMemory.
  Result<std::vector<std::uint8_t>> EncodeIndices(const TileLatent& latent, int stages,
                                                  std::int64_t height, std::int64_t width,
                                                  int threads, TileStats* stats) const;

  // The indices of a new tile: the same decoder, fed with random bits, 32 from each call of `next`.
  // Temperature is 1: what the prior holds for likely. Errors: kInvalidArgument (stages not
  // in 1..S), kOutOfMemory.
  Result<TileLatent> DrawTile(int stages, std::int64_t height, std::int64_t width, int threads,
                              const std::function<std::uint32_t()>& next) const;

  const VqvaeConfig& config() const { return config_; }
  const runtime::VqPrior& prior() const { return tiles_.prior(); }

 private:
  VqvaeModel(const VqvaeConfig& config, std::size_t file_bytes, runtime::VqPrior prior);
  // REQUIRES: loaded with ModelParts::kBoth.
  FloatLatent Components(const FloatPicture& x, int threads) const;
  // The sum of the codes of one position, z: [d].
  void Dequantise(std::span<const std::int32_t> indices, float* z) const;
  // Chooses the indices of the first `stages` stages; returns their stream. `left` [out]: y without
  // what they decode to.
  Result<std::vector<std::uint8_t>> Quantise(const FloatLatent& y, int stages, int threads,
                                             std::vector<float>* left, TileStats* stats) const;
  // The picture of components z [h][w][d], which so many stages made.
  FloatPicture PictureOf(std::span<const float> z, std::size_t h, std::size_t w, int stages,
                         int threads) const;
  // y after analysis by synthesis. `left`: of Quantise.
  FloatLatent Corrected(const FloatLatent& y, std::span<const float> left, int stages,
                        int threads) const;

  VqvaeConfig config_;
  IndexTileCodec tiles_;
  // Latent to pixels, from z on. A weights file holds it in integers or in float.
  struct InFloat {
    runtime::FloatPointwise unproject;  // d -> M
    runtime::PixelSynthesis g_s;
  };
  struct InIntegers {
    std::vector<float> units;  // of z; powers of two, so that sums of codes are whole and exact
    runtime::IntPointwise unproject;
    runtime::IntegerSynthesis g_s;
  };
  static Result<InFloat> LoadFloats(const runtime::WeightsFile& file, const VqvaeConfig& c);
  // codes: in real numbers.
  static Result<InIntegers> LoadIntegers(const runtime::WeightsFile& file, const VqvaeConfig& c,
                                         std::span<const std::int32_t> support,
                                         std::vector<float>* codes);
  static void Synthesise(const InFloat& parts, runtime::Isa isa, std::span<const float> z, int q,
                         int threads, FloatPicture* x);
  static void Synthesise(const InIntegers& parts, runtime::Isa isa, std::span<const float> z, int q,
                         int threads, FloatPicture* x);

  std::vector<float> codes_;           // [S][K][g]
  std::vector<std::int32_t> support_;  // [S][g], each < d
  std::variant<InFloat, InIntegers> synthesis_;
  // Encoder only, as what follows.
  std::variant<std::monostate, runtime::PixelAnalysis, runtime::IntegerAnalysis> g_a_;
  std::vector<float> y_units_;       // of g_a's result, where it is integers
  runtime::FloatPointwise project_;  // M -> d
  std::vector<float> slopes_;        // [S]
};

}  // namespace halfmoon
