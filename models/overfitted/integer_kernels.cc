// Read me first: this file is compiled once per instruction set (foreach_target.h includes it again
// and again). The first half is inside HWY_NAMESPACE and must stay free of includes and of anything
// with static storage; the second half (HWY_ONCE) is compiled once.
#include "models/overfitted/integer_kernels.h"

#include <algorithm>
#include <cstring>

// One x86 target per step in width, as in models/runtime/layers/int_kernels.cc.
#undef HWY_DISABLED_TARGETS
#define HWY_DISABLED_TARGETS \
  (HWY_SSSE3 | HWY_AVX3_DL | HWY_SVE | HWY_SVE2 | HWY_SVE_256 | HWY_SVE2_128 | HWY_RVV)
#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "models/overfitted/integer_kernels.cc"
#include <hwy/foreach_target.h>  // must come before highway.h
#include <hwy/highway.h>

#if HWY_TARGET != HWY_SCALAR && HWY_TARGET != HWY_EMU128

HWY_BEFORE_NAMESPACE();
namespace halfmoon::overfitted {
namespace HWY_NAMESPACE {

namespace hn = hwy::HWY_NAMESPACE;

constexpr hn::ScalableTag<std::int16_t> kD16;
constexpr hn::RepartitionToWide<decltype(kD16)> kD32;
constexpr hn::Rebind<std::int16_t, decltype(kD32)> kD16Half;
using V16 = hn::Vec<decltype(kD16)>;
using V32 = hn::Vec<decltype(kD32)>;
constexpr std::size_t kLanes16 = hn::MaxLanes(kD16);
constexpr std::size_t kLanes32 = hn::MaxLanes(kD32);
static_assert(2 * kLanes16 <= kRowSlack);

// sum + the products of a pair of inputs with a pair of weights: exact, no lane leaves 32 bits.
HWY_INLINE V32 AddPairs(V16 inputs, V16 weights, V32 sum) {
#if HWY_ARCH_X86
  V32 unused = hn::Zero(kD32);
  return hn::ReorderWidenMulAccumulate(kD32, inputs, weights, sum, unused);
#else
  V32 high = hn::Zero(kD32);
  const V32 low = hn::ReorderWidenMulAccumulate(kD32, inputs, weights, sum, high);
  return hn::RearrangeToOddPlusEven(low, high);
#endif
}

// A layer of `kPairs` pairs, or of any number below kMostPairs for 0.
constexpr std::size_t kMostPairs = 32;
template <std::size_t kPairs>
HWY_INLINE void Layer(const PackedLayer& layer, const std::int16_t* const* in,
                      const std::int16_t* const* residual, std::int16_t* const* out,
                      std::size_t count) {
  const std::size_t pairs = kPairs == 0 ? layer.pairs : kPairs;
  const auto zero = hn::Zero(kD16);
  for (std::size_t p = 0; p < count; p += kLanes16) {
    // Two inputs side by side: positions whose inputs lie in the lower, and in the upper halves of
    // 128-bit blocks.
    V16 low[kPairs == 0 ? kMostPairs : kPairs], high[kPairs == 0 ? kMostPairs : kPairs];
#pragma GCC unroll 4
    for (std::size_t k = 0; k < pairs; ++k) {
      const V16 a = hn::LoadU(kD16, in[2 * k] + p), b = hn::LoadU(kD16, in[2 * k + 1] + p);
      low[k] = hn::InterleaveLower(kD16, a, b);
      high[k] = hn::InterleaveUpper(kD16, a, b);
    }
    for (std::size_t o = 0; o < layer.outputs; ++o) {
      V32 sum_low = hn::Set(kD32, layer.bias[o]), sum_high = sum_low;
      const std::int32_t* HWY_RESTRICT weights = layer.weights.data() + o * layer.pairs;
#pragma GCC unroll 4
      for (std::size_t k = 0; k < pairs; ++k) {
        const V16 w = hn::BitCast(kD16, hn::Set(kD32, weights[k]));
        sum_low = AddPairs(low[k], w, sum_low);
        sum_high = AddPairs(high[k], w, sum_high);
      }
      sum_low = hn::ShiftRightSame(sum_low, layer.shift);
      sum_high = hn::ShiftRightSame(sum_high, layer.shift);
      // Back in the order of positions.
      V16 v = hn::ReorderDemote2To(kD16, sum_low, sum_high);
      if (layer.relu) v = hn::Max(v, zero);
      if (residual != nullptr) v = hn::SaturatedAdd(v, hn::LoadU(kD16, residual[o] + p));
      hn::StoreU(v, kD16, out[o] + p);
    }
  }
}

void AnyLayer(const PackedLayer& layer, const std::int16_t* const* in,
              const std::int16_t* const* residual, std::int16_t* const* out, std::size_t count) {
  switch (layer.pairs) {
    case 2: return Layer<2>(layer, in, residual, out, count);
    case 4: return Layer<4>(layer, in, residual, out, count);
    default: return Layer<0>(layer, in, residual, out, count);
  }
}

// Layer `l` of the entropy model at one position, lanes [first, first + kLanes32) of its outputs.
HWY_INLINE V32 EntropySums(const PackedEntropy& e, std::size_t l, std::size_t first,
                           const std::int16_t* in) {
  V32 sum = hn::Load(kD32, e.bias[l] + first);
#pragma GCC unroll 10
  for (std::size_t k = 0; k < kContextPairs; ++k) {
    std::int32_t pair;
    std::memcpy(&pair, in + 2 * k, sizeof(pair));
    sum = AddPairs(hn::BitCast(kD16, hn::Set(kD32, pair)),
                   hn::BitCast(kD16, hn::Load(kD32, e.weights[l][k] + first)), sum);
  }
  return hn::ShiftRightSame(sum, e.shift[l]);
}

void Entropy(const PackedEntropy& e, const std::int16_t* context, std::int32_t* out) {
  alignas(64) std::int16_t hidden[2][kPackedWidth];
  const std::int16_t* in = context;
  for (std::size_t l = 0; l < 2; ++l) {
    for (std::size_t first = 0; first < kContext; first += kLanes32) {
      auto v = hn::DemoteTo(kD16Half, EntropySums(e, l, first, in));
      v = hn::Max(v, hn::Zero(kD16Half));
      hn::StoreU(hn::SaturatedAdd(v, hn::LoadU(kD16Half, in + first)), kD16Half, hidden[l] + first);
    }
    in = hidden[l];
  }
  alignas(64) std::int32_t last[kPackedWidth];
  hn::Store(EntropySums(e, 2, 0, in), kD32, last);
  out[0] = last[0];
  out[1] = last[1];
}

void Interleave(const std::int16_t* even, const std::int16_t* odd, std::int16_t* out,
                std::size_t count) {
  for (std::size_t i = 0; i < count; i += kLanes16)
    hn::StoreInterleaved2(hn::LoadU(kD16, even + i), hn::LoadU(kD16, odd + i), kD16, out + 2 * i);
}

// A function, not a table: nothing with static storage may be compiled for a target the processor
// lacks.
IntegerKernels GetKernels() { return {&AnyLayer, &Entropy, &Interleave}; }

}  // namespace HWY_NAMESPACE
}  // namespace halfmoon::overfitted
HWY_AFTER_NAMESPACE();

