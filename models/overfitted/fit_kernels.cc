// Read me first: this file is compiled once per instruction set (foreach_target.h includes it again
// and again). The first half is inside HWY_NAMESPACE and must stay free of includes and of anything
// with static storage; the second half (HWY_ONCE) is compiled once.
#include "models/overfitted/fit_kernels.h"

#include <algorithm>
#include <cmath>
#include <cstdlib>

// One x86 target per step in width.
#undef HWY_DISABLED_TARGETS
#define HWY_DISABLED_TARGETS \
  (HWY_SSSE3 | HWY_AVX3_DL | HWY_SVE | HWY_SVE2 | HWY_SVE_256 | HWY_SVE2_128 | HWY_RVV)
#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "models/overfitted/fit_kernels.cc"
// clang-format off
#include <hwy/foreach_target.h>  // must come before highway.h
#include <hwy/highway.h>
#include <hwy/contrib/math/math-inl.h>
// clang-format on

HWY_BEFORE_NAMESPACE();
namespace halfmoon::overfitted {
namespace HWY_NAMESPACE {

namespace hn = hwy::HWY_NAMESPACE;

constexpr hn::CappedTag<float, kGradientLanes> kD;
constexpr hn::RebindToUnsigned<decltype(kD)> kDU;
constexpr hn::RebindToSigned<decltype(kD)> kDI;
using V = hn::Vec<decltype(kD)>;
constexpr std::size_t kLanes = hn::MaxLanes(kD);
// Vectors of a row that a register tile holds: with four rows 16 of 32 registers, or 8 of 16.
constexpr std::size_t kTile = kLanes == 16 ? 4 : 2;

constexpr hn::CappedTag<float, 1> kOne;

HWY_INLINE float Sum(V v) { return hn::GetLane(hn::SumOfLanes(kD, v)); }

template <std::size_t kRows>
HWY_INLINE void DenseTile(std::size_t inputs, const float* HWY_RESTRICT weight, const float* bias,
                          const float* HWY_RESTRICT in, float* HWY_RESTRICT out,
                          std::size_t count) {
  for (std::size_t v = 0; v < count; v += kTile * kLanes) {
    V sum[kRows][kTile];
#pragma GCC unroll 4
    for (std::size_t r = 0; r < kRows; ++r) {
      const V b = hn::Set(kD, bias == nullptr ? 0.0F : bias[r]);
#pragma GCC unroll 4
      for (std::size_t t = 0; t < kTile; ++t) sum[r][t] = b;
    }
    for (std::size_t i = 0; i < inputs; ++i) {
      V x[kTile];
#pragma GCC unroll 4
      for (std::size_t t = 0; t < kTile; ++t) x[t] = hn::Load(kD, in + i * kBlock + v + t * kLanes);
#pragma GCC unroll 4
      for (std::size_t r = 0; r < kRows; ++r) {
        const V w = hn::Set(kD, weight[r * inputs + i]);
#pragma GCC unroll 4
        for (std::size_t t = 0; t < kTile; ++t) sum[r][t] = hn::MulAdd(w, x[t], sum[r][t]);
      }
    }
#pragma GCC unroll 4
    for (std::size_t r = 0; r < kRows; ++r) {
#pragma GCC unroll 4
      for (std::size_t t = 0; t < kTile; ++t)
        hn::Store(sum[r][t], kD, out + r * kBlock + v + t * kLanes);
    }
  }
}

void Dense(std::size_t outputs, std::size_t inputs, const float* weight, const float* bias,
           const float* in, float* out, std::size_t count) {
  std::size_t o = 0;
  const auto from = [&](std::size_t row) { return bias == nullptr ? nullptr : bias + row; };
  for (; o + 4 <= outputs; o += 4)
    DenseTile<4>(inputs, weight + o * inputs, from(o), in, out + o * kBlock, count);
  switch (outputs - o) {
    case 3: DenseTile<3>(inputs, weight + o * inputs, from(o), in, out + o * kBlock, count); break;
    case 2: DenseTile<2>(inputs, weight + o * inputs, from(o), in, out + o * kBlock, count); break;
    case 1: DenseTile<1>(inputs, weight + o * inputs, from(o), in, out + o * kBlock, count); break;
    default: break;
  }
}

template <std::size_t kRows, std::size_t kColumns>
HWY_INLINE void GradientTile(std::size_t inputs, const float* HWY_RESTRICT d_out,
                             const float* HWY_RESTRICT in, float* HWY_RESTRICT sums,
                             std::size_t count) {
  V sum[kRows][kColumns];
#pragma GCC unroll 4
  for (std::size_t r = 0; r < kRows; ++r)
#pragma GCC unroll 4
    for (std::size_t c = 0; c < kColumns; ++c)
      sum[r][c] = hn::Load(kD, sums + (r * inputs + c) * kGradientLanes);
  for (std::size_t v = 0; v < count; v += kLanes) {
    V x[kColumns];
#pragma GCC unroll 4
    for (std::size_t c = 0; c < kColumns; ++c) x[c] = hn::Load(kD, in + c * kBlock + v);
#pragma GCC unroll 4
    for (std::size_t r = 0; r < kRows; ++r) {
      const V g = hn::Load(kD, d_out + r * kBlock + v);
#pragma GCC unroll 4
      for (std::size_t c = 0; c < kColumns; ++c) sum[r][c] = hn::MulAdd(g, x[c], sum[r][c]);
    }
  }
#pragma GCC unroll 4
  for (std::size_t r = 0; r < kRows; ++r)
#pragma GCC unroll 4
    for (std::size_t c = 0; c < kColumns; ++c)
      hn::Store(sum[r][c], kD, sums + (r * inputs + c) * kGradientLanes);
}

template <std::size_t kRows>
HWY_INLINE void GradientRows(std::size_t inputs, const float* d_out, const float* in, float* sums,
                             std::size_t count) {
  std::size_t i = 0;
  for (; i + 4 <= inputs; i += 4)
    GradientTile<kRows, 4>(inputs, d_out, in + i * kBlock, sums + i * kGradientLanes, count);
  switch (inputs - i) {
    case 3:
      GradientTile<kRows, 3>(inputs, d_out, in + i * kBlock, sums + i * kGradientLanes, count);
      break;
    case 2:
      GradientTile<kRows, 2>(inputs, d_out, in + i * kBlock, sums + i * kGradientLanes, count);
      break;
    case 1:
      GradientTile<kRows, 1>(inputs, d_out, in + i * kBlock, sums + i * kGradientLanes, count);
      break;
    default: break;
  }
}

void WeightGradient(std::size_t outputs, std::size_t inputs, const float* d_out, const float* in,
                    float* sums, std::size_t count) {
  const std::size_t row = inputs * kGradientLanes;
  std::size_t o = 0;
  // Tiles of 4 x 4 sums: 16 of 32 registers with AVX-512, of 2 x 4 where there are 16.
  if (kLanes == 16) {
    for (; o + 4 <= outputs; o += 4)
      GradientRows<4>(inputs, d_out + o * kBlock, in, sums + o * row, count);
  }
  for (; o + 2 <= outputs; o += 2)
    GradientRows<2>(inputs, d_out + o * kBlock, in, sums + o * row, count);
  if (o < outputs) GradientRows<1>(inputs, d_out + o * kBlock, in, sums + o * row, count);
}

void BiasGradient(std::size_t outputs, const float* d_out, float* sums, std::size_t count) {
  for (std::size_t o = 0; o < outputs; ++o) {
    V sum = hn::Load(kD, sums + o * kGradientLanes);
    for (std::size_t v = 0; v < count; v += kLanes)
      sum = hn::Add(sum, hn::Load(kD, d_out + o * kBlock + v));
    hn::Store(sum, kD, sums + o * kGradientLanes);
  }
}

void Relu(std::size_t channels, float* z, const float* residual, std::size_t count) {
  const V zero = hn::Zero(kD);
  for (std::size_t c = 0; c < channels; ++c) {
    float* row = z + c * kBlock;
    for (std::size_t v = 0; v < count; v += kLanes) {
      V x = hn::Max(hn::Load(kD, row + v), zero);
      if (residual != nullptr) x = hn::Add(x, hn::Load(kD, residual + c * kBlock + v));
      hn::Store(x, kD, row + v);
    }
  }
}

void ReluGradient(std::size_t channels, const float* h, const float* residual, const float* d_h,
                  float* d_z, std::size_t count) {
  const V zero = hn::Zero(kD);
  for (std::size_t c = 0; c < channels; ++c) {
    for (std::size_t v = 0; v < count; v += kLanes) {
      const std::size_t at = c * kBlock + v;
      const V floor = residual == nullptr ? zero : hn::Load(kD, residual + at);
      hn::Store(hn::IfThenElseZero(hn::Gt(hn::Load(kD, h + at), floor), hn::Load(kD, d_h + at)), kD,
                d_z + at);
    }
  }
}

void AddRows(std::size_t rows, const float* from, std::size_t from_stride, float* to,
             std::size_t to_stride, std::size_t count) {
  for (std::size_t r = 0; r < rows; ++r)
    for (std::size_t v = 0; v < count; v += kLanes) {
      float* out = to + r * to_stride + v;
      hn::StoreU(hn::Add(hn::LoadU(kD, out), hn::LoadU(kD, from + r * from_stride + v)), kD, out);
    }
}

void CopyRows(std::size_t rows, const float* from, std::size_t from_stride, float* to,
              std::size_t to_stride, std::size_t count) {
  for (std::size_t r = 0; r < rows; ++r)
    for (std::size_t v = 0; v < count; v += kLanes)
      hn::StoreU(hn::LoadU(kD, from + r * from_stride + v), kD, to + r * to_stride + v);
}

// With d = |value - mean| and h = 1 / 2, the probability of the bin is
//   d >= h:  exp(-d / b) sinh(h / b)
//   d <  h:  1 - exp(-h / b) cosh(d / b)
// and what is between is smooth. Both are written with exp(-(d - h) / b), exp(-(d + h) / b).
double Laplace(const LaplaceBlock& block, std::size_t count) {
  const V half = hn::Set(kD, 0.5F), one = hn::Set(kD, 1.0F);
  const V log2e = hn::Set(kD, 1.44269504F);
  const V tiny = hn::Set(kD, 1.0F / 65536);
  V bits = hn::Zero(kD);
  for (std::size_t v = 0; v < count; v += kLanes) {
    const V inverse = hn::Exp(kD, hn::Neg(hn::Load(kD, block.log_scale + v)));
    const V signed_d = hn::Sub(hn::Load(kD, block.value + v), hn::Load(kD, block.mean + v));
    const V d = hn::Abs(signed_d);
    const V near = hn::Mul(hn::Sub(d, half), inverse), far = hn::Mul(hn::Add(d, half), inverse);
    const auto outside = hn::Ge(d, half);
    const V e_near = hn::Exp(kD, hn::Neg(hn::Abs(near))), e_far = hn::Exp(kD, hn::Neg(far));
    // Outside: p = (e_near - e_far) / 2; inside: p = 1 - (e_near + e_far) / 2.
    const V sum = hn::Add(e_near, e_far), difference = hn::Sub(e_near, e_far);
    const V p_raw =
        hn::IfThenElse(outside, hn::Mul(half, difference), hn::Sub(one, hn::Mul(half, sum)));
    const V p = hn::Add(p_raw, tiny);  // what a table of 16 bits gives the least likely symbol
    const V mask = hn::Load(kD, block.mask + v);
    bits = hn::Sub(bits, hn::Mul(mask, hn::Mul(log2e, hn::Log(kD, p))));
    // dp / dd = -(e_near - e_far) / 2b in both cases, since e_near = exp(near) inside.
    const V dp_dd = hn::Neg(hn::Mul(hn::Mul(half, inverse), difference));
    // dp / d log b: outside (near e_near - far e_far) / 2; inside -(|near| e_near + far e_far) / 2.
    const V a = hn::Mul(hn::Abs(near), e_near), f = hn::Mul(far, e_far);
    const V dp_dl = hn::Mul(half, hn::IfThenElse(outside, hn::Sub(a, f), hn::Neg(hn::Add(a, f))));
    const V scale = hn::Neg(hn::Div(hn::Mul(mask, log2e), p));
    // Neither dp_dd nor scale is positive: their product takes the sign of value - mean.
    hn::Store(hn::CopySign(hn::Mul(scale, dp_dd), signed_d), kD, block.d_value + v);
    hn::Store(hn::Mul(scale, dp_dl), kD, block.d_log_scale + v);
  }
  return static_cast<double>(Sum(bits));
}

HWY_INLINE V Tanh(V x) {
  const V one = hn::Set(kD, 1.0F), two = hn::Set(kD, 2.0F);
  return hn::Sub(one, hn::Div(two, hn::Add(hn::Exp(kD, hn::Mul(two, x)), one)));
}

void SoftRound(const float* latent, float* value, float* slope, std::size_t count,
               float temperature, float noise, std::uint32_t seed) {
  const V half = hn::Set(kD, 0.5F), one = hn::Set(kD, 1.0F);
  const V inverse = hn::Set(kD, 1 / temperature);
  const float edge = std::tanh(0.5F / temperature);
  const V outer = hn::Set(kD, 0.5F / edge), steep = hn::Set(kD, 0.5F / (edge * temperature));
  const auto mix1 = hn::Set(kDU, 0x7FEB352DU), mix2 = hn::Set(kDU, 0x846CA68BU);
  const auto byte = hn::Set(kDU, 0xFFU);
  // The sum of four bytes has deviation sqrt(4 (256^2 - 1) / 12) = 147.8.
  const V amplitude = hn::Set(kD, noise / 147.8F), middle = hn::Set(kD, 510.0F);
  for (std::size_t v = 0; v < count; v += kLanes) {
    const V x = hn::LoadU(kD, latent + v);
    const V f1 = hn::Floor(x);
    const V t1 = Tanh(hn::Mul(hn::Sub(hn::Sub(x, f1), half), inverse));
    V y = hn::MulAdd(t1, outer, hn::Add(f1, half));
    V s = hn::Mul(hn::NegMulAdd(t1, t1, one), steep);
    if (noise > 0) {
      // A hash of the position (lowbias32, Wellons 2018).
      auto h = hn::Iota(kDU, static_cast<std::uint32_t>(v) + seed);
      h = hn::Xor(h, hn::ShiftRight<16>(h));
      h = hn::Mul(h, mix1);
      h = hn::Xor(h, hn::ShiftRight<15>(h));
      h = hn::Mul(h, mix2);
      h = hn::Xor(h, hn::ShiftRight<16>(h));
      const auto total =
          hn::Add(hn::Add(hn::And(h, byte), hn::And(hn::ShiftRight<8>(h), byte)),
                  hn::Add(hn::And(hn::ShiftRight<16>(h), byte), hn::ShiftRight<24>(h)));
      y = hn::MulAdd(hn::Sub(hn::ConvertTo(kD, hn::BitCast(kDI, total)), middle), amplitude, y);
    }
    const V f2 = hn::Floor(y);
    const V t2 = Tanh(hn::Mul(hn::Sub(hn::Sub(y, f2), half), inverse));
    hn::StoreU(hn::MulAdd(t2, outer, hn::Add(f2, half)), kD, value + v);
    hn::StoreU(hn::Mul(s, hn::Mul(hn::NegMulAdd(t2, t2, one), steep)), kD, slope + v);
  }
}

void UpsampleRows(const Taps& taps, const float* r0, const float* r1, const float* r2,
                  const float* r3, float* out, std::size_t count) {
  std::size_t v = 0;
  const auto step = [&](auto d) {
    auto sum = hn::Mul(hn::Set(d, taps.t0), hn::LoadU(d, r0 + v));
    sum = hn::MulAdd(hn::Set(d, taps.t2), hn::LoadU(d, r1 + v), sum);
    sum = hn::MulAdd(hn::Set(d, taps.t3), hn::LoadU(d, r2 + v), sum);
    sum = hn::MulAdd(hn::Set(d, taps.t1), hn::LoadU(d, r3 + v), sum);
    hn::StoreU(sum, d, out + v);
  };
  for (; v + kLanes <= count; v += kLanes) step(kD);
  for (; v < count; ++v) step(kOne);
}

void UpsampleColumns(const Taps& taps, const float* in, float* out, std::size_t count) {
  std::size_t v = 0;
  const auto phases = [&](auto d, auto* even, auto* odd) {
    const auto a = hn::LoadU(d, in + v - 2), b = hn::LoadU(d, in + v - 1), c = hn::LoadU(d, in + v);
    const auto e = hn::LoadU(d, in + v + 1), f = hn::LoadU(d, in + v + 2);
    const auto t0 = hn::Set(d, taps.t0), t1 = hn::Set(d, taps.t1);
    const auto t2 = hn::Set(d, taps.t2), t3 = hn::Set(d, taps.t3);
    const auto middle = hn::Mul(t3, c);
    *even = hn::MulAdd(t0, a, hn::MulAdd(t2, b, hn::MulAdd(t1, e, middle)));
    *odd = hn::MulAdd(t1, b, hn::MulAdd(t2, e, hn::MulAdd(t0, f, middle)));
  };
  for (; v + kLanes <= count; v += kLanes) {
    V even, odd;
    phases(kD, &even, &odd);
    hn::StoreInterleaved2(even, odd, kD, out + 2 * v);
  }
  for (; v < count; ++v) {
    hn::Vec<decltype(kOne)> even, odd;
    phases(kOne, &even, &odd);
    out[2 * v] = hn::GetLane(even);
    out[2 * v + 1] = hn::GetLane(odd);
  }
}

void Split(const float* out, float* even, float* odd, std::size_t count) {
  std::size_t v = 0;
  for (; v + kLanes <= count; v += kLanes) {
    V a, b;
    hn::LoadInterleaved2(kD, out + 2 * v, a, b);
    hn::StoreU(a, kD, even + v);
    hn::StoreU(b, kD, odd + v);
  }
  for (; v < count; ++v) {
    even[v] = out[2 * v];
    odd[v] = out[2 * v + 1];
  }
}

void UpsampleColumnsGradient(const Taps& taps, const float* even, const float* odd, float* d_in,
                             std::size_t count) {
  // Positions -2 .. count + 1.
  const float* e = even - 2;
  const float* o = odd - 2;
  float* to = d_in - 2;
  std::size_t v = 0;
  const auto step = [&](auto d) {
    const auto pair = [&](std::ptrdiff_t at_even, std::ptrdiff_t at_odd) {
      return hn::Add(hn::LoadU(d, e + v + at_even), hn::LoadU(d, o + v + at_odd));
    };
    auto sum = hn::Mul(hn::Set(d, taps.t0), pair(2, -2));
    sum = hn::MulAdd(hn::Set(d, taps.t2), pair(1, -1), sum);
    sum = hn::MulAdd(hn::Set(d, taps.t3), pair(0, 0), sum);
    sum = hn::MulAdd(hn::Set(d, taps.t1), pair(-1, 1), sum);
    hn::StoreU(sum, d, to + v);
  };
  const std::size_t all = count + 4;
  for (; v + kLanes <= all; v += kLanes) step(kD);
  for (; v < all; ++v) step(kOne);
}

void ColumnTapGradient(const float* even, const float* odd, const float* in, float* sums,
                       std::size_t count) {
  V s0 = hn::Zero(kD), s1 = s0, s2 = s0, s3 = s0;
  std::size_t v = 0;
  for (; v + kLanes <= count; v += kLanes) {
    const V e = hn::LoadU(kD, even + v), o = hn::LoadU(kD, odd + v);
    const V a = hn::LoadU(kD, in + v - 2), b = hn::LoadU(kD, in + v - 1);
    const V c = hn::LoadU(kD, in + v), f = hn::LoadU(kD, in + v + 1);
    const V g = hn::LoadU(kD, in + v + 2);
    s0 = hn::MulAdd(e, a, hn::MulAdd(o, g, s0));
    s2 = hn::MulAdd(e, b, hn::MulAdd(o, f, s2));
    s3 = hn::MulAdd(e, c, hn::MulAdd(o, c, s3));
    s1 = hn::MulAdd(e, f, hn::MulAdd(o, b, s1));
  }
  float t[4] = {Sum(s0), Sum(s1), Sum(s2), Sum(s3)};
  for (; v < count; ++v) {
    const float *x = in + v, e = even[v], o = odd[v];
    t[0] += e * x[-2] + o * x[2];
    t[2] += e * x[-1] + o * x[1];
    t[3] += e * x[0] + o * x[0];
    t[1] += e * x[1] + o * x[-1];
  }
  for (std::size_t k = 0; k < 4; ++k) sums[k] += t[k];
}

void RowTapGradient(const float* d, const float* r0, const float* r1, const float* r2,
                    const float* r3, float* sums, std::size_t count) {
  const float* rows[4] = {r0, r3, r1, r2};
  for (std::size_t k = 0; k < 4; ++k) {
    V s = hn::Zero(kD);
    std::size_t v = 0;
    for (; v + kLanes <= count; v += kLanes)
      s = hn::MulAdd(hn::LoadU(kD, d + v), hn::LoadU(kD, rows[k] + v), s);
    float total = Sum(s);
    for (; v < count; ++v) total += d[v] * rows[k][v];
    sums[k] += total;
  }
}

void AddScaled(float factor, const float* from, float* to, std::size_t count) {
  std::size_t v = 0;
  for (; v + kLanes <= count; v += kLanes)
    hn::StoreU(hn::MulAdd(hn::Set(kD, factor), hn::LoadU(kD, from + v), hn::LoadU(kD, to + v)), kD,
               to + v);
  for (; v < count; ++v) to[v] += factor * from[v];
}

double SquaredError(const float* decoded, const float* target, float scale, float* d,
                    std::size_t count) {
  V sum = hn::Zero(kD);
  std::size_t v = 0;
  for (; v + kLanes <= count; v += kLanes) {
    const V e = hn::Sub(hn::LoadU(kD, decoded + v), hn::LoadU(kD, target + v));
    sum = hn::MulAdd(e, e, sum);
    hn::StoreU(hn::Mul(e, hn::Set(kD, scale)), kD, d + v);
  }
  double total = static_cast<double>(Sum(sum));
  for (; v < count; ++v) {
    const float e = decoded[v] - target[v];
    total += static_cast<double>(e) * static_cast<double>(e);
    d[v] = scale * e;
  }
  return total;
}

void Adam(const AdamStep& step, float* parameter, const float* gradient, const float* scale,
          float* first, float* second, std::size_t count) {
  const V beta1 = hn::Set(kD, step.beta1), rest1 = hn::Set(kD, 1 - step.beta1);
  const V beta2 = hn::Set(kD, step.beta2), rest2 = hn::Set(kD, 1 - step.beta2);
  const V rate = hn::Set(kD, step.rate * step.correction1);
  const V correction2 = hn::Set(kD, step.correction2), epsilon = hn::Set(kD, step.epsilon);
  for (std::size_t v = 0; v < count; v += kLanes) {
    const V g = hn::Mul(hn::LoadU(kD, gradient + v), hn::LoadU(kD, scale + v));
    const V m = hn::MulAdd(beta1, hn::LoadU(kD, first + v), hn::Mul(rest1, g));
    const V u = hn::MulAdd(beta2, hn::LoadU(kD, second + v), hn::Mul(rest2, hn::Mul(g, g)));
    hn::StoreU(m, kD, first + v);
    hn::StoreU(u, kD, second + v);
    const V change = hn::Div(hn::Mul(rate, m), hn::Add(hn::Sqrt(hn::Mul(u, correction2)), epsilon));
    hn::StoreU(hn::Sub(hn::LoadU(kD, parameter + v), change), kD, parameter + v);
  }
}

const char* Name() { return hwy::TargetName(HWY_TARGET); }

FitKernels Get() {
  FitKernels k{};
  k.name = Name();
  k.dense = Dense;
  k.weight_gradient = WeightGradient;
  k.bias_gradient = BiasGradient;
  k.relu = Relu;
  k.relu_gradient = ReluGradient;
  k.add_rows = AddRows;
  k.copy_rows = CopyRows;
  k.laplace = Laplace;
  k.soft_round = SoftRound;
  k.upsample_rows = UpsampleRows;
  k.upsample_columns = UpsampleColumns;
  k.split = Split;
  k.upsample_columns_gradient = UpsampleColumnsGradient;
  k.column_tap_gradient = ColumnTapGradient;
  k.row_tap_gradient = RowTapGradient;
  k.add_scaled = AddScaled;
  k.squared_error = SquaredError;
  k.adam = Adam;
  return k;
}

}  // namespace HWY_NAMESPACE
}  // namespace halfmoon::overfitted
HWY_AFTER_NAMESPACE();

#if HWY_ONCE

namespace halfmoon::overfitted {

HWY_EXPORT(Get);

const FitKernels& GetFitKernels() {
  static const FitKernels kernels = HWY_DYNAMIC_DISPATCH(Get)();
  return kernels;
}

}  // namespace halfmoon::overfitted

#endif  // HWY_ONCE
