// Read me first: this file is compiled once per instruction set, as int_kernels.cc is: the first
// half must stay free of includes and of anything with static storage.
//
// The GEMM is a register tile of rows x a pair of vectors of sums, whose outputs are neighbours
// once the pair is narrowed. Per pair of inputs it loads the weights once and broadcasts each row's
// pair.
#include "models/runtime/layers/transform_kernels.h"

#include <algorithm>
#include <cstring>
#include <vector>

// As in int_kernels.cc.
#undef HWY_DISABLED_TARGETS
#define HWY_DISABLED_TARGETS \
  (HWY_SSSE3 | HWY_AVX3_DL | HWY_SVE | HWY_SVE2 | HWY_SVE_256 | HWY_SVE2_128 | HWY_RVV)
#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "models/runtime/layers/transform_kernels.cc"
#include <hwy/foreach_target.h>  // must come before highway.h
#include <hwy/highway.h>

#if HWY_TARGET != HWY_SCALAR && HWY_TARGET != HWY_EMU128

HWY_BEFORE_NAMESPACE();
namespace halfmoon::runtime {
namespace HWY_NAMESPACE {

namespace hn = hwy::HWY_NAMESPACE;

// Vectors of up to 32 and of up to 16 lanes of 16 bits: for whole panels and for half ones.
using Whole = hn::CappedTag<std::int16_t, kTransformPanel>;
using Half = hn::CappedTag<std::int16_t, kTransformTile>;
template <class D>
using Wide = hn::RepartitionToWide<D>;
template <class D>
using V16 = hn::Vec<D>;
template <class D>
using V32 = hn::Vec<Wide<D>>;

// Rows of a register tile: 24 of 32 registers hold sums with AVX-512, 10 of 16 otherwise. With 8
// or 12 of 16 the fastest of them is 5 % slower.
constexpr std::size_t kTileRows = HWY_TARGET == HWY_AVX3 ? 12 : 5;

// Whether product and sum are one instruction, vpdpwssd. Highway 1.0.3 has none for it, and lets
// the compiler use AVX-VNNI where it compiles for AVX3_DL, which is something else.
enum class Vnni { kNo, kYes };

// A sum of products of pairs. Highway's operation leaves parts of it in neighbouring lanes of two
// vectors on processors other than x86, so what it starts with is added last.
template <class D, Vnni kVnni>
struct Sum {
  V32<D> low;
#if !HWY_ARCH_X86
  V32<D> high, start;
#endif

  // GCC compiles a constructor that nobody wrote for the processor's baseline.
  HWY_INLINE Sum() {}

