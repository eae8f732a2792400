// VqvaeConfig: the dimensions of the VQ-VAE codec's networks. No LibTorch.
#pragma once

#include <cstdint>

#include "models/config/ae_config.h"
#include "models/config/index_prior_config.h"

namespace halfmoon {

// Codes lie on the 1/16 grid; stage s + 1 quantises what stages 1..s left over, in the few
// directions in which they left most.
struct VqvaeConfig : IndexPriorConfig {
  static constexpr char kArchitecture[] = "vqvae";  // of weights files

  VqvaeConfig() : IndexPriorConfig{256, 48, 48, 96, 64} {}

  AeConfig transforms;  // of g_a and g_s; its fields of the scalar codec's prior are not used

  std::int64_t dim = 128;            // d: of the projected latent
  std::int64_t code_dim = 8;         // g: directions of the projected latent that a stage codes
  std::int64_t analysis_level = 28;  // the quality level at which g_a works, whatever the stages
  std::int64_t first_level = 0;      // the quality level at which g_s works with one stage ...
  std::int64_t last_level = 32;      // ... and with all of them

  // g_s has level vectors, as in the AE codec; n: number of stages used, 1..S.
  double LevelOf(double n) const {
    const auto last = static_cast<double>(stages > 1 ? stages - 1 : 1);
    return static_cast<double>(first_level) +
           static_cast<double>(last_level - first_level) * (n - 1) / last;
  }

  // How much of a stage's slope the choice of its codes heeds, s from 0: all in the first eighth,
  // then ever less, nothing in the last stage. What an early stage leaves, many can still take up;
  // what a late one leaves is lost, and only high qualities use it. It widens the range of rates
  // upwards without moving the curve.
  double SlopeShare(std::int64_t s) const {
    const std::int64_t from = stages / 8, last = stages - 1;
    return s <= from ? 1 : static_cast<double>(last - s) / static_cast<double>(last - from);
  }

  void VisitFields(FieldVisitor& f);
  Status Rules() const;
};

}  // namespace halfmoon
