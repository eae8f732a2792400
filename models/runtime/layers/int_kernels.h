// The inner loops of the integer layers, one set per instruction set. Must not include Highway
// (only int_kernels.cc does), LibTorch, or use any floating-point type.
//
// Read me first: every instruction set gives the same bits because all of them compute exact
// int32 sums (the bounds are proved when a layer is loaded, see int_conv.h) and one requantisation
// rule. Nothing here saturates or rounds on the way. The weight layout does not depend on the
// instruction set either, so a loaded layer can be run with any of them.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string_view>
#include <vector>

#include "halfmoon/status.h"

namespace halfmoon::runtime {

enum class Isa {
  kScalar,  // plain C++, the reference
  kSse4,
  kAvx2,
  kAvx512,
  kAvx512Vnni,  // differs from kAvx512 in the pixel transforms alone
  kNative,      // the one SIMD target of a processor that is not x86 (e.g. NEON)
};

std::string_view IsaName(Isa isa);  // "scalar", "sse4", "avx2", "avx512", "avx512vnni", "native"
bool IsaSupported(Isa isa);         // compiled in, and this processor has it
std::vector<Isa> SupportedIsas();   // ascending speed; never empty
Isa BestIsa();

// The one named by the environment variable HALFMOON_ISA, or the best when it is unset or empty.
// Errors: kInvalidArgument for an unknown name or one this processor does not have.
Result<Isa> IsaFromEnvironment();

// What the caller wants, else what the environment says. Errors also: kInvalidArgument when this
// processor lacks what is wanted.
Result<Isa> ChooseIsa(std::optional<Isa> wanted);

// Outputs are computed in panels of this many channels, whatever the vector length.
inline constexpr std::size_t kPanel = 16;
// Row buffers are allocated (and zeroed) up to a multiple of this, the least common multiple of
// the register tiles' heights; a kernel may compute the rows of padding too.
inline constexpr std::size_t kRowMultiple = 12;

// How a panel's sums become activations: out = clamp((sum * multiplier + 2^(shift-1)) >> shift,
// lo, hi) in int64 with an arithmetic shift. The arrays of 64-bit lanes hold the same parameters
// for channels 0,2,4.. ([0]) and 1,3,5.. ([1]), the order in which a 32x32->64 bit multiplication
// delivers them. There is no arithmetic 64-bit shift below AVX-512, hence the bias: for any
// int64 v, v >> s == int64(((uint64(v) + 2^63) >> s) - (2^63 >> s)).
struct alignas(64) PanelRequant {
  std::int32_t multiplier[kPanel];
  std::int32_t shift[kPanel];
  std::int32_t lo[kPanel];
  std::int32_t hi[kPanel];
  std::uint64_t rounding[2][kPanel / 2];  // 2^63 + 2^(shift-1)
  std::uint64_t shift64[2][kPanel / 2];
  std::uint64_t unbias[2][kPanel / 2];  // 2^63 >> shift
  std::int64_t lo64[2][kPanel / 2];
  std::int64_t hi64[2][kPanel / 2];
};

// A range of input channels in pairs: pairs [begin, begin + count) of a panel.
struct PairRun {
  std::size_t begin;
  std::size_t count;
};

// Rows times panels. Row r's inputs lie at rows + r * row_stride as the concatenation of the runs
// (2 * count int16 each); inputs outside the runs count as 0.
struct GemmArgs {
  const std::int16_t* rows;
  std::size_t row_stride;
  std::size_t row_count;  // storage exists up to the next multiple of kRowMultiple, in and out
  const PairRun* runs;
  std::size_t run_count;
  const std::int16_t* weights;  // [panel][pair][kPanel][2]
  std::size_t pairs_per_panel;
  std::size_t panel_count;
  const std::int32_t* bias;     // [panel][kPanel]
  const PanelRequant* requant;  // [panel]
  std::int16_t* out;            // [row][out_stride]
  std::size_t out_stride;       // >= panel_count * kPanel
};

// A 3x3 depthwise layer at one position.
struct DepthwiseArgs {
  const std::int16_t* taps[9];  // row-major neighbours, panel_count * kPanel channels each
  const std::int16_t* weights;  // [panel][9][kPanel]
  std::size_t panel_count;
  const std::int32_t* bias;     // [panel][kPanel]
  const PanelRequant* requant;  // [panel]
  std::int16_t* out;            // panel_count * kPanel channels
};

struct Kernels {
  void (*gemm)(const GemmArgs&);
  void (*depthwise)(const DepthwiseArgs&);
};

// REQUIRES: IsaSupported(isa).
const Kernels& KernelsFor(Isa isa);

}  // namespace halfmoon::runtime