  HWY_INLINE void Start(V32<D> v) {
#if HWY_ARCH_X86
    low = v;
#else
    low = high = hn::Zero(Wide<D>());
    start = v;
#endif
  }
  HWY_INLINE void Add(V16<D> a, V16<D> b) {
#if HWY_TARGET == HWY_AVX3
    if constexpr (kVnni == Vnni::kYes) {
      asm("vpdpwssd %[b], %[a], %[sum]" : [sum] "+v"(low.raw) : [a] "v"(a.raw), [b] "v"(b.raw));
      return;
    }
#endif
#if HWY_ARCH_X86
    V32<D> unused = hn::Zero(Wide<D>());
    low = hn::ReorderWidenMulAccumulate(Wide<D>(), a, b, low, unused);
#else
    low = hn::ReorderWidenMulAccumulate(Wide<D>(), a, b, low, high);
#endif
  }
  HWY_INLINE V32<D> Total() const {
#if HWY_ARCH_X86
    return low;
#else
    return hn::Add(hn::RearrangeToOddPlusEven(low, high), start);
#endif
  }
};

template <class D, Vnni kVnni>
HWY_INLINE V16<D> Narrow(const Sum<D, kVnni>& a, const Sum<D, kVnni>& b, int shift) {
  return hn::ReorderDemote2To(D(), hn::ShiftRightSame(a.Total(), shift),
                              hn::ShiftRightSame(b.Total(), shift));
}

// `place`: of the first vector of sums in its panel of `size` outputs.
template <class D, Vnni kVnni, std::size_t kRows>
HWY_INLINE void GemmTile(const TransformGemmArgs& args, const std::int16_t* HWY_RESTRICT weights,
                         const std::int32_t* bias, std::size_t size, std::size_t row,
                         std::size_t channel) {
  constexpr Wide<D> d32;
  Sum<D, kVnni> low[kRows], high[kRows];
  const V32<D> start_low = hn::LoadU(d32, bias), start_high = hn::LoadU(d32, bias + size / 2);
#pragma GCC unroll 16
  for (std::size_t r = 0; r < kRows; ++r) {
    low[r].Start(start_low);
    high[r].Start(start_high);
  }
  const std::size_t stride = args.row_stride;
  const std::int16_t* HWY_RESTRICT a = args.rows + row * stride;
  for (std::size_t pair = args.pairs; pair != 0; --pair, a += 2, weights += 2 * size) {
    const V16<D> w_low = hn::LoadU(D(), weights), w_high = hn::LoadU(D(), weights + size);
#pragma GCC unroll 16
    for (std::size_t r = 0; r < kRows; ++r) {
      std::int32_t two;
      std::memcpy(&two, a + r * stride, sizeof(two));
      const V16<D> input = hn::BitCast(D(), hn::Set(d32, two));
      low[r].Add(input, w_low);
      high[r].Add(input, w_high);
    }
  }
#pragma GCC unroll 16
  for (std::size_t r = 0; r < kRows; ++r) {
    V16<D> v = Narrow<D, kVnni>(low[r], high[r], args.shift);
    if (args.leaky) v = hn::Max(v, hn::MulFixedPoint15(v, hn::Set(D(), kLeakySlope)));
    if (args.gain != nullptr) v = hn::MulFixedPoint15(v, hn::LoadU(D(), args.gain + channel));
    if (args.residual != nullptr) {
      v = hn::SaturatedAdd(
          v, hn::LoadU(D(), args.residual + (row + r) * args.residual_stride + channel));
    }
    hn::StoreU(v, D(), args.out + (row + r) * args.out_stride + channel);
  }
}

template <class D, Vnni kVnni, std::size_t kRows>
HWY_INLINE void AnyTile(std::size_t rows, const TransformGemmArgs& args,
                        const std::int16_t* weights, const std::int32_t* bias, std::size_t size,
                        std::size_t row, std::size_t channel) {
  if constexpr (kRows > 1) {
    if (rows < kRows)
      return AnyTile<D, kVnni, kRows - 1>(rows, args, weights, bias, size, row, channel);
  }
  GemmTile<D, kVnni, kRows>(args, weights, bias, size, row, channel);
}

// A panel of `size` outputs, from output `channel` on.
template <class D, Vnni kVnni>
HWY_INLINE void Panel(const TransformGemmArgs& args, std::size_t size, std::size_t channel) {
  constexpr std::size_t kOutputs = hn::MaxLanes(D());
  const std::int16_t* weights = args.weights + channel * args.pairs * 2;
  const std::int32_t* bias = args.bias + channel;
  // Tiles of much the same height: a low one costs nearly as much as a high one.
  const std::size_t tiles = (args.row_count + kTileRows - 1) / kTileRows;
  for (std::size_t i = 0; i < size; i += kOutputs) {
    for (std::size_t t = 0; t < tiles; ++t) {
      const std::size_t row = args.row_count * t / tiles, end = args.row_count * (t + 1) / tiles;
      AnyTile<D, kVnni, kTileRows>(end - row, args, weights + i, bias + i / 2, size, row,
                                   channel + i);
    }
  }
}

template <Vnni kVnni>
void Gemm(const TransformGemmArgs& args) {
  // Panels outside: a panel's weights stay in the first cache while the rows pass.
  std::size_t channel = 0;
  for (; channel + kTransformPanel <= args.channels; channel += kTransformPanel)
    Panel<Whole, kVnni>(args, kTransformPanel, channel);
  if (channel < args.channels) Panel<Half, kVnni>(args, kTransformTile, channel);
}

// Inputs of three rows at one column: rows 0 and 1 side by side, row 2 with zeros, each for the
// lower and the upper places.
template <class D>
struct Column {
  V16<D> low[2], high[2];

