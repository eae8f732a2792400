// Read me first: this file is compiled once per instruction set (foreach_target.h includes it again
// and again). The first half is inside HWY_NAMESPACE and must stay free of includes and of anything
// with static storage; the second half (HWY_ONCE) is compiled once.
//
// The GEMM is a register tile of kTileRows rows x one panel of 16 output channels. Per pair of
// input channels it loads the panel's 32 weights, broadcasts each row's pair, and adds the
// pairwise products (pmaddwd on x86: exact for |w| <= 32767, |a| <= 4095).
#include "models/runtime/layers/int_kernels.h"

#include <algorithm>
#include <cstdlib>
#include <cstring>
#include <string>

// One x86 target per step in width; scalable vectors cannot be held in arrays.
#undef HWY_DISABLED_TARGETS
#define HWY_DISABLED_TARGETS \
  (HWY_SSSE3 | HWY_AVX3_DL | HWY_SVE | HWY_SVE2 | HWY_SVE_256 | HWY_SVE2_128 | HWY_RVV)
#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "models/runtime/layers/int_kernels.cc"
#include <hwy/foreach_target.h>  // must come before highway.h
#include <hwy/highway.h>

#if HWY_TARGET != HWY_SCALAR && HWY_TARGET != HWY_EMU128

HWY_BEFORE_NAMESPACE();
namespace halfmoon::runtime {
namespace HWY_NAMESPACE {

namespace hn = hwy::HWY_NAMESPACE;

constexpr hn::CappedTag<std::int16_t, 2 * kPanel> kD16;
constexpr hn::RepartitionToWide<decltype(kD16)> kD32;
constexpr hn::RepartitionToWide<decltype(kD32)> kD64;
constexpr hn::RebindToUnsigned<decltype(kD64)> kDU64;
constexpr hn::Rebind<std::int16_t, decltype(kD32)> kD16Half;
using V32 = hn::Vec<decltype(kD32)>;
using V64 = hn::Vec<decltype(kD64)>;

constexpr std::size_t kLanes32 = hn::MaxLanes(kD32);
constexpr std::size_t kVectors = kPanel / kLanes32;  // per panel
// Sums held in registers: 8 vectors of 16 registers (12 of 32 with AVX-512). Not 12 of 16, although
// they fit: GCC 12 then loads the broadcasts early and spills sums (45 ms instead of 33 ms for the
// prior of a 768x512 picture).
constexpr std::size_t kTileRows = kVectors == 1 ? 12 : kVectors == 2 ? 4 : 2;
static_assert(kRowMultiple % kTileRows == 0);

// 64-bit lanes of one parity: `product` = sum * multiplier.
HWY_INLINE V64 Requantise64(V64 product, const PanelRequant& q, std::size_t parity,
                            std::size_t first) {
  const auto biased =
      hn::Add(hn::BitCast(kDU64, product), hn::LoadU(kDU64, q.rounding[parity] + first));
  const auto shifted = hn::Shr(biased, hn::LoadU(kDU64, q.shift64[parity] + first));
  const V64 value = hn::BitCast(kD64, hn::Sub(shifted, hn::LoadU(kDU64, q.unbias[parity] + first)));
  return hn::Min(hn::Max(value, hn::LoadU(kD64, q.lo64[parity] + first)),
                 hn::LoadU(kD64, q.hi64[parity] + first));
}

// Sums of vector `v` of a panel -> kLanes32 int16 at out.
HWY_INLINE void RequantiseVector(V32 sum, const PanelRequant& q, std::size_t v,
                                 std::int16_t* HWY_RESTRICT out) {
  const V32 multiplier = hn::LoadU(kD32, q.multiplier + v * kLanes32);
  const V64 even = hn::MulEven(sum, multiplier);
  const V64 odd =
      hn::MulEven(hn::BitCast(kD32, hn::ShiftRight<32>(hn::BitCast(kDU64, sum))),
                  hn::BitCast(kD32, hn::ShiftRight<32>(hn::BitCast(kDU64, multiplier))));
  const std::size_t first = v * kLanes32 / 2;
  const V64 out_even = Requantise64(even, q, 0, first);
  const V64 out_odd = Requantise64(odd, q, 1, first);
  const V32 both =
      hn::OddEven(hn::BitCast(kD32, hn::ShiftLeft<32>(out_odd)), hn::BitCast(kD32, out_even));
  hn::StoreU(hn::DemoteTo(kD16Half, both), kD16Half, out + v * kLanes32);
}

HWY_INLINE void GemmTile(const GemmArgs& args, std::size_t row, std::size_t panel) {
  V32 sum[kTileRows][kVectors];
  V32 sum_high[kTileRows][kVectors];  // a second register on targets other than x86; unused there
#pragma GCC unroll 16
  for (std::size_t r = 0; r < kTileRows; ++r) {
#pragma GCC unroll 4
    for (std::size_t v = 0; v < kVectors; ++v) {
      sum[r][v] = hn::Zero(kD32);
      sum_high[r][v] = hn::Zero(kD32);
    }
  }
  const std::size_t stride = args.row_stride;
  const std::int16_t* HWY_RESTRICT a = args.rows + row * stride;
  const std::int16_t* HWY_RESTRICT panel_weights =
      args.weights + panel * args.pairs_per_panel * 2 * kPanel;
  for (std::size_t i = 0; i < args.run_count; ++i) {
    const std::int16_t* HWY_RESTRICT w = panel_weights + args.runs[i].begin * 2 * kPanel;
    for (std::size_t pair = args.runs[i].count; pair != 0; --pair) {
      hn::Vec<decltype(kD16)> weights[kVectors];
#pragma GCC unroll 4
      for (std::size_t v = 0; v < kVectors; ++v) {
        weights[v] = hn::LoadU(kD16, w + v * 2 * kLanes32);
      }
#pragma GCC unroll 16
      for (std::size_t r = 0; r < kTileRows; ++r) {
        std::int32_t two;
        std::memcpy(&two, a + r * stride, sizeof(two));
        const auto input = hn::BitCast(kD16, hn::Set(kD32, two));
#pragma GCC unroll 4
        for (std::size_t v = 0; v < kVectors; ++v) {
          sum[r][v] =
              hn::ReorderWidenMulAccumulate(kD32, input, weights[v], sum[r][v], sum_high[r][v]);
        }
      }
      a += 2;
      w += 2 * kPanel;
    }
  }
  const PanelRequant& requant = args.requant[panel];
#pragma GCC unroll 4
  for (std::size_t v = 0; v < kVectors; ++v) {
    const V32 bias = hn::LoadU(kD32, args.bias + panel * kPanel + v * kLanes32);
#pragma GCC unroll 16
    for (std::size_t r = 0; r < kTileRows; ++r) {
      const V32 total = hn::Add(hn::RearrangeToOddPlusEven(sum[r][v], sum_high[r][v]), bias);
      RequantiseVector(total, requant, v, args.out + (row + r) * args.out_stride + panel * kPanel);
    }
  }
}

void Gemm(const GemmArgs& args) {
  // Panels outside: a panel's weights (some 20 KiB) stay in the first cache while the rows pass.
  for (std::size_t panel = 0; panel < args.panel_count; ++panel) {
    for (std::size_t row = 0; row < args.row_count; row += kTileRows) GemmTile(args, row, panel);
  }
}

void Depthwise(const DepthwiseArgs& args) {
  for (std::size_t panel = 0; panel < args.panel_count; ++panel) {
    const std::int16_t* HWY_RESTRICT weights = args.weights + panel * 9 * kPanel;
    for (std::size_t v = 0; v < kVectors; ++v) {
      const std::size_t channel = panel * kPanel + v * kLanes32;
      V32 sum = hn::LoadU(kD32, args.bias + channel);
      for (std::size_t tap = 0; tap < 9; ++tap) {
        const V32 input = hn::PromoteTo(kD32, hn::LoadU(kD16Half, args.taps[tap] + channel));
        const V32 weight =
            hn::PromoteTo(kD32, hn::LoadU(kD16Half, weights + tap * kPanel + v * kLanes32));
        sum = hn::Add(sum, hn::Mul(input, weight));
      }
      RequantiseVector(sum, args.requant[panel], v, args.out + panel * kPanel);
    }
  }
}

// A function, not a table: nothing with static storage may be compiled for a target the processor
// lacks.
Kernels GetKernels() { return {&Gemm, &Depthwise}; }

}  // namespace HWY_NAMESPACE
}  // namespace halfmoon::runtime
HWY_AFTER_NAMESPACE();

