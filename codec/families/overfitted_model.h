// The overfitted codec behind PictureModel: a decoder whose networks came with the picture.
// Internal; must not include the fitting. The encoder is codec/overfitted_encoder.h.
//
// A latent position stands for a block of 64 x 64 pixels and holds its latents of all grids: 1 of
// grid 6, 4 of grid 5 .. 4096 of grid 0, each grid row by row.
#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <vector>

#include "codec/families/picture_model.h"
#include "models/overfitted/integer_decoder.h"

namespace halfmoon {

// Name in options and reports; there is no weights file of it.
inline constexpr const char* kOverfittedName = "overfitted";

// Latents of a block.
inline constexpr std::size_t kOverfittedChannels = 1 + 4 + 16 + 64 + 256 + 1024 + 4096;

class OverfittedModel : public PictureModel {
 public:
  // networks: a file's chunk NETW. Errors: those of overfitted::ReadNetworks.
  static Result<std::unique_ptr<OverfittedModel>> Load(std::span<const std::uint8_t> networks);

  Result<TileLatent> DecodeTile(const TileStream& stream, int threads,
                                TileStats* stats) const override;
  Result<FloatPicture> Synthesise(std::span<const std::int32_t> values, int q, std::int64_t height,
                                  std::int64_t width, int threads) const override;

 private:
  explicit OverfittedModel(overfitted::IntegerDecoder decoder);

  overfitted::IntegerDecoder decoder_;
};

// Work on several threads, as the codec's workers do it; what a worker throws comes out here.
overfitted::Parallel OverfittedThreads(int threads);

}  // namespace halfmoon
