// PictureModel: what every model that codes pictures offers to the encoder and decoder. Internal;
// LibTorch. Nothing here knows the container or picture files.
#pragma once

#include <torch/torch.h>

#include <cstdint>
#include <optional>
#include <span>
#include <vector>

#include "halfmoon/image.h"
#include "halfmoon/status.h"

namespace halfmoon {

// Wall-clock seconds and counts of one tile's work.
struct TileStats {
  double transform_seconds = 0;  // analysis when encoding, synthesis when decoding
  double prior_seconds = 0;      // integer networks
  double entropy_seconds = 0;    // rANS
  double estimated_bits = 0;     // encoding only
  std::uint64_t symbols = 0;
  // Encoding with a VAE: KL of the posterior, and what coding its mean in bins costs beyond that.
  double kl_bits = 0, expected_excess_bits = 0;
};

// The latent of a tile in the model's own integers: all that a decoder needs to make pixels.
struct TileLatent {
  std::vector<std::int32_t> values;   // [h][w][channels]
  std::vector<std::int32_t> symbols;  // everything decoded, in coding order
};

class PictureModel {
 public:
  virtual ~PictureModel() = default;

  // Models of small pictures code one size and kind only; the others take any.
  virtual std::optional<PictureShape> FixedShape() const { return std::nullopt; }

  // x: [1, 3, H, W] float32 in [0, 1], H and W multiples of 64. q: quality level * 256.
  // Returns the tile's stream. Exceptions of LibTorch pass through; the caller catches them.
  virtual Result<std::vector<std::uint8_t>> EncodeTile(const torch::Tensor& x, int q, int threads,
                                                       TileStats* stats) const = 0;

  // height, width: multiples of 64. Integer arithmetic only: the same symbols everywhere.
  virtual Result<TileLatent> DecodeTile(std::span<const std::uint8_t> stream, int q,
                                        std::int64_t height, std::int64_t width, int threads,
                                        TileStats* stats) const = 0;

  // Pixels of a latent: [1, 3, height, width], not clamped.
  virtual torch::Tensor Synthesise(const TileLatent& latent, int q, std::int64_t height,
                                   std::int64_t width) const = 0;
};

}  // namespace halfmoon