  HWY_INLINE Column() {}  // as that of Sum

  HWY_INLINE void Load(const TransformDepthwiseArgs& args, std::size_t x, std::size_t channel) {
    const std::size_t at = x * args.channels + channel;
    const V16<D> a = hn::LoadU(D(), args.rows[0] + at), b = hn::LoadU(D(), args.rows[1] + at),
                 c = hn::LoadU(D(), args.rows[2] + at), zero = hn::Zero(D());
    low[0] = hn::InterleaveLower(D(), a, b);
    high[0] = hn::InterleaveUpper(D(), a, b);
    low[1] = hn::InterleaveLower(D(), c, zero);
    high[1] = hn::InterleaveUpper(D(), c, zero);
  }
};

template <class D, Vnni kVnni>
HWY_INLINE void DepthwisePanel(const TransformDepthwiseArgs& args, std::size_t size,
                               std::size_t first) {
  constexpr std::size_t kOutputs = hn::MaxLanes(D());
  constexpr Wide<D> d32;
  for (std::size_t i = 0; i < size; i += kOutputs) {
    const std::int16_t* HWY_RESTRICT weights = args.weights + first * 12 + i;
    V16<D> w_low[6], w_high[6];
#pragma GCC unroll 6
    for (std::size_t t = 0; t < 6; ++t) {
      w_low[t] = hn::LoadU(D(), weights + t * 2 * size);
      w_high[t] = hn::LoadU(D(), weights + t * 2 * size + size);
    }
    const std::int32_t* bias = args.bias + first + i / 2;
    const V32<D> start_low = hn::LoadU(d32, bias), start_high = hn::LoadU(d32, bias + size / 2);
    const std::size_t channel = first + i;
    Column<D> left, middle, right;
    left.Load(args, 0, channel);
    middle.Load(args, 1, channel);
    for (std::size_t x = 0; x < args.width; ++x) {
      right.Load(args, x + 2, channel);
      Sum<D, kVnni> low, high;
      low.Start(start_low);
      high.Start(start_high);
#pragma GCC unroll 2
      for (std::size_t k = 0; k < 2; ++k) {
        low.Add(left.low[k], w_low[3 * k]);
        high.Add(left.high[k], w_high[3 * k]);
        low.Add(middle.low[k], w_low[3 * k + 1]);
        high.Add(middle.high[k], w_high[3 * k + 1]);
        low.Add(right.low[k], w_low[3 * k + 2]);
        high.Add(right.high[k], w_high[3 * k + 2]);
      }
      hn::StoreU(Narrow<D, kVnni>(low, high, args.shift), D(),
                 args.out + x * args.channels + channel);
      left = middle;
      middle = right;
    }
  }
}

template <Vnni kVnni>
void Depthwise(const TransformDepthwiseArgs& args) {
  std::size_t channel = 0;
  for (; channel + kTransformPanel <= args.channels; channel += kTransformPanel)
    DepthwisePanel<Whole, kVnni>(args, kTransformPanel, channel);
  if (channel < args.channels) DepthwisePanel<Half, kVnni>(args, kTransformTile, channel);
}

template <Vnni kVnni>
TransformKernels GetKernels() {
  return {&Gemm<kVnni>, &Depthwise<kVnni>};
}

}  // namespace HWY_NAMESPACE
}  // namespace halfmoon::runtime
HWY_AFTER_NAMESPACE();

#endif  // a SIMD target

#if HWY_ONCE

