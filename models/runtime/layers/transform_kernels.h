// The inner loops of the pixel transforms, integers only, one set per instruction set. Must not
// include Highway (only transform_kernels.cc does) or LibTorch, or use any floating-point type.
//
// Read me first: every instruction set gives the same bits, for every sum is exact. A layer is
// refused unless the sum of its weights' magnitudes keeps all sums within 32 bits, whatever the
// inputs and the order (transform_layers.h). What follows a sum is defined once:
//
//   v = sat((sum + bias) >> shift)        bias holds the rounding, 2^(shift - 1)
//   v = max(v, round(v * 3277 / 2^15))    where there is a leaky ReLU: slope 0.1
//   v = round(v * gain / 2^15)            where there are gains
//   v = sat(v + residual)                 where there is a residual
//
// sat limits to 16 bits; round(a / 2^15) is (a + 2^14) >> 15.
#pragma once

#include <cstddef>
#include <cstdint>

#include "models/runtime/layers/int_kernels.h"

namespace halfmoon::runtime {

// Channels of maps are padded to a multiple of kTransformTile; weights are packed in panels of
// kTransformPanel outputs, and half a panel where no more are left.
inline constexpr std::size_t kTransformPanel = 32;
inline constexpr std::size_t kTransformTile = 16;
inline constexpr std::size_t PadTransform(std::size_t channels) {
  return (channels + kTransformTile - 1) / kTransformTile * kTransformTile;
}

inline constexpr std::int16_t kLeakySlope = 3277;  // of 2^15

// The output that place `i` of a panel of `size` (kTransformPanel or kTransformTile) belongs to.
// Instructions that narrow two vectors of 32-bit sums to one of 16 bits take turns between blocks
// of 128 bits; in this order their result is that of the channels, whatever the vectors' length.
inline constexpr std::size_t PanelChannel(std::size_t i, std::size_t size) {
  const std::size_t half = size / 2, j = i % half;
  return j / 4 * 8 + i / half * 4 + j % 4;
}

struct TransformGemmArgs {
  const std::int16_t* rows;
  std::size_t row_stride;  // from a row to the next; even
  std::size_t row_count;
  std::size_t pairs;            // of inputs
  const std::int16_t* weights;  // [panel][pair][place][2]
  const std::int32_t* bias;     // [panel][place]
  int shift;                    // 1..30
  std::size_t channels;         // outputs, a multiple of kTransformTile
  bool leaky;
  const std::int16_t* gain;      // [channels], 0..32767; null: none
  const std::int16_t* residual;  // [row][residual_stride], may be `out`; null: none
  std::size_t residual_stride;
  std::int16_t* out;
  std::size_t out_stride;
};

// A 3x3 depth-wise layer along a row.
struct TransformDepthwiseArgs {
  const std::int16_t* rows[3];  // width + 2 positions each: one more to the left and to the right
  std::size_t width;
  std::size_t channels;  // a multiple of kTransformTile
  // [panel][6][place][2]: taps of rows 0 and 1 for columns 0, 1, 2; then row 2 and zero.
  const std::int16_t* weights;
  const std::int32_t* bias;  // [panel][place]
  int shift;
  std::int16_t* out;  // [width][channels]
};

struct TransformKernels {
  void (*gemm)(const TransformGemmArgs&);
  void (*depthwise)(const TransformDepthwiseArgs&);
};

// REQUIRES: IsaSupported(isa).
const TransformKernels& TransformKernelsFor(Isa isa);

}  // namespace halfmoon::runtime
