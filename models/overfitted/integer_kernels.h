// The inner loops of decoding, integers only: the same numbers on every processor, for no sum
// leaves 32 bits (IntegerNetworks::Check), and so no order of summing matters.
//
// A layer takes 16-bit integers, sums products in 32 bits, shifts right by `shift` with rounding
// (floor((sum + 2^(shift - 1)) / 2^shift)), saturates to 16 bits, and then, where it says so, sets
// what is below 0 to 0 and adds the residual, saturating again.
#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

#include "models/overfitted/architecture.h"
#include "models/runtime/layers/int_kernels.h"

namespace halfmoon::overfitted {

// Bytes that a kernel may read and write behind the last position of a row.
inline constexpr std::size_t kRowSlack = 128;

// A layer as kernels take it: weights of two inputs side by side.
struct PackedLayer {
  std::size_t outputs = 0, pairs = 0;  // of inputs, the last one with a 0 where they are odd
  std::vector<std::int32_t> weights;   // [outputs][pairs], the lower 16 bits are the first input's
  std::vector<std::int32_t> bias;      // [outputs], with the rounding
  int shift = 0;
  bool relu = false;
};

// The three layers of the entropy model, by columns: [pairs][kPackedWidth] as above.
inline constexpr std::size_t kPackedWidth = 32;
inline constexpr std::size_t kContextPairs = kContext / 2;
static_assert(kContext % 2 == 0 && kContext <= kPackedWidth);
struct PackedEntropy {
  alignas(64) std::int32_t weights[3][kContextPairs][kPackedWidth] = {};
  alignas(64) std::int32_t bias[3][kPackedWidth] = {};  // with the rounding
  int shift[3] = {};
};

struct IntegerKernels {
  // out[o][p] of layer for p in [0, count). in: 2 * pairs rows; residual: rows, or null.
  void (*layer)(const PackedLayer& layer, const std::int16_t* const* in,
                const std::int16_t* const* residual, std::int16_t* const* out, std::size_t count);
  // The entropy model at one position. context: kPackedWidth integers, those behind kContext are 0.
  // out: the two outputs, not saturated.
  void (*entropy)(const PackedEntropy& entropy, const std::int16_t* context, std::int32_t* out);
  // out[2i] = even[i], out[2i + 1] = odd[i].
  void (*interleave)(const std::int16_t* even, const std::int16_t* odd, std::int16_t* out,
                     std::size_t count);
};

// REQUIRES: runtime::IsaSupported(isa).
const IntegerKernels& IntegerKernelsFor(runtime::Isa isa);

}  // namespace halfmoon::overfitted
