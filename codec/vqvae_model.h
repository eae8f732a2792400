// VqvaeModel: the VQ-VAE codec's networks behind the PictureModel interface. Internal; LibTorch.
#pragma once

#include <functional>
#include <memory>

#include "bitstream/frequency_coder.h"
#include "codec/ae_model.h"
#include "codec/picture_model.h"
#include "models/networks/transforms.h"
#include "models/networks/vqvae_config.h"
#include "models/runtime/safetensors.h"
#include "models/runtime/vq_prior.h"

namespace halfmoon {

// A tile's stream: u8 number of stages n; then for each stage, from the coarsest, varint size and
// so many bytes, the stage's stream (bitstream/frequency_coder.h). A latent's values are the
// indices plus 1, [h16][w16][S], 0 where a stage was not coded; without its last stages it is a
// coarser picture's.
class VqvaeModel : public PictureModel {
 public:
  // Errors: kModelCorrupt naming the tensor; kInvalidArgument for a bad HALFMOON_ISA.
  static Result<std::unique_ptr<VqvaeModel>> Load(const runtime::WeightsFile& file,
                                                  AeModel::Parts parts);

  // Stages of a file of that quality: q snaps to them, evenly.
  int StagesOf(int q) const;

  const ModelGeometry& geometry() const override { return geometry_; }
  // The latent's principal components, [1, d, H / 16, W / 16]; q does not matter.
  torch::Tensor Analyse(const torch::Tensor& x, int q) const override;
  Result<std::vector<std::uint8_t>> EncodeTile(const torch::Tensor& y, int q, int threads,
                                               TileStats* stats) const override;
  Result<TileLatent> DecodeTile(std::span<const std::uint8_t> stream, int q, std::int64_t height,
                                std::int64_t width, int threads, TileStats* stats) const override;
  torch::Tensor Synthesise(std::span<const std::int32_t> values, int q, std::int64_t height,
                           std::int64_t width) const override;

  // The same with the first `stages` stages only; fewer when the stream has fewer.
  Result<TileLatent> DecodeStages(std::span<const std::uint8_t> stream, int stages,
                                  std::int64_t height, std::int64_t width, int threads,
                                  TileStats* stats) const;

  // The indices of a new tile: the same decoder, fed with random bits, 32 from each call of `next`.
  // Temperature is 1: what the prior holds for likely. Errors: kInvalidArgument (stages not
  // in 1..S), kOutOfMemory.
  Result<TileLatent> DrawTile(int stages, std::int64_t height, std::int64_t width, int threads,
                              const std::function<std::uint32_t()>& next) const;

  const networks::VqvaeConfig& config() const { return config_; }
  const runtime::VqPrior& prior() const { return prior_; }

 private:
  VqvaeModel(networks::VqvaeConfig config, runtime::VqPrior prior);
  // Decodes `stages` stages; `open` gives the coder of each stage, `check_end` whether it must end.
  Result<TileLatent> Walk(int stages, std::int64_t height, std::int64_t width, int threads,
                          const std::function<Result<FrequencyDecoder>(int, std::size_t)>& open,
                          bool check_end, TileStats* stats) const;
  // z of values [h][w][S], as [1, d, h, w].
  torch::Tensor Dequantise(std::span<const std::int32_t> values, std::int64_t h,
                           std::int64_t w) const;

  networks::VqvaeConfig config_;
  ModelGeometry geometry_;
  runtime::VqPrior prior_;
  std::vector<float> codes_;           // [S][K][g]
  std::vector<std::int32_t> support_;  // [S][g], each < d
  torch::Tensor unproject_;            // [M, d]
  torch::Tensor project_;              // [d, M]; encoder only
  std::vector<float> slopes_;          // [S]; encoder only
  // LibTorch's forward functions are not const; they change nothing in evaluation mode.
  mutable networks::Synthesis g_s_{nullptr};
  mutable networks::Analysis g_a_{nullptr};  // encoder only
};

}  // namespace halfmoon
