// A program for processors that the tests do not run on: random layers up to the bound through the
// kernels of the integer transforms, a hash of what comes out for each instruction set; fails where
// they differ. Needs Highway's headers and no library. scripts/check_neon.sh runs it under qemu.
#include <algorithm>
#include <cstdint>
#include <cstdio>
#include <random>
#include <vector>

#include "models/runtime/layers/transform_kernels.h"

namespace {

using namespace halfmoon::runtime;  // NOLINT: a small program

class Numbers {
 public:
  // Uniform in [lo, hi].
  std::int64_t In(std::int64_t lo, std::int64_t hi) {
    return lo + static_cast<std::int64_t>(engine_() % static_cast<std::uint64_t>(hi - lo + 1));
  }
  std::int16_t In16(std::int64_t lo, std::int64_t hi) {
    return static_cast<std::int16_t>(In(lo, hi));
  }
  // Of all sizes; a quarter lies at an end of the range.
  std::vector<std::int16_t> Inputs(std::size_t count) {
    std::vector<std::int16_t> values(count);
    for (std::int16_t& v : values) {
      const std::int64_t kind = In(0, 7), size = std::int64_t{1} << In(0, 14);
      v = kind == 0 ? std::int16_t{-32768} : kind == 1 ? std::int16_t{32767} : In16(-size, size);
    }
    return values;
  }
  // `taps` pairs of weights for each of `channels` outputs, in panels; the magnitudes of an
  // output's sum to 65534. `twice`: pairs whose second weight is not 0.
  std::vector<std::int16_t> Weights(std::size_t channels, std::size_t taps, std::size_t twice) {
    std::vector<std::int16_t> weights(channels * taps * 2, 0);
    std::vector<std::int64_t> left(channels, 65534);
    for (std::size_t first = 0; first < channels; first += kTransformPanel) {
      const std::size_t size = std::min(kTransformPanel, channels - first);
      for (std::size_t t = 0; t < taps; ++t) {
        for (std::size_t i = 0; i < size; ++i) {
          for (std::size_t e = 0; e < (t < twice ? 2u : 1u); ++e) {
            std::int64_t& rest = left[first + i];
            const std::int64_t size_here =
                t + 1 == taps ? std::min<std::int64_t>(rest, 32767)
                              : In(0, std::min<std::int64_t>(rest / 8 + 1,
                                                             std::min<std::int64_t>(rest, 32767)));
            rest -= size_here;
            weights[first * taps * 2 + (t * size + i) * 2 + e] =
                static_cast<std::int16_t>(In(0, 1) != 0 ? size_here : -size_here);
          }
        }
      }
    }
    return weights;
  }

 private:
  std::mt19937_64 engine_{7};
};

std::vector<Isa> IsasHere() {
#if defined(__x86_64__)
  return {Isa::kScalar, Isa::kSse4};  // the others need a look at the processor
#else
  return {Isa::kScalar, Isa::kNative};
#endif
}

void AddTo(std::uint64_t* hash, const std::vector<std::int16_t>& values) {
  for (const std::int16_t v : values)
    *hash = (*hash ^ static_cast<std::uint16_t>(v)) * 1099511628211u;
}

}  // namespace

int main() {
  const std::vector<Isa> isas = IsasHere();
  std::vector<std::uint64_t> hashes(isas.size(), 14695981039346656037u);
  Numbers numbers;
  for (int turn = 0; turn < 400; ++turn) {
    const auto pairs = static_cast<std::size_t>(numbers.In(1, 70)),
               channels = kTransformTile * static_cast<std::size_t>(numbers.In(1, 7)),
               rows = static_cast<std::size_t>(numbers.In(1, 40)),
               stride = 2 * pairs + 2 * static_cast<std::size_t>(numbers.In(0, 3));
    const int shift = static_cast<int>(numbers.In(1, 15));
    const auto input = numbers.Inputs(rows * stride), residual = numbers.Inputs(rows * channels),
               weights = numbers.Weights(channels, pairs, pairs);
    std::vector<std::int16_t> gain(channels);
    for (std::int16_t& g : gain) g = numbers.In16(0, 32767);
    std::vector<std::int32_t> bias(channels);
    for (std::int32_t& b : bias) b = static_cast<std::int32_t>(numbers.In(-49152, 49152));
    for (std::size_t i = 0; i < isas.size(); ++i) {
      std::vector<std::int16_t> out(rows * channels);
      TransformKernelsFor(isas[i]).gemm({.rows = input.data(),
                                         .row_stride = stride,
                                         .row_count = rows,
                                         .pairs = pairs,
                                         .weights = weights.data(),
                                         .bias = bias.data(),
                                         .shift = shift,
                                         .channels = channels,
                                         .leaky = turn % 2 == 0,
                                         .gain = turn % 3 == 0 ? gain.data() : nullptr,
                                         .residual = turn % 5 < 3 ? residual.data() : nullptr,
                                         .residual_stride = channels,
                                         .out = out.data(),
                                         .out_stride = channels});
      AddTo(&hashes[i], out);
    }
    const auto width = static_cast<std::size_t>(numbers.In(1, 20));
    const std::size_t row = (width + 2) * channels;
    const auto map = numbers.Inputs(3 * row), taps = numbers.Weights(channels, 6, 3);
    for (std::size_t i = 0; i < isas.size(); ++i) {
      std::vector<std::int16_t> out(width * channels);
      TransformKernelsFor(isas[i]).depthwise(
          {.rows = {map.data(), map.data() + row, map.data() + 2 * row},
           .width = width,
           .channels = channels,
           .weights = taps.data(),
           .bias = bias.data(),
           .shift = shift,
           .out = out.data()});
      AddTo(&hashes[i], out);
    }
  }
  for (const std::uint64_t hash : hashes)
    std::printf("%016llx\n", static_cast<unsigned long long>(hash));
  return std::count(hashes.begin(), hashes.end(), hashes[0]) ==
                 static_cast<std::ptrdiff_t>(hashes.size())
             ? 0
             : 1;
}
