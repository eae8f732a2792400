// The inner loops of fitting: what is done to a block of positions, all of it held in the L1 cache.
// float32; sums may differ in the last digits between instruction sets. No memory is allocated
// here.
//
// A block is a matrix of channels x kBlock positions, row by row, 64-byte aligned; `count`, a
// multiple of kBlockStep, says how many positions are in use.
#pragma once

#include <cstddef>
#include <cstdint>

namespace halfmoon::overfitted {

inline constexpr std::size_t kBlock = 128;     // positions: 20 channels of them are 10 KiB
inline constexpr std::size_t kBlockStep = 64;  // four vectors of AVX-512
// Floats per gradient of one weight while it is summed: one vector of the widest instruction set.
inline constexpr std::size_t kGradientLanes = 16;

// The taps of an upsampling (architecture.h).
struct Taps {
  float t0, t1, t2, t3;
};

// What a latent costs. Laplace distribution of mean m and scale b = exp(log_scale), integrated over
// a bin of width 1 around the value.
struct LaplaceBlock {
  const float* value;      // [count]
  const float* mean;       // [count]
  const float* log_scale;  // [count], clamped to [kLogScaleMin, kLogScaleMax]
  const float* mask;       // [count]: 1 where there is a latent, 0 beside the grid
  float* d_value;          // [count], of the sum of bits; d_mean = -d_value
  float* d_log_scale;      // [count]
};
inline constexpr float kLogScaleMin =
    -4.6F;                                   // b = 0.01: a fraction of 2^-16 bit for a certain zero
inline constexpr float kLogScaleMax = 6.0F;  // b = 403

struct AdamStep {
  float rate, beta1, beta2, epsilon;
  float correction1, correction2;  // 1 / (1 - beta^t)
};

// One set of functions per instruction set.
struct FitKernels {
  const char* name;

  // out[o] = bias[o] + sum over i of weight[o * inputs + i] * in[i]. bias may be null (0).
  void (*dense)(std::size_t outputs, std::size_t inputs, const float* weight, const float* bias,
                const float* in, float* out, std::size_t count);
  // sums[(o * inputs + i) * kGradientLanes + lane] += products d_out[o] * in[i].
  void (*weight_gradient)(std::size_t outputs, std::size_t inputs, const float* d_out,
                          const float* in, float* sums, std::size_t count);
  // sums[o * kGradientLanes + lane] += d_out[o].
  void (*bias_gradient)(std::size_t outputs, const float* d_out, float* sums, std::size_t count);
  // z[c] = max(z[c], 0) + residual[c]. residual may be null.
  void (*relu)(std::size_t channels, float* z, const float* residual, std::size_t count);
  // d_z[c] = (h[c] - residual[c] > 0) ? d_h[c] : 0, where h is what relu made. residual may be
  // null.
  void (*relu_gradient)(std::size_t channels, const float* h, const float* residual,
                        const float* d_h, float* d_z, std::size_t count);
  // to[c] += from[c] for rows of `count`; strides in floats.
  void (*add_rows)(std::size_t rows, const float* from, std::size_t from_stride, float* to,
                   std::size_t to_stride, std::size_t count);
  void (*copy_rows)(std::size_t rows, const float* from, std::size_t from_stride, float* to,
                    std::size_t to_stride, std::size_t count);
  // Returns the sum of bits.
  double (*laplace)(const LaplaceBlock& block, std::size_t count);
  // A latent as training sees it: soft rounding (Agustsson and Theis 2020), noise, soft rounding.
  // Noise: `noise` times a number of about normal distribution that depends on seed and position.
  // slope: derivative of value by latent.
  void (*soft_round)(const float* latent, float* value, float* slope, std::size_t count,
                     float temperature, float noise, std::uint32_t seed);
  // out = t0 r0 + t2 r1 + t3 r2 + t1 r3: one phase of an upsampling, along columns.
  void (*upsample_rows)(const Taps& taps, const float* r0, const float* r1, const float* r2,
                        const float* r3, float* out, std::size_t count);
  // Both phases along a row: 2 * count numbers. in[-2] .. in[count + 1] are read.
  void (*upsample_columns)(const Taps& taps, const float* in, float* out, std::size_t count);
  // out[2i] -> even[i], out[2i + 1] -> odd[i].
  void (*split)(const float* out, float* even, float* odd, std::size_t count);
  // The gradient of upsample_columns by its input at positions -2 .. count + 1, of which d_in[0] is
  // position 0. even and odd are 0 at -4 .. -1 and at count .. count + 3.
  void (*upsample_columns_gradient)(const Taps& taps, const float* even, const float* odd,
                                    float* d_in, std::size_t count);
  // sums[k] += sum over i of a[i] * b_k[i + shift_k] for the four taps in order, where shift and b
  // are those of upsample_columns (even: a, odd: its mirror image).
  void (*column_tap_gradient)(const float* even, const float* odd, const float* in, float* sums,
                              std::size_t count);
  // sums[0..3] += dot products of d with r0, r3, r1, r2 (the rows of taps 0, 1, 2, 3).
  void (*row_tap_gradient)(const float* d, const float* r0, const float* r1, const float* r2,
                           const float* r3, float* sums, std::size_t count);
  // to += factor * from.
  void (*add_scaled)(float factor, const float* from, float* to, std::size_t count);
  // Returns the sum of (decoded - target)^2; d = scale * (decoded - target).
  double (*squared_error)(const float* decoded, const float* target, float scale, float* d,
                          std::size_t count);
  void (*adam)(const AdamStep& step, float* parameter, const float* gradient, const float* scale,
               float* first, float* second, std::size_t count);
};

// The fastest this processor has.
const FitKernels& GetFitKernels();

}  // namespace halfmoon::overfitted
