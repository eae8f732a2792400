// Read me first: this file is compiled once per instruction set, as int_kernels.cc is, and with
// -ffp-contract=off: a compiler that fuses a product and a sum of its own accord changes bits.
//
// The GEMM is a register tile of rows x two vectors of output channels. Per input channel it loads
// the weights once and broadcasts each row's input.
#include "models/runtime/layers/float_kernels.h"

#include <algorithm>
#include <cmath>
#include <cstdint>

#undef HWY_DISABLED_TARGETS
#define HWY_DISABLED_TARGETS \
  (HWY_SSSE3 | HWY_AVX3_DL | HWY_SVE | HWY_SVE2 | HWY_SVE_256 | HWY_SVE2_128 | HWY_RVV)
#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "models/runtime/layers/float_kernels.cc"
#include <hwy/foreach_target.h>  // must come before highway.h
#include <hwy/highway.h>

#if HWY_TARGET != HWY_SCALAR && HWY_TARGET != HWY_EMU128

HWY_BEFORE_NAMESPACE();
namespace halfmoon::runtime {
namespace HWY_NAMESPACE {

namespace hn = hwy::HWY_NAMESPACE;

constexpr hn::CappedTag<float, 16> kF;
using VF = hn::Vec<decltype(kF)>;
constexpr std::size_t kLanes = hn::MaxLanes(kF);
constexpr std::size_t kVectors = 2;  // of a register tile
constexpr std::size_t kTileChannels = kVectors * kLanes;
// Sums held in registers: 24 of 32 with AVX-512, 12 of 16 otherwise.
constexpr std::size_t kTileRows = kLanes == 16 ? 12 : 6;
static_assert(kFloatPanel % kTileChannels == 0);
static_assert(kTileChannels % kFloatTile == 0 || kFloatTile % kTileChannels == 0);

#if HWY_TARGET == HWY_SSE4

constexpr hn::Repartition<double, decltype(kF)> kD;
constexpr hn::RebindToSigned<decltype(kD)> kI64;
constexpr hn::Half<decltype(kF)> kHalf;

// a * b + c of two floats, correctly rounded: the product is exact in double; the sum is rounded to
// odd there, after which rounding to float is right (Boldo and Melquiond 2008).
HWY_INLINE hn::Vec<decltype(kHalf)> FusedHalf(hn::Vec<decltype(kD)> a, hn::Vec<decltype(kD)> b,
                                              hn::Vec<decltype(kD)> c) {
  const auto p = hn::Mul(a, b);
  const auto s = hn::Add(p, c);
  const auto virtual_c = hn::Sub(s, p);  // Knuth's two-sum: s + error == p + c exactly
  const auto error = hn::Add(hn::Sub(p, hn::Sub(s, virtual_c)), hn::Sub(c, virtual_c));
  const auto bits = hn::BitCast(kI64, s);
  const auto one = hn::Set(kI64, 1);
  const auto even = hn::Eq(hn::And(bits, one), hn::Zero(kI64));
  const auto inexact = hn::RebindMask(kI64, hn::Ne(error, hn::Zero(kD)));
  // Away from zero when the error has the sum's sign, else towards it.
  const auto opposite = hn::Lt(hn::Xor(hn::BitCast(kI64, error), bits), hn::Zero(kI64));
  const auto step = hn::IfThenElse(opposite, hn::Set(kI64, -1), one);
  const auto odd = hn::Add(bits, hn::IfThenElseZero(hn::And(even, inexact), step));
  return hn::DemoteTo(kHalf, hn::BitCast(kD, odd));
}

HWY_INLINE VF FusedMulAdd(VF a, VF b, VF c) {
  const auto low =
      FusedHalf(hn::PromoteTo(kD, hn::LowerHalf(a)), hn::PromoteTo(kD, hn::LowerHalf(b)),
                hn::PromoteTo(kD, hn::LowerHalf(c)));
  const auto high = FusedHalf(hn::PromoteTo(kD, hn::UpperHalf(kHalf, a)),
                              hn::PromoteTo(kD, hn::UpperHalf(kHalf, b)),
                              hn::PromoteTo(kD, hn::UpperHalf(kHalf, c)));
  return hn::Combine(kF, high, low);
}

#else

HWY_INLINE VF FusedMulAdd(VF a, VF b, VF c) { return hn::MulAdd(a, b, c); }

#endif

template <std::size_t kRows>
HWY_INLINE void GemmTile(const FloatGemmArgs& args, std::size_t row, std::size_t channel) {
  const float* HWY_RESTRICT a = args.rows + row * args.row_stride;
  const float* HWY_RESTRICT w =
      args.weights + channel / kFloatPanel * args.depth * kFloatPanel + channel % kFloatPanel;
  float* HWY_RESTRICT out = args.out + row * args.out_stride + channel;
  VF sum[kRows][kVectors];
#pragma GCC unroll 4
  for (std::size_t v = 0; v < kVectors; ++v) {
    const VF start = args.bias ? hn::LoadU(kF, args.bias + channel + v * kLanes) : hn::Zero(kF);
#pragma GCC unroll 16
    for (std::size_t r = 0; r < kRows; ++r) {
      sum[r][v] = start;
    }
  }
  const std::size_t stride = args.row_stride;
  for (std::size_t k = 0; k < args.depth; ++k, ++a, w += kFloatPanel) {
    VF weights[kVectors];
#pragma GCC unroll 4
    for (std::size_t v = 0; v < kVectors; ++v) weights[v] = hn::LoadU(kF, w + v * kLanes);
#pragma GCC unroll 16
    for (std::size_t r = 0; r < kRows; ++r) {
      const VF input = hn::Set(kF, a[r * stride]);
#pragma GCC unroll 4
      for (std::size_t v = 0; v < kVectors; ++v)
        sum[r][v] = FusedMulAdd(weights[v], input, sum[r][v]);
    }
  }
  const VF slope = hn::Set(kF, args.slope);
#pragma GCC unroll 16
  for (std::size_t r = 0; r < kRows; ++r) {
#pragma GCC unroll 4
    for (std::size_t v = 0; v < kVectors; ++v) {
      VF value = sum[r][v];
      if (args.slope != 1) {
        value = hn::IfThenElse(hn::Lt(value, hn::Zero(kF)), hn::Mul(value, slope), value);
      }
      if (args.residual) {
        value = hn::Add(value, hn::LoadU(kF, args.residual + (row + r) * args.residual_stride +
                                                 channel + v * kLanes));
      }
      hn::StoreU(value, kF, out + r * args.out_stride + v * kLanes);
    }
  }
}

void Gemm(const FloatGemmArgs& args) {
  // Channels outside: a panel's weights stay in the first cache while the rows pass.
  for (std::size_t channel = 0; channel < args.channels; channel += kTileChannels) {
    std::size_t row = 0;
    for (; row + kTileRows <= args.row_count; row += kTileRows)
      GemmTile<kTileRows>(args, row, channel);
    if (kTileRows == 12 && row + 6 <= args.row_count) GemmTile<6>(args, row, channel), row += 6;
    for (; row + 2 <= args.row_count; row += 2) GemmTile<2>(args, row, channel);
    if (row < args.row_count) GemmTile<1>(args, row, channel);
  }
}

void Depthwise(const FloatDepthwiseArgs& args) {
  const std::size_t channels = args.channels;
  for (std::size_t c = 0; c < channels; c += kLanes) {
    VF weights[9];
#pragma GCC unroll 9
    for (std::size_t t = 0; t < 9; ++t) weights[t] = hn::LoadU(kF, args.weights + t * channels + c);
    const VF bias = hn::LoadU(kF, args.bias + c);
    for (std::size_t x = 0; x < args.width; ++x) {
      VF sum = bias;
#pragma GCC unroll 9
      for (std::size_t t = 0; t < 9; ++t) {
        const VF input = hn::LoadU(kF, args.rows[t / 3] + (x + t % 3) * channels + c);
        sum = FusedMulAdd(weights[t], input, sum);
      }
      hn::StoreU(sum, kF, args.out + x * channels + c);
    }
  }
}

FloatKernels GetFloatKernels() { return {&Gemm, &Depthwise}; }

}  // namespace HWY_NAMESPACE
}  // namespace halfmoon::runtime
HWY_AFTER_NAMESPACE();

