// What a model costs: multiply-accumulates, parameters, receptive field. From its dimensions alone;
// must not include LibTorch.
#pragma once

#include "models/networks/ae_config.h"

namespace halfmoon::networks {

// Multiply-accumulates per picture pixel, in thousands (KMAC/px).
double AnalysisKmac(const AeConfig& config);   // g_a and h_a
double SynthesisKmac(const AeConfig& config);  // g_s

// How far, in pixels, a latent reaches beyond its own 16x16 block in the output of g_s: the halo a
// tile needs on each side. A multiple of 8.
int SynthesisHalo(const AeConfig& config);

// How far, in pixels, a picture's pixel reaches beyond its own 16x16 block in the output of g_a.
int AnalysisHalo(const AeConfig& config);

// Side in pixels of the square of input that one output block of 16x16 pixels depends on.
inline int SynthesisReceptiveField(const AeConfig& config) {
  return 2 * SynthesisHalo(config) + 16;
}

}  // namespace halfmoon::networks
