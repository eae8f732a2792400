// Constants of the integer path that codes files: entropy models in models/runtime run on it,
// networks in models/networks are trained and rounded to it. The normative text is
// bitstream/MODELS.md. No LibTorch.
#pragma once

#include <array>
#include <cmath>

#include "bitstream/dependent_quantiser.h"

namespace halfmoon {

// Latents and means are whole sixteenths of a step of the plain quantiser.
inline constexpr int kAeStep = DependentTables::kStep;
inline constexpr double kLatentUnit = 1.0 / kAeStep;
// Hidden activations are whole steps of this.
inline constexpr double kHiddenUnit = 1.0 / 64;
// Activations of either kind never leave [-kActivationBound, kActivationBound].
inline constexpr int kActivationBound = 4095;

// The AE codes a latent in four passes: position class p of the 2x2 block, 2 * (row & 1) +
// (column & 1), codes channel group p ^ kAePassOrder[k] in pass k.
inline constexpr int kAePasses = 4;
inline constexpr std::array<int, kAePasses> kAePassOrder = {0, 3, 1, 2};
// The VQ-VAE codes a stage's indices in two: positions of even row + column, then the odd ones.
inline constexpr int kVqPasses = 2;

// The AE's scale table: sigma of table index t, log-spaced in [0.11, 64].
inline constexpr int kScaleTables = 64;
inline constexpr double kScaleMin = 0.11;
inline constexpr double kScaleMax = 64.0;
inline double TableScale(double t) {
  return kScaleMin * std::pow(kScaleMax / kScaleMin, t / (kScaleTables - 1));
}

}  // namespace halfmoon