#endif  // a SIMD target

#if HWY_ONCE

namespace halfmoon::runtime {
namespace {

// --- The reference ---------------------------------------------------------------------------

std::int16_t RequantiseScalar(std::int32_t sum, const PanelRequant& q, std::size_t channel) {
  const std::int64_t rounding = std::int64_t{1} << (q.shift[channel] - 1);
  const std::int64_t value =
      (std::int64_t{sum} * q.multiplier[channel] + rounding) >> q.shift[channel];
  return static_cast<std::int16_t>(
      std::clamp(value, std::int64_t{q.lo[channel]}, std::int64_t{q.hi[channel]}));
}

void GemmScalar(const GemmArgs& args) {
  for (std::size_t row = 0; row < args.row_count; ++row) {
    for (std::size_t panel = 0; panel < args.panel_count; ++panel) {
      std::int32_t sum[kPanel];
      std::copy_n(args.bias + panel * kPanel, kPanel, sum);
      const std::int16_t* a = args.rows + row * args.row_stride;
      for (std::size_t i = 0; i < args.run_count; ++i) {
        const std::int16_t* w =
            args.weights + (panel * args.pairs_per_panel + args.runs[i].begin) * 2 * kPanel;
        for (std::size_t pair = 0; pair < args.runs[i].count; ++pair, a += 2, w += 2 * kPanel) {
          for (std::size_t c = 0; c < kPanel; ++c) sum[c] += w[2 * c] * a[0] + w[2 * c + 1] * a[1];
        }
      }
      std::int16_t* out = args.out + row * args.out_stride + panel * kPanel;
      for (std::size_t c = 0; c < kPanel; ++c) {
        out[c] = RequantiseScalar(sum[c], args.requant[panel], c);
      }
    }
  }
}

void DepthwiseScalar(const DepthwiseArgs& args) {
  for (std::size_t panel = 0; panel < args.panel_count; ++panel) {
    for (std::size_t c = 0; c < kPanel; ++c) {
      const std::size_t channel = panel * kPanel + c;
      std::int32_t sum = args.bias[channel];
      for (std::size_t tap = 0; tap < 9; ++tap) {
        sum += args.weights[(panel * 9 + tap) * kPanel + c] * args.taps[tap][channel];
      }
      args.out[channel] = RequantiseScalar(sum, args.requant[panel], c);
    }
  }
}

// --- Choice of the instruction set -----------------------------------------------------------

struct Implementation {
  Isa isa;
  std::int64_t target;  // Highway's bit; 0 for the reference
  Kernels kernels;
};

// Ascending speed. Only what was compiled in.
const std::vector<Implementation>& Implementations() {
  static const std::vector<Implementation> implementations = {
    {Isa::kScalar, 0, {&GemmScalar, &DepthwiseScalar}},
#if HWY_ARCH_X86
#if HWY_TARGETS & HWY_SSE4
    {Isa::kSse4, HWY_SSE4, N_SSE4::GetKernels()},
#endif
#if HWY_TARGETS & HWY_AVX2
    {Isa::kAvx2, HWY_AVX2, N_AVX2::GetKernels()},
#endif
#if HWY_TARGETS & HWY_AVX3
    {Isa::kAvx512, HWY_AVX3, N_AVX3::GetKernels()},
    {Isa::kAvx512Vnni, HWY_AVX3_DL, N_AVX3::GetKernels()},
#endif
#elif HWY_STATIC_TARGET != HWY_SCALAR && HWY_STATIC_TARGET != HWY_EMU128
    {Isa::kNative, HWY_STATIC_TARGET, HWY_STATIC_DISPATCH(GetKernels)()},
#endif
  };
  return implementations;
}

const Implementation* Find(Isa isa) {
  for (const Implementation& implementation : Implementations()) {
    if (implementation.isa != isa) continue;
    const bool runs =
        implementation.target == 0 || (hwy::SupportedTargets() & implementation.target) != 0;
    return runs ? &implementation : nullptr;
  }
  return nullptr;
}

}  // namespace

std::string_view IsaName(Isa isa) {
  switch (isa) {
    case Isa::kScalar: return "scalar";
    case Isa::kSse4: return "sse4";
    case Isa::kAvx2: return "avx2";
    case Isa::kAvx512: return "avx512";
    case Isa::kAvx512Vnni: return "avx512vnni";
    case Isa::kNative: return "native";
  }
  return "unknown";
}

bool IsaSupported(Isa isa) { return Find(isa) != nullptr; }

std::vector<Isa> SupportedIsas() {
  std::vector<Isa> isas;
  for (const Implementation& implementation : Implementations()) {
    if (IsaSupported(implementation.isa)) isas.push_back(implementation.isa);
  }
  return isas;
}

Isa BestIsa() { return SupportedIsas().back(); }

Result<Isa> IsaFromEnvironment() {
  const char* name = std::getenv("HALFMOON_ISA");  // NOLINT(concurrency-mt-unsafe)
  if (name == nullptr || name[0] == '\0') return BestIsa();
  std::string supported;
  for (const Isa isa : SupportedIsas()) {
    supported += (supported.empty() ? "" : ", ") + std::string(IsaName(isa));
  }
  for (const Isa isa :
       {Isa::kScalar, Isa::kSse4, Isa::kAvx2, Isa::kAvx512, Isa::kAvx512Vnni, Isa::kNative}) {
    if (name != IsaName(isa)) continue;
    if (IsaSupported(isa)) return isa;
    return Status(StatusCode::kInvalidArgument,
                  "HALFMOON_ISA=" + std::string(name) +
                      " is not available on this processor; choose one of " + supported +
                      ", or unset it for the best");
  }
  return Status(StatusCode::kInvalidArgument, "HALFMOON_ISA=" + std::string(name).substr(0, 40) +
                                                  " is unknown; choose one of " + supported +
                                                  ", or unset it for the best");
}

Result<Isa> ChooseIsa(std::optional<Isa> wanted) {
  if (!wanted.has_value()) return IsaFromEnvironment();
  if (IsaSupported(*wanted)) return *wanted;
  return Status(StatusCode::kInvalidArgument, "instruction set " + std::string(IsaName(*wanted)) +
                                                  " is not available on this processor");
}

const Kernels& KernelsFor(Isa isa) {
  const Implementation* implementation = Find(isa);
  // A broken REQUIRES still gives right results, only slower.
  return (implementation != nullptr ? *implementation : Implementations().front()).kernels;
}

}  // namespace halfmoon::runtime

#endif  // HWY_ONCE
