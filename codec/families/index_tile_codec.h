// IndexTileCodec: a tile's codebook indices <-> its stream, for every model that codes indices.
// Internal; no LibTorch. Integers decide everything here.
#pragma once

#include <cstdint>
#include <functional>
#include <span>
#include <vector>

#include "bitstream/frequency_coder.h"
#include "codec/families/picture_model.h"
#include "models/runtime/vqvae/vq_prior.h"

namespace halfmoon {

// A tile's stream: u8 number of stages n; then for each stage, from the coarsest, varint size and
// so many bytes, the stage's stream (bitstream/frequency_coder.h). A latent's values are the
// indices plus 1, [height][width][S], 0 where a stage was not coded; without its last stages it is
// a coarser picture's. height, width: of the tile's grid of indices.
class IndexTileCodec {
 public:
  explicit IndexTileCodec(runtime::VqPrior prior) : prior_(std::move(prior)) {}

  const runtime::VqPrior& prior() const { return prior_; }
  int stages() const { return static_cast<int>(prior_.config().stages); }
  std::size_t codes() const { return static_cast<std::size_t>(prior_.config().codes); }

  // Fills in the indices at some positions of a stage, whose frequencies [n][K] are known.
  using Choose = std::function<void(std::size_t stage, std::span<const std::uint32_t> positions,
                                    std::span<const std::uint16_t> frequencies,
                                    std::span<std::uint8_t> indices)>;
  // The stream of the indices that `choose` takes. Errors: kOutOfMemory.
  Result<std::vector<std::uint8_t>> Encode(int stages, std::size_t height, std::size_t width,
                                           int threads, const Choose& choose,
                                           TileStats* stats) const;
  // The stream of given indices: values as above. REQUIRES: the first `stages` stages are there.
  Result<std::vector<std::uint8_t>> EncodeValues(std::span<const std::int32_t> values, int stages,
                                                 std::size_t height, std::size_t width, int threads,
                                                 TileStats* stats) const;

  // The first `stages` stages, or as many as there are. Errors: kTruncated, kCorrupt, kOutOfMemory.
  Result<TileLatent> Decode(std::span<const std::uint8_t> stream, int stages, std::size_t height,
                            std::size_t width, int threads, TileStats* stats) const;

  // The indices of a new tile: the same decoder, fed with random bits, 32 from each call of `next`.
  // Temperature is 1: what the prior holds for likely. Errors: kInvalidArgument (stages not
  // in 1..S), kOutOfMemory.
  Result<TileLatent> Draw(int stages, std::size_t height, std::size_t width, int threads,
                          const std::function<std::uint32_t()>& next) const;

 private:
  // Decodes `stages` stages; `open` gives the coder of each stage, `check_end` whether it must end.
  Result<TileLatent> Walk(int stages, std::size_t height, std::size_t width, int threads,
                          const std::function<Result<FrequencyDecoder>(int, std::size_t)>& open,
                          bool check_end, TileStats* stats) const;

  runtime::VqPrior prior_;
};

}  // namespace halfmoon
