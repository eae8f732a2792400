// The prior of model family VQ-VAE: integer networks that give, for every index, the frequencies of
// all codes. Must not include LibTorch or Highway, or use floating-point types.
//
// Read me first: encoder, decoder and sampler run the very same calls in the very same order; the
// normative arithmetic is in bitstream/MODELS.md, "Prior of model family VQ-VAE". One tile is
// walked like this:
//
//   VqPriorTile tile = *VqPriorTile::Create(prior, h16, w16, threads);
//   for s in 0..n-1: for k in 0..1:
//     tile.Predict(s, k, frequencies);   // [IndexCount(k)][K], each at least 1, sum 2^16
//     tile.Commit(s, k, indices);        // the encoder chose them, the decoder read them
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <vector>

#include "halfmoon/status.h"
#include "models/config/index_prior_config.h"
#include "models/config/integer_path.h"
#include "models/runtime/layers/int_kernels.h"
#include "models/runtime/weights/safetensors.h"

namespace halfmoon::runtime {

// Largest tile: one dimension of the largest legal picture in units of 16 pixels.
inline constexpr int kMaxVqTileSide = 4096;

// Frequencies of one symbol from its logits, in units of 1/256 bit: weights 2^(l / 256), relative
// to the largest one, then each rounded down to at least 1 so that they sum to 2^16; what is left
// over goes to the first of the most likely. REQUIRES: 2..256 logits, as many frequencies.
void FrequenciesFromLogits(std::span<const std::int16_t> logits,
                           std::span<std::uint16_t> frequencies);

// The loaded networks. Cheap to copy (shared, immutable). Thread-safety: const.
class VqPrior {
 public:
  // Reads and proves everything named "prior." in the file. `isa`: the instruction set; by default
  // the one of HALFMOON_ISA, or the best. It never changes a result. Errors: kModelCorrupt naming
  // tensor, layer and channel; kInvalidArgument for a bad isa.
  static Result<VqPrior> Load(const WeightsFile& file, const IndexPriorConfig& config,
                              std::optional<Isa> isa = std::nullopt);

  const IndexPriorConfig& config() const;
  Isa isa() const;

 private:
  friend class VqPriorTile;
  struct Impl;
  explicit VqPrior(std::shared_ptr<const Impl> impl) : impl_(std::move(impl)) {}
  std::shared_ptr<const Impl> impl_;
};

// One tile's state. Everything outside the tile counts as 0. Thread-safety: none; different tiles
// may be used from different threads.
class VqPriorTile {
 public:
  // h16, w16: the tile's sides in units of 16 pixels, 1..kMaxVqTileSide. Errors: kInvalidArgument,
  // kOutOfMemory.
  static Result<VqPriorTile> Create(const VqPrior& prior, int h16, int w16, int threads);

  VqPriorTile(VqPriorTile&&) noexcept;
  VqPriorTile& operator=(VqPriorTile&&) noexcept;
  ~VqPriorTile();

  // Positions that pass k codes: those with (row + column) mod 2 = k, in raster order.
  std::size_t IndexCount(int k) const;
  // The position, row * w16 + column, of each of them.
  std::span<const std::uint32_t> Positions(int k) const;

  // Writes IndexCount(k) * K frequencies. Errors: kInvalidArgument for a wrong size or order.
  Status Predict(int stage, int k, std::span<std::uint16_t> frequencies);
  // Errors: kInvalidArgument for a wrong size, order or an index >= K.
  Status Commit(int stage, int k, std::span<const std::uint8_t> indices);

 private:
  struct State;
  explicit VqPriorTile(std::unique_ptr<State> state);
  std::unique_ptr<State> state_;
};

}  // namespace halfmoon::runtime
