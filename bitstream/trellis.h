// Chooses the symbols of dependent quantisation: the cheapest path through the states, bits and
// error together. For encoders; integers only.
#pragma once

#include <cstdint>
#include <span>

#include "bitstream/cdf_tables.h"
#include "bitstream/dependent_quantiser.h"

namespace halfmoon {

// Residuals (latent - mean) in units of which a step of the plain quantiser has so many.
inline constexpr std::int32_t kResidualUnit = 256;

// What one squared step of error weighs, in bits. The slope of a uniform quantiser at high rate is
// 6 / ln 2 = 8.7; here it is more, because an error that saves bits is not noise: it points to
// zero, and everything predicted from the symbol follows it. Found by trying
// (docs/history/training-log.md, 30).
inline constexpr std::int64_t kErrorWeight = 20;

// The symbols of one pass. `residuals`, `scales` (indexes) and `symbols` have one entry for each,
// in coding order. Viterbi's algorithm for each chain, in blocks of some thousand symbols, at whose
// ends the best state so far is kept: memory does not grow with the pass.
//
// REQUIRES: spans of one length; scales < tables.scales, cdf.count() == tables.count();
//   |residual| <= 2^19 * kResidualUnit, 0 <= error_weight <= 2^10.
// May throw std::bad_alloc.
void ChooseDependentSymbols(const CdfTables& cdf, const DependentTables& tables,
                            std::span<const std::uint8_t> scales,
                            std::span<const std::int32_t> residuals, std::int64_t error_weight,
                            std::span<std::int32_t> symbols);

}  // namespace halfmoon
