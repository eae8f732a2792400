// The AE codec's frequency tables, fitted to what its symbols are. Everything runs as in
// the encoder at efforts 1 and 2, in the runtime's arithmetic, so that the same packs give the same
// tables everywhere.
//
// The networks choose a scale; that the symbols of a scale are normally distributed is an
// assumption of the loss. Real ones have more zeros and longer tails.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "halfmoon/status.h"
#include "models/training/data/pack.h"
#include "models/training/export/frequency_tables.h"

namespace halfmoon::training {

// At most that many pictures, evenly from all packs, and of each the middle, up to
// kFitSide x kFitSide pixels, at kFitLevels of the 64 levels.
inline constexpr std::size_t kFitPictures = 128;
inline constexpr std::size_t kFitSide = 512;
inline constexpr int kFitLevels = 8;

// `weights`, a weights file of family AE, with fitted tables, `metadata` added to its own, and
// "tables": "fitted"; everything else as it is. Its identity is another one. Symbols are counted as
// both quantisers make them; which path the dependent one takes hangs on its tables, so they are
// fitted twice, from normal ones on: what tables the file has changes nothing.
// Errors: kInvalidArgument (no training picture of at least 64x64 in colour), those of the loader.
Result<std::vector<std::uint8_t>> FitTablesOf(const std::vector<std::uint8_t>& weights,
                                              const std::vector<Pack>& packs, int threads,
                                              const std::map<std::string, std::string>& metadata);

// By how many per cent the file's tables need fewer bits than MakeGaussianTables() for the symbols
// of the validation pictures. Errors also: kModelMismatch for a file without dependent tables.
Result<double> TableGain(const std::vector<std::uint8_t>& weights, const std::vector<Pack>& packs,
                         int threads);

}  // namespace halfmoon::training
