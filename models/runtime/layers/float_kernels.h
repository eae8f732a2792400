// The inner loops of the float layers, one set per instruction set. Must not include Highway (only
// float_kernels.cc does) or LibTorch.
//
// Read me first: every instruction set gives the same bits, so pixels are as portable as symbols.
// Float arithmetic differs between machines because sums are split over lanes and because products
// are fused into sums or not. Here each output has one accumulator, which takes its products in one
// order, each with one rounding (IEEE 754 fusedMultiplyAdd); lanes hold different outputs, never
// parts of one. Everything else is one rounded operation after the other. Processors without the
// instruction get the same result from double arithmetic, ten times slower.
#pragma once

#include <cstddef>

#include "models/runtime/layers/int_kernels.h"

namespace halfmoon::runtime {

// Channels are computed in panels of this many; maps and weights are padded to it with zeros.
inline constexpr std::size_t kFloatPanel = 32;
inline std::size_t PadChannels(std::size_t channels) {
  return (channels + kFloatPanel - 1) / kFloatPanel * kFloatPanel;
}

// And a layer computes this many at least: of 48 channels, the last 16 of two panels are left out.
inline constexpr std::size_t kFloatTile = 16;
inline std::size_t TileChannels(std::size_t channels) {
  return (channels + kFloatTile - 1) / kFloatTile * kFloatTile;
}

// out[r][n] = f(bias[n] + sum over k of weights[n][k] * rows[r][k]) + residual[r][n], the sum taken
// with k ascending by fusedMultiplyAdd from the bias on; f(v) is v, or for v < 0 v * slope.
struct FloatGemmArgs {
  const float* rows;
  std::size_t row_stride;  // floats from a row to the next
  std::size_t row_count;
  std::size_t depth;      // K
  const float* weights;   // [panel][K][kFloatPanel]
  std::size_t channels;   // outputs, a multiple of kFloatTile; the rest of a panel may be written
  const float* bias;      // [whole panels]; null: 0
  float slope;            // of the leaky ReLU; 1: none
  const float* residual;  // [row][residual_stride], may be `out`; null: none
  std::size_t residual_stride;
  float* out;
  std::size_t out_stride;  // >= channels, whole panels
};

// A 3x3 depth-wise layer along a row: out[x][c] = bias[c] + sum over taps (row by row) of
// weights[tap][c] * rows[tap / 3][x + tap % 3][c], by fusedMultiplyAdd in that order.
struct FloatDepthwiseArgs {
  const float* rows[3];  // width + 2 positions each: one more to the left and to the right
  std::size_t width;
  std::size_t channels;  // a multiple of kFloatPanel
  const float* weights;  // [9][channels]
  const float* bias;     // [channels]
  float* out;            // [width][channels]
};

struct FloatKernels {
  void (*gemm)(const FloatGemmArgs&);
  void (*depthwise)(const FloatDepthwiseArgs&);
};

// REQUIRES: IsaSupported(isa).
const FloatKernels& FloatKernelsFor(Isa isa);

}  // namespace halfmoon::runtime
