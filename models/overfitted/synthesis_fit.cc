#include "models/overfitted/synthesis_fit.h"

#include <cstring>

namespace halfmoon::overfitted {
namespace {

constexpr auto kWidth = static_cast<std::size_t>(kSynthesisWidth);
constexpr auto kStack = static_cast<std::size_t>(kGrids);
constexpr auto kRgb = static_cast<std::size_t>(kColours);
constexpr auto kInputs = static_cast<std::size_t>(kKernel);

// Repeats the picture's outermost samples once around it.
void Extend(Plane* plane) {
  const PlaneShape& s = plane->shape();
  for (int y = 0; y < s.height; ++y) {
    float* row = plane->row(y);
    row[s.width] = row[s.width - 1];
    row[-1] = row[0];
  }
  const std::size_t bytes = (static_cast<std::size_t>(s.width) + 2) * sizeof(float);
  std::memcpy(plane->row(-1) - 1, plane->row(0) - 1, bytes);
  std::memcpy(plane->row(s.height) - 1, plane->row(s.height - 1) - 1, bytes);
}

// The gradient of Extend: what came to the repeated samples goes to where they are from.
void Fold(Plane* plane) {
  const PlaneShape& s = plane->shape();
  float *above = plane->row(-1), *first = plane->row(0);
  float *below = plane->row(s.height), *last = plane->row(s.height - 1);
  for (int x = -1; x <= s.width; ++x) first[x] += above[x];
  for (int x = -1; x <= s.width; ++x) last[x] += below[x];
  for (int y = 0; y < s.height; ++y) {
    float* row = plane->row(y);
    row[0] += row[-1];
    row[s.width - 1] += row[s.width];
  }
  for (int y = 0; y < s.height; ++y) plane->row(y)[-1] = 0;
  plane->ClearBeside(0, s.height);
}

// A block's 3x3 surroundings: row i * 9 + 3 ky + kx.
void Surroundings(const ColourPlanes& planes, std::ptrdiff_t p, std::size_t n, float* out) {
  const auto stride = static_cast<std::ptrdiff_t>(planes[0].shape().stride);
  for (const Plane& plane : planes) {
    for (std::ptrdiff_t ky = -1; ky <= 1; ++ky) {
      GetFitKernels().copy_rows(3, plane.at() + p + ky * stride - 1, 1, out, kBlock, n);
      out += 3 * kBlock;
    }
  }
}

}  // namespace

SynthesisFit::SynthesisFit(const PlaneShape& picture) : shape_(picture), chunks_(picture) {
  for (ColourPlanes* planes : {&mixed_, &filtered_, &picture_, &d_, &d_sum_})
    for (Plane& plane : *planes) plane = Plane(picture);
}

void SynthesisFit::Mix(const Networks& networks, const std::vector<const Plane*>& stack,
                       const Parallel& parallel) {
  const FitKernels& k = GetFitKernels();
  parallel(chunks_.count, [&](std::size_t chunk) {
    alignas(64) float in[kStack * kBlock], hidden[kWidth * kBlock], out[kRgb * kBlock],
        linear[kRgb * kBlock];
    const std::size_t end = chunks_.end(chunk, shape_);
    for (std::size_t p = chunks_.begin(chunk); p < end; p += kBlock) {
      const std::size_t n = BlockCount(p, end);
      for (std::size_t c = 0; c < kStack; ++c)
        k.copy_rows(1, stack[c]->at() + p, 0, in + c * kBlock, 0, n);
      k.dense(kWidth, kStack, networks.of(kSynthesisWeight1), networks.of(kSynthesisBias1), in,
              hidden, n);
      k.relu(kWidth, hidden, nullptr, n);
      k.dense(kRgb, kWidth, networks.of(kSynthesisWeight2), networks.of(kSynthesisBias2), hidden,
              out, n);
      k.dense(kRgb, kStack, networks.of(kLinearWeight), nullptr, in, linear, n);
      k.add_rows(kRgb, linear, kBlock, out, kBlock, n);
      for (std::size_t c = 0; c < kRgb; ++c)
        std::memcpy(mixed_[c].at() + p, out + c * kBlock, std::min(n, end - p) * sizeof(float));
    }
  });
  for (Plane& plane : mixed_) Extend(&plane);
}

void SynthesisFit::Apply(const Networks& networks, const Filter& filter, const ColourPlanes& in,
                         ColourPlanes* out, const Parallel& parallel) const {
  const FitKernels& k = GetFitKernels();
  parallel(chunks_.count, [&](std::size_t chunk) {
    alignas(64) float around[kInputs * kBlock], sum[kRgb * kBlock];
    const std::size_t end = chunks_.end(chunk, shape_);
    for (std::size_t p = chunks_.begin(chunk); p < end; p += kBlock) {
      const std::size_t n = BlockCount(p, end);
      Surroundings(in, static_cast<std::ptrdiff_t>(p), n, around);
      k.dense(kRgb, kInputs, networks.of(filter.weight), networks.of(filter.bias), around, sum, n);
      if (filter.relu) k.relu(kRgb, sum, nullptr, n);
      for (std::size_t c = 0; c < kRgb; ++c) {
        k.add_rows(1, around + (9 * c + 4) * kBlock, 0, sum + c * kBlock, 0, n);
        std::memcpy((*out)[c].at() + p, sum + c * kBlock, std::min(n, end - p) * sizeof(float));
      }
    }
  });
}

const ColourPlanes& SynthesisFit::Forward(const Networks& networks,
                                          const std::vector<const Plane*>& stack,
                                          const Parallel& parallel) {
  Mix(networks, stack, parallel);
  Apply(networks, kFilter1, mixed_, &filtered_, parallel);
  for (Plane& plane : filtered_) Extend(&plane);
  Apply(networks, kFilter2, filtered_, &picture_, parallel);
  return picture_;
}

void SynthesisFit::ApplyBackward(const Networks& networks, const Filter& filter,
                                 const ColourPlanes& in, const ColourPlanes& out,
                                 std::vector<GradientSums>* sums, const Parallel& parallel) {
  const FitKernels& k = GetFitKernels();
  // Before the residual: d_sum_ = d_, where the layer let something through.
  parallel(chunks_.count, [&](std::size_t chunk) {
    alignas(64) float around[kInputs * kBlock], d[kRgb * kBlock], sum[kRgb * kBlock],
        residual[kRgb * kBlock];
    GradientSums& own = (*sums)[chunk];
    const std::size_t end = chunks_.end(chunk, shape_);
    for (std::size_t p = chunks_.begin(chunk); p < end; p += kBlock) {
      const std::size_t n = BlockCount(p, end), inside = std::min(n, end - p);
      Surroundings(in, static_cast<std::ptrdiff_t>(p), n, around);
      for (std::size_t c = 0; c < kRgb; ++c) {
        // Positions of the next chunk, or of none, are not this one's.
        std::memcpy(d + c * kBlock, d_[c].at() + p, inside * sizeof(float));
        std::fill(d + c * kBlock + inside, d + c * kBlock + n, 0.0F);
        k.copy_rows(1, out[c].at() + p, 0, sum + c * kBlock, 0, n);
        std::memcpy(residual + c * kBlock, around + (9 * c + 4) * kBlock, n * sizeof(float));
      }
      if (filter.relu) k.relu_gradient(kRgb, sum, residual, d, d, n);
      k.weight_gradient(kRgb, kInputs, d, around, own.of(filter.weight), n);
      k.bias_gradient(kRgb, d, own.of(filter.bias), n);
      for (std::size_t c = 0; c < kRgb; ++c)
        std::memcpy(d_sum_[c].at() + p, d + c * kBlock, inside * sizeof(float));
    }
  });
  // The same 3x3 layer backwards: outputs and inputs change places, and the kernel is turned.
  std::vector<float> turned(kRgb * kInputs);
  for (std::size_t o = 0; o < kRgb; ++o)
    for (std::size_t i = 0; i < kRgb; ++i)
      for (std::size_t tap = 0; tap < 9; ++tap)
        turned[i * kInputs + o * 9 + 8 - tap] =
            networks.of(filter.weight)[o * kInputs + i * 9 + tap];
  for (Plane& plane : d_sum_) plane.ClearBeside(0, shape_.height);
  // One row around the picture takes part: Extend's.
  const auto stride = static_cast<std::ptrdiff_t>(shape_.stride);
  parallel(chunks_.count, [&](std::size_t chunk) {
    alignas(64) float around[kInputs * kBlock], back[kRgb * kBlock];
    auto p = static_cast<std::ptrdiff_t>(chunks_.begin(chunk));
    auto end = static_cast<std::ptrdiff_t>(chunks_.end(chunk, shape_));
    if (chunk == 0) p -= stride + 1;
    if (chunk + 1 == chunks_.count) end += stride;
    for (; p < end; p += static_cast<std::ptrdiff_t>(kBlock)) {
      const std::size_t n = BlockCount(0, static_cast<std::size_t>(end - p));
      const std::size_t inside = std::min(n, static_cast<std::size_t>(end - p));
      Surroundings(d_sum_, p, n, around);
      k.dense(kRgb, kInputs, turned.data(), nullptr, around, back, n);
      for (std::size_t c = 0; c < kRgb; ++c) {
        float* to = d_[c].at() + p;
        for (std::size_t i = 0; i < inside; ++i) to[i] += back[c * kBlock + i];
      }
    }
  });
  for (Plane& plane : d_) Fold(&plane);
}

void SynthesisFit::Backward(const Networks& networks, const std::vector<const Plane*>& stack,
                            const std::vector<Plane*>& d_stack, std::vector<GradientSums>* sums,
                            const Parallel& parallel) {
  ApplyBackward(networks, kFilter2, filtered_, picture_, sums, parallel);
  ApplyBackward(networks, kFilter1, mixed_, filtered_, sums, parallel);
  const FitKernels& k = GetFitKernels();
  const std::vector<float> back1 = Transposed(networks, kSynthesisWeight1);
  const std::vector<float> back2 = Transposed(networks, kSynthesisWeight2);
  const std::vector<float> back_linear = Transposed(networks, kLinearWeight);
  parallel(chunks_.count, [&](std::size_t chunk) {
    alignas(64) float in[kStack * kBlock], hidden[kWidth * kBlock], d[kRgb * kBlock],
        d_hidden[kWidth * kBlock], d_in[kStack * kBlock], linear[kStack * kBlock];
    GradientSums& own = (*sums)[chunk];
    const std::size_t end = chunks_.end(chunk, shape_);
    for (std::size_t p = chunks_.begin(chunk); p < end; p += kBlock) {
      const std::size_t n = BlockCount(p, end), inside = std::min(n, end - p);
      for (std::size_t c = 0; c < kStack; ++c)
        k.copy_rows(1, stack[c]->at() + p, 0, in + c * kBlock, 0, n);
      for (std::size_t c = 0; c < kRgb; ++c) {
        std::memcpy(d + c * kBlock, d_[c].at() + p, inside * sizeof(float));
        std::fill(d + c * kBlock + inside, d + c * kBlock + n, 0.0F);
      }
      k.dense(kWidth, kStack, networks.of(kSynthesisWeight1), networks.of(kSynthesisBias1), in,
              hidden, n);
      k.relu(kWidth, hidden, nullptr, n);
      k.weight_gradient(kRgb, kWidth, d, hidden, own.of(kSynthesisWeight2), n);
      k.bias_gradient(kRgb, d, own.of(kSynthesisBias2), n);
      k.weight_gradient(kRgb, kStack, d, in, own.of(kLinearWeight), n);
      k.dense(kWidth, kRgb, back2.data(), nullptr, d, d_hidden, n);
      k.relu_gradient(kWidth, hidden, nullptr, d_hidden, d_hidden, n);
      k.weight_gradient(kWidth, kStack, d_hidden, in, own.of(kSynthesisWeight1), n);
      k.bias_gradient(kWidth, d_hidden, own.of(kSynthesisBias1), n);
      k.dense(kStack, kWidth, back1.data(), nullptr, d_hidden, d_in, n);
      k.dense(kStack, kRgb, back_linear.data(), nullptr, d, linear, n);
      k.add_rows(kStack, linear, kBlock, d_in, kBlock, n);
      for (std::size_t c = 0; c < kStack; ++c)
        std::memcpy(d_stack[c]->at() + p, d_in + c * kBlock, inside * sizeof(float));
    }
  });
}

}  // namespace halfmoon::overfitted