#endif  // a SIMD target

#if HWY_ONCE

namespace halfmoon::overfitted {
namespace {

// --- The reference ---------------------------------------------------------------------------

std::int16_t First(std::int32_t pair) { return static_cast<std::int16_t>(pair & 0xFFFF); }
std::int16_t Second(std::int32_t pair) { return static_cast<std::int16_t>(pair >> 16); }

std::int16_t Saturate(std::int32_t v) {
  return static_cast<std::int16_t>(std::clamp(v, -32768, 32767));
}

void LayerScalar(const PackedLayer& layer, const std::int16_t* const* in,
                 const std::int16_t* const* residual, std::int16_t* const* out, std::size_t count) {
  for (std::size_t o = 0; o < layer.outputs; ++o) {
    const std::int32_t* weights = layer.weights.data() + o * layer.pairs;
    for (std::size_t p = 0; p < count; ++p) {
      std::int32_t sum = layer.bias[o];
      for (std::size_t k = 0; k < layer.pairs; ++k)
        sum += First(weights[k]) * in[2 * k][p] + Second(weights[k]) * in[2 * k + 1][p];
      std::int16_t v = Saturate(sum >> layer.shift);
      if (layer.relu) v = std::max<std::int16_t>(v, 0);
      if (residual != nullptr) v = Saturate(v + residual[o][p]);
      out[o][p] = v;
    }
  }
}

void EntropyScalar(const PackedEntropy& e, const std::int16_t* context, std::int32_t* out) {
  const auto sum = [&](std::size_t l, std::size_t o, const std::int16_t* in) {
    std::int32_t s = e.bias[l][o];
    for (std::size_t k = 0; k < kContextPairs; ++k)
      s += First(e.weights[l][k][o]) * in[2 * k] + Second(e.weights[l][k][o]) * in[2 * k + 1];
    return s >> e.shift[l];
  };
  std::int16_t hidden[2][kContext];
  const std::int16_t* in = context;
  for (std::size_t l = 0; l < 2; ++l) {
    for (std::size_t o = 0; o < kContext; ++o)
      hidden[l][o] = Saturate(std::max<std::int16_t>(Saturate(sum(l, o, in)), 0) + in[o]);
    in = hidden[l];
  }
  out[0] = sum(2, 0, in);
  out[1] = sum(2, 1, in);
}

void InterleaveScalar(const std::int16_t* even, const std::int16_t* odd, std::int16_t* out,
                      std::size_t count) {
  for (std::size_t i = 0; i < count; ++i) {
    out[2 * i] = even[i];
    out[2 * i + 1] = odd[i];
  }
}

}  // namespace

const IntegerKernels& IntegerKernelsFor(runtime::Isa isa) {
  static const IntegerKernels scalar = {&LayerScalar, &EntropyScalar, &InterleaveScalar};
#if HWY_ARCH_X86
#if HWY_TARGETS & HWY_SSE4
  static const IntegerKernels sse4 = N_SSE4::GetKernels();
  if (isa == runtime::Isa::kSse4) return sse4;
#endif
#if HWY_TARGETS & HWY_AVX2
  static const IntegerKernels avx2 = N_AVX2::GetKernels();
  if (isa == runtime::Isa::kAvx2) return avx2;
#endif
#if HWY_TARGETS & HWY_AVX3
  static const IntegerKernels avx512 = N_AVX3::GetKernels();
  if (isa == runtime::Isa::kAvx512 || isa == runtime::Isa::kAvx512Vnni) return avx512;
#endif
#elif HWY_STATIC_TARGET != HWY_SCALAR && HWY_STATIC_TARGET != HWY_EMU128
  static const IntegerKernels native = HWY_STATIC_DISPATCH(GetKernels)();
  if (isa == runtime::Isa::kNative) return native;
#endif
  return scalar;
}

}  // namespace halfmoon::overfitted

#endif  // HWY_ONCE