namespace halfmoon::runtime {
namespace {

// --- The reference ---------------------------------------------------------------------------

std::int16_t Saturate(std::int32_t v) {
  return static_cast<std::int16_t>(std::clamp(v, -32768, 32767));
}

std::int16_t MulFixed(std::int16_t v, std::int16_t factor) {
  return static_cast<std::int16_t>((std::int32_t{v} * factor + (1 << 14)) >> 15);
}

std::size_t PanelSize(std::size_t channels, std::size_t first) {
  return std::min(kTransformPanel, channels - first);
}

void GemmScalar(const TransformGemmArgs& args) {
  for (std::size_t row = 0; row < args.row_count; ++row) {
    const std::int16_t* a = args.rows + row * args.row_stride;
    for (std::size_t first = 0; first < args.channels; first += kTransformPanel) {
      const std::size_t size = PanelSize(args.channels, first);
      std::int32_t sums[kTransformPanel];
      std::copy_n(args.bias + first, size, sums);
      const std::int16_t* w = args.weights + first * args.pairs * 2;
      for (std::size_t pair = 0; pair < args.pairs; ++pair, w += 2 * size) {
        for (std::size_t i = 0; i < size; ++i)
          sums[i] += w[2 * i] * a[2 * pair] + w[2 * i + 1] * a[2 * pair + 1];
      }
      for (std::size_t i = 0; i < size; ++i) {
        const std::size_t c = first + PanelChannel(i, size);
        std::int16_t v = Saturate(sums[i] >> args.shift);
        if (args.leaky) v = std::max(v, MulFixed(v, kLeakySlope));
        if (args.gain != nullptr) v = MulFixed(v, args.gain[c]);
        if (args.residual != nullptr)
          v = Saturate(v + args.residual[row * args.residual_stride + c]);
        args.out[row * args.out_stride + c] = v;
      }
    }
  }
}

void DepthwiseScalar(const TransformDepthwiseArgs& args) {
  for (std::size_t first = 0; first < args.channels; first += kTransformPanel) {
    const std::size_t size = PanelSize(args.channels, first);
    for (std::size_t i = 0; i < size; ++i) {
      const std::size_t c = first + PanelChannel(i, size);
      for (std::size_t x = 0; x < args.width; ++x) {
        std::int32_t sum = args.bias[first + i];
        for (std::size_t t = 0; t < 3; ++t) {
          const std::int16_t* w = args.weights + first * 12 + (t * size + i) * 2;
          const std::size_t at = (x + t) * args.channels + c;
          sum += w[0] * args.rows[0][at] + w[1] * args.rows[1][at] +
                 w[3 * 2 * size] * args.rows[2][at];
        }
        args.out[x * args.channels + c] = Saturate(sum >> args.shift);
      }
    }
  }
}

struct Implementation {
  Isa isa;
  TransformKernels kernels;
};

}  // namespace

const TransformKernels& TransformKernelsFor(Isa isa) {
  static const std::vector<Implementation> implementations = {
    {Isa::kScalar, {&GemmScalar, &DepthwiseScalar}},
#if HWY_ARCH_X86
#if HWY_TARGETS & HWY_SSE4
    {Isa::kSse4, N_SSE4::GetKernels<N_SSE4::Vnni::kNo>()},
#endif
#if HWY_TARGETS & HWY_AVX2
    {Isa::kAvx2, N_AVX2::GetKernels<N_AVX2::Vnni::kNo>()},
#endif
#if HWY_TARGETS & HWY_AVX3
    {Isa::kAvx512, N_AVX3::GetKernels<N_AVX3::Vnni::kNo>()},
    {Isa::kAvx512Vnni, N_AVX3::GetKernels<N_AVX3::Vnni::kYes>()},
#endif
#elif HWY_STATIC_TARGET != HWY_SCALAR && HWY_STATIC_TARGET != HWY_EMU128
    {Isa::kNative, HWY_STATIC_DISPATCH(GetKernels<HWY_STATIC_DISPATCH(Vnni)::kNo>)()},
#endif
  };
  for (const Implementation& implementation : implementations) {
    if (implementation.isa == isa) return implementation.kernels;
  }
  return implementations.front().kernels;  // a broken REQUIRES still gives right results
}

}  // namespace halfmoon::runtime

#endif  // HWY_ONCE
