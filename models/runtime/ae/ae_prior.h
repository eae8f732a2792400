// The prior of model family AE: integer networks that give, for every latent, a table index and a
// mean. Must not include LibTorch or Highway, or use floating-point types in what decides a symbol.
//
// Read me first: encoder and decoder run the very same calls in the very same order, so that both
// see the same indices and means; the normative arithmetic is in bitstream/MODELS.md, "Prior of
// model family AE". One tile is walked like this (k = 0..3):
//
//   AePriorTile tile = *AePriorTile::Create(prior, level, h64, w64, threads);
//   tile.SetHyperLatent(z);                       // r_z: what was coded with z_table(level)
//   for k: tile.PredictPass(k, scales, means);    // then code symbols r with these scale indexes
//          tile.CommitPass(k, values);            // what they stand for, in 1/16
//   tile.latent()                                 // Y = value + mean, the decoder's y in 1/16
//
// A symbol of the plain quantiser stands for 16 r (encoder: r = round(y - mean/16)) and its table's
// number is its scale index; for dependent quantisation see bitstream/dependent_quantiser.h.
//
// Symbols of a pass are in coding order: all positions of the tile in raster order, each with the
// M/4 channels of the group that its place in the 2x2 block codes in this pass, ascending.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <vector>

#include "bitstream/cdf_tables.h"
#include "bitstream/dependent_quantiser.h"
#include "bitstream/limits.h"
#include "halfmoon/status.h"
#include "models/config/ae_config.h"
#include "models/config/integer_path.h"
#include "models/runtime/layers/int_kernels.h"
#include "models/runtime/weights/safetensors.h"

namespace halfmoon::runtime {

// Values beyond are refused by CommitPass: no symbol that the latent coder can code stands for
// more, a half step being at most a step. So |Y| <= 2^25 + 4095.
inline constexpr std::int32_t kMaxAeValue = 2 * kAeStep * kMaxSymbolMagnitude;
// Largest tile: one dimension of the largest legal picture (32768) in units of 64 pixels.
inline constexpr int kMaxAeTileSide = 512;

// The loaded networks. Cheap to copy (shared, immutable). Thread-safety: const.
class AePrior {
 public:
  // Reads and proves everything named "prior." and "tables." in the file. `isa`: the instruction
  // set; by default the one of HALFMOON_ISA, or the best. It never changes a result.
  // Errors: kModelCorrupt naming tensor, layer and channel; kInvalidArgument for a bad isa.
  static Result<AePrior> Load(const WeightsFile& file, const AeConfig& config,
                              std::optional<Isa> isa = std::nullopt);

  const AeConfig& config() const;
  Isa isa() const;
  // T: scale indexes, each with a table of the plain quantiser.
  int scales() const;
  const CdfTables& tables() const;
  // Null for weights that have the plain quantiser alone.
  const DependentTables* dependent_tables() const;
  // Per hyper channel: table index (< T) and mean in 1/16 (|m| <= 4095) of z at a level.
  // REQUIRES: 0 <= level < AeConfig::kLevels.
  std::span<const std::uint8_t> z_table(int level) const;
  std::span<const std::int16_t> z_mean(int level) const;

  // Elements of all "prior." tensors.
  std::int64_t parameter_count() const;

 private:
  friend class AePriorTile;
  struct Impl;
  explicit AePrior(std::shared_ptr<const Impl> impl) : impl_(std::move(impl)) {}
  std::shared_ptr<const Impl> impl_;
};

// One tile's state. Everything outside the tile counts as 0. Thread-safety: none; different tiles
// may be used from different threads.
class AePriorTile {
 public:
  // h64, w64: the tile's sides in units of 64 pixels, 1..kMaxAeTileSide. `threads`: how many may
  // work on this tile (>= 1); never changes a result.
  // Errors: kInvalidArgument, kOutOfMemory.
  static Result<AePriorTile> Create(const AePrior& prior, int level, int h64, int w64, int threads);

  AePriorTile(AePriorTile&&) noexcept;
  AePriorTile& operator=(AePriorTile&&) noexcept;
  ~AePriorTile();

  int h64() const;
  int w64() const;
  int h16() const { return 4 * h64(); }
  int w16() const { return 4 * w64(); }

  // h64 * w64 * Nz.
  std::size_t HyperSymbols() const;
  // M/4 * h16 * w16, the same for every pass.
  std::size_t SymbolsPerPass() const { return SymbolsPerPass(latent_channels(), h64(), w64()); }
  static std::size_t SymbolsPerPass(std::int64_t latent_channels, int h64, int w64) {
    return static_cast<std::size_t>(latent_channels / 4) * static_cast<std::size_t>(h64) *
           static_cast<std::size_t>(w64) * 16;
  }

  // The channel group g that position (row, column) of the 1/16 grid codes in pass k: channels
  // [g*M/4, (g+1)*M/4).
  static int GroupOf(int k, int row, int column) {
    return (2 * (row & 1) + (column & 1)) ^ kAePassOrder[static_cast<std::size_t>(k)];
  }
  // For every position in raster order the index, in an array [h16][w16][M], of the first of its
  // M/4 consecutive channels in pass k. Symbol i of the pass belongs to index
  // PassOffsets(k)[i / (M/4)] + i % (M/4). REQUIRES: 0 <= k < 4.
  std::vector<std::size_t> PassOffsets(int k) const;

  // Starts a tile (again): r_z in the order [h64][w64][Nz]. Any int32 is legal (Z saturates).
  // Errors: kInvalidArgument for a wrong number of symbols.
  Status SetHyperLatent(std::span<const std::int32_t> symbols);
  // Forgets the committed passes, keeps the hyper latent: for a search over symbols.
  Status ResetPasses();

  // Writes SymbolsPerPass() table indices and means (in 1/16, |m| <= 4095) in coding order.
  // Errors: kInvalidArgument for a wrong size, or when k is not the next pass.
  Status PredictPass(int k, std::span<std::uint8_t> table_index, std::span<std::int16_t> mean);
  // What the pass's symbols stand for, in 1/16, in coding order. Errors: kInvalidArgument for a
  // wrong size or order; kCorrupt for |value| > kMaxAeValue, and then nothing has changed.
  Status CommitPass(int k, std::span<const std::int32_t> values);

  // Y [h16][w16][M] in 1/16: value + mean where committed, 0 elsewhere; not clamped.
  std::span<const std::int32_t> latent() const;
  // The features [h16][w16][F] in 1/64 that h3 made of the hyper latent (for tests and tools).
  std::span<const std::int16_t> features() const;

 private:
  struct State;
  explicit AePriorTile(std::unique_ptr<State> state);
  int latent_channels() const;
  std::unique_ptr<State> state_;
};

}  // namespace halfmoon::runtime
