// TileStats: what coding tiles took, for reports. Public; std only.
#pragma once

#include <cstdint>

namespace halfmoon {

// Of one tile, or of all tiles summed: where they are coded in parallel, seconds are those of all
// threads together.
struct TileStats {
  double transform_seconds = 0;  // float networks that work on one tile
  double prior_seconds = 0;      // integer networks
  double entropy_seconds = 0;    // rANS
  // Encoding only: the sum of -log2 of the probabilities, the payload without its flush.
  double estimated_bits = 0;
  std::uint64_t symbols = 0;
  // Encoding with a VAE, else 0: KL(posterior || prior) of the picture, and how many bits more its
  // mean costs in bins of width D: the sum of log2(4.13 sigma / D) over the active dimensions. Both
  // are expectations.
  double kl_bits = 0, expected_excess_bits = 0;

  TileStats& operator+=(const TileStats& other) {
    transform_seconds += other.transform_seconds;
    prior_seconds += other.prior_seconds;
    entropy_seconds += other.entropy_seconds;
    estimated_bits += other.estimated_bits;
    symbols += other.symbols;
    kl_bits += other.kl_bits;
    expected_excess_bits += other.expected_excess_bits;
    return *this;
  }
};

}  // namespace halfmoon