#endif  // a SIMD target

#if HWY_ONCE

namespace halfmoon::runtime {
namespace {

// --- The reference ---------------------------------------------------------------------------

void GemmScalar(const FloatGemmArgs& args) {
  for (std::size_t row = 0; row < args.row_count; ++row) {
    const float* a = args.rows + row * args.row_stride;
    float* out = args.out + row * args.out_stride;
    for (std::size_t n = 0; n < args.channels; ++n) {
      const float* w = args.weights + n / kFloatPanel * args.depth * kFloatPanel + n % kFloatPanel;
      float sum = args.bias ? args.bias[n] : 0.0f;
      for (std::size_t k = 0; k < args.depth; ++k) sum = std::fma(w[k * kFloatPanel], a[k], sum);
      if (args.slope != 1 && sum < 0) sum *= args.slope;
      if (args.residual) sum += args.residual[row * args.residual_stride + n];
      out[n] = sum;
    }
  }
}

void DepthwiseScalar(const FloatDepthwiseArgs& args) {
  for (std::size_t x = 0; x < args.width; ++x) {
    for (std::size_t c = 0; c < args.channels; ++c) {
      float sum = args.bias[c];
      for (std::size_t t = 0; t < 9; ++t) {
        sum = std::fma(args.weights[t * args.channels + c],
                       args.rows[t / 3][(x + t % 3) * args.channels + c], sum);
      }
      args.out[x * args.channels + c] = sum;
    }
  }
}

struct Implementation {
  Isa isa;
  FloatKernels kernels;
};

}  // namespace

const FloatKernels& FloatKernelsFor(Isa isa) {
  static const std::vector<Implementation> implementations = {
    {Isa::kScalar, {&GemmScalar, &DepthwiseScalar}},
#if HWY_ARCH_X86
#if HWY_TARGETS & HWY_SSE4
    {Isa::kSse4, N_SSE4::GetFloatKernels()},
#endif
#if HWY_TARGETS & HWY_AVX2
    {Isa::kAvx2, N_AVX2::GetFloatKernels()},
#endif
#if HWY_TARGETS & HWY_AVX3
    {Isa::kAvx512, N_AVX3::GetFloatKernels()},
    {Isa::kAvx512Vnni, N_AVX3::GetFloatKernels()},
#endif
#elif HWY_STATIC_TARGET != HWY_SCALAR && HWY_STATIC_TARGET != HWY_EMU128
    {Isa::kNative, HWY_STATIC_DISPATCH(GetFloatKernels)()},
#endif
  };
  for (const Implementation& implementation : implementations) {
    if (implementation.isa == isa) return implementation.kernels;
  }
  return implementations.front().kernels;  // a broken REQUIRES still gives right results
}

}  // namespace halfmoon::runtime

#endif  // HWY_ONCE
