#include "models/runtime/layers/transform_layers.h"

#include <algorithm>
#include <array>
#include <cstdlib>
#include <limits>
#include <utility>

#include "models/runtime/layers/parallel.h"

namespace halfmoon::runtime {
namespace {

// Of a block: small enough for its work to stay in the second cache, large enough for the first
// layer, which runs on one more position around, to cost little more.
constexpr std::size_t kWindowRows = 16, kWindowColumns = 46;

Status Corrupt(const std::string& tensor, const std::string& what) {
  return {StatusCode::kModelCorrupt,
          "tensor \"" + tensor + "\" " + what + "; fetch the model again"};
}

// The tensors of a layer, checked: no sum leaves 32 bits.
struct CheckedLayer {
  std::vector<std::int16_t> weight;
  std::vector<std::int32_t> bias;  // with the rounding
  int shift = 1;
};

Result<CheckedLayer> LoadLayer(const WeightsFile& file, const std::string& prefix,
                               std::initializer_list<std::int64_t> shape) {
  CheckedLayer layer;
  const std::int64_t out = *shape.begin();
  HALFMOON_ASSIGN_OR_RETURN(const TensorView weight,
                            file.Get(prefix + ".weight", DType::kI16, shape));
  HALFMOON_ASSIGN_OR_RETURN(const TensorView bias, file.Get(prefix + ".bias", DType::kI32, {out}));
  HALFMOON_ASSIGN_OR_RETURN(const TensorView shift, file.Get(prefix + ".shift", DType::kI32, {1}));
  layer.weight = weight.Values<std::int16_t>();
  layer.bias = bias.Values<std::int32_t>();
  layer.shift = shift.Values<std::int32_t>()[0];
  if (layer.shift < 1 || layer.shift > 30) {
    return Corrupt(prefix + ".shift",
                   "is " + std::to_string(layer.shift) + ", expected a number from 1 to 30");
  }
  const std::int32_t rounding = std::int32_t{1} << (layer.shift - 1);
  const std::size_t row = layer.weight.size() / layer.bias.size();
  for (std::size_t o = 0; o < layer.bias.size(); ++o) {
    std::int64_t magnitude = 0;
    for (std::size_t i = o * row; i < (o + 1) * row; ++i)
      magnitude += std::abs(std::int32_t{layer.weight[i]});
    const std::int64_t bound = magnitude * 32768 + std::abs(std::int64_t{layer.bias[o]}) + rounding;
    if (bound > std::numeric_limits<std::int32_t>::max()) {
      return Corrupt(prefix + ".weight", "has a row, " + std::to_string(o) +
                                             ", whose sum could reach " + std::to_string(bound) +
                                             ", more than 32 bits hold");
    }
    layer.bias[o] += rounding;
  }
  return layer;
}

std::size_t PanelSize(std::size_t padded, std::size_t first) {
  return std::min(kTransformPanel, padded - first);
}

}  // namespace

void IntMap::Resize(std::size_t h, std::size_t w, std::size_t channels) {
  height = h;
  width = w;
  stride = PadTransform(channels);
  if (values.size() < h * w * stride) values.resize(h * w * stride);
}

// --- IntPointwise ----------------------------------------------------------------------------

Result<IntPointwise> IntPointwise::Load(const WeightsFile& file, const std::string& prefix,
                                        std::size_t in, std::size_t out, const Order& in_order) {
  HALFMOON_ASSIGN_OR_RETURN(IntPointwise layer, LoadParts(file, prefix, in, 1, out, {}));
  if (!in_order) return layer;
  // Inputs in another order: places of pairs, panel by panel.
  const std::vector<std::int16_t> straight = layer.weights_;
  const std::size_t pairs = (in + 1) / 2, padded = PadTransform(out);
  for (std::size_t first = 0; first < padded; first += kTransformPanel) {
    const std::size_t size = PanelSize(padded, first);
    const auto place = [&](std::size_t k, std::size_t i) {
      return first * pairs * 2 + (k / 2 * size + i) * 2 + k % 2;
    };
    for (std::size_t k = 0; k < in; ++k) {
      for (std::size_t i = 0; i < size; ++i)
        layer.weights_[place(k, i)] = straight[place(in_order(k), i)];
    }
  }
  return layer;
}

Result<IntPointwise> IntPointwise::LoadParts(const WeightsFile& file, const std::string& prefix,
                                             std::size_t in, std::size_t parts, std::size_t part,
                                             const Order& out_order) {
  HALFMOON_ASSIGN_OR_RETURN(
      const CheckedLayer tensors,
      LoadLayer(file, prefix,
                {static_cast<std::int64_t>(parts * part), static_cast<std::int64_t>(in), 1, 1}));
  IntPointwise layer;
  layer.in_ = in;
  layer.part_ = part;
  layer.shift_ = tensors.shift;
  const std::size_t pairs = (in + 1) / 2, padded = PadTransform(part);
  layer.weights_.assign(parts * padded * pairs * 2, 0);
  layer.bias_.assign(parts * padded, 0);
  for (std::size_t p = 0; p < parts; ++p) {
    for (std::size_t first = 0; first < padded; first += kTransformPanel) {
      const std::size_t size = PanelSize(padded, first);
      std::int16_t* to = layer.weights_.data() + (p * padded + first) * pairs * 2;
      for (std::size_t i = 0; i < size; ++i) {
        const std::size_t c = first + PanelChannel(i, size);
        if (c >= part) continue;
        const std::size_t row = out_order ? out_order(p * part + c) : p * part + c;
        layer.bias_[p * padded + first + i] = tensors.bias[row];
        for (std::size_t k = 0; k < in; ++k)
          to[(k / 2 * size + i) * 2 + k % 2] = tensors.weight[row * in + k];
      }
    }
  }
  return layer;
}

void IntPointwise::RunPart(const TransformKernels& kernels, std::size_t p, const std::int16_t* rows,
                           std::size_t row_stride, std::size_t count, std::int16_t* out,
                           std::size_t out_stride, const Epilogue& epilogue) const {
  const std::size_t pairs = (in_ + 1) / 2, padded = PadTransform(part_);
  kernels.gemm({.rows = rows,
                .row_stride = row_stride,
                .row_count = count,
                .pairs = pairs,
                .weights = weights_.data() + p * padded * pairs * 2,
                .bias = bias_.data() + p * padded,
                .shift = shift_,
                .channels = padded,
                .leaky = epilogue.leaky,
                .gain = epilogue.gain,
                .residual = epilogue.residual,
                .residual_stride = epilogue.residual_stride,
                .out = out,
                .out_stride = out_stride});
}

// --- Layers on maps --------------------------------------------------------------------------

IntPointwise::Order QuadPlaces(std::size_t channels) {
  return [channels](std::size_t i) { return i % channels * 4 + i / channels; };
}

void RunMap(const TransformKernels& kernels, const IntPointwise& layer, const IntMap& in,
            IntMap* out, int threads, bool leaky) {
  out->Resize(in.height, in.width, layer.out());
  ParallelFor(threads, in.height, [&](std::size_t, std::size_t y) {
    layer.Run(kernels, in.at(y, 0), in.stride, in.width, out->at(y, 0), out->stride,
              {.leaky = leaky});
  });
}

void RunDown(const TransformKernels& kernels, const IntPointwise& down, std::size_t channels,
             const IntMap& in, IntMap* out, int threads) {
  out->Resize(in.height / 2, in.width / 2, down.out());
  std::vector<std::vector<std::int16_t>> scratch(Workers(threads, out->height),
                                                 std::vector<std::int16_t>(out->width * down.in()));
  ParallelFor(threads, out->height, [&](std::size_t worker, std::size_t y) {
    std::int16_t* row = scratch[worker].data();
    for (std::size_t x = 0; x < out->width; ++x) {
      for (std::size_t p = 0; p < 4; ++p) {
        std::copy_n(in.at(2 * y + p / 2, 2 * x + p % 2), channels,
                    row + x * down.in() + p * channels);
      }
    }
    down.Run(kernels, row, down.in(), out->width, out->at(y, 0), out->stride, {});
  });
}

// --- IntDepthBlock ---------------------------------------------------------------------------

struct IntDepthBlock::Window {
  std::size_t y0, y1, x0, x1;
};

struct IntDepthBlock::Scratch {
  Scratch(std::size_t stride, std::size_t wide)
      : h((kWindowRows + 2) * (kWindowColumns + 2) * stride),
        d(kWindowColumns * stride),
        s(kWindowColumns * stride),
        e(kWindowColumns * wide) {}

  std::vector<std::int16_t> h;        // of the window and one position around it
  std::vector<std::int16_t> d, s, e;  // of one row of the window
};

Result<IntDepthBlock> IntDepthBlock::Load(const WeightsFile& file, const std::string& prefix,
                                          std::size_t c) {
  IntDepthBlock b;
  b.channels_ = c;
  HALFMOON_ASSIGN_OR_RETURN(b.in_, IntPointwise::Load(file, prefix + ".in", c, c));
  HALFMOON_ASSIGN_OR_RETURN(b.out_, IntPointwise::Load(file, prefix + ".out", c, c));
  HALFMOON_ASSIGN_OR_RETURN(b.expand_, IntPointwise::Load(file, prefix + ".expand", c, 2 * c));
  HALFMOON_ASSIGN_OR_RETURN(b.reduce_, IntPointwise::Load(file, prefix + ".reduce", 2 * c, c));
  HALFMOON_ASSIGN_OR_RETURN(
      const CheckedLayer tensors,
      LoadLayer(file, prefix + ".depthwise", {static_cast<std::int64_t>(c), 1, 3, 3}));
  const std::size_t padded = PadTransform(c);
  b.depthwise_shift_ = tensors.shift;
  b.depthwise_bias_.assign(padded, 0);
  b.depthwise_.assign(12 * padded, 0);
  for (std::size_t first = 0; first < padded; first += kTransformPanel) {
    const std::size_t size = PanelSize(padded, first);
    for (std::size_t i = 0; i < size; ++i) {
      const std::size_t channel = first + PanelChannel(i, size);
      if (channel >= c) continue;
      b.depthwise_bias_[first + i] = tensors.bias[channel];
      for (std::size_t t = 0; t < 9; ++t) {
        const std::size_t pair = t % 3 + (t >= 6 ? 3 : 0);
        b.depthwise_[first * 12 + (pair * size + i) * 2 + (t / 3 == 1 ? 1 : 0)] =
            tensors.weight[channel * 9 + t];
      }
    }
  }
  return b;
}

void IntDepthBlock::RunWindow(const TransformKernels& kernels, const IntMap& in, const Window& w,
                              Scratch* scratch, IntMap* out) const {
  const std::size_t stride = in.stride, wide = PadTransform(2 * channels_);
  const std::size_t columns = w.x1 - w.x0, row = (columns + 2) * stride;
  // The first layer on the window and one position around it, zero outside the map.
  const std::size_t left = w.x0 > 0 ? w.x0 - 1 : 0, right = std::min(w.x1 + 1, in.width);
  for (std::size_t i = 0; i < w.y1 - w.y0 + 2; ++i) {
    std::int16_t* to = scratch->h.data() + i * row;
    const std::size_t y = w.y0 + i;  // of the row below the one of `to`
    if (y == 0 || y > in.height) {
      std::fill_n(to, row, std::int16_t{0});
      continue;
    }
    if (w.x0 == 0) std::fill_n(to, stride, std::int16_t{0});
    if (w.x1 == in.width) std::fill_n(to + row - stride, stride, std::int16_t{0});
    in_.Run(kernels, in.at(y - 1, left), stride, right - left, to + (left + 1 - w.x0) * stride,
            stride, {.leaky = true});
  }
  std::int16_t *d = scratch->d.data(), *s = scratch->s.data(), *e = scratch->e.data();
  for (std::size_t y = w.y0; y < w.y1; ++y) {
    const std::int16_t* h = scratch->h.data() + (y - w.y0) * row;
    kernels.depthwise({.rows = {h, h + row, h + 2 * row},
                       .width = columns,
                       .channels = stride,
                       .weights = depthwise_.data(),
                       .bias = depthwise_bias_.data(),
                       .shift = depthwise_shift_,
                       .out = d});
    out_.Run(kernels, d, stride, columns, s, stride,
             {.residual = in.at(y, w.x0), .residual_stride = stride});
    expand_.Run(kernels, s, stride, columns, e, wide, {.leaky = true});
    reduce_.Run(kernels, e, wide, columns, out->at(y, w.x0), stride,
                {.residual = s, .residual_stride = stride});
  }
}

void IntDepthBlock::Run(const TransformKernels& kernels, const IntMap& in, IntMap* out,
                        int threads) const {
  out->Resize(in.height, in.width, channels_);
  const std::size_t across = (in.width + kWindowColumns - 1) / kWindowColumns;
  const std::size_t windows = (in.height + kWindowRows - 1) / kWindowRows * across;
  // Taken before the work starts, which must not throw.
  std::vector<Scratch> scratch(Workers(threads, windows),
                               Scratch(in.stride, PadTransform(2 * channels_)));
  ParallelFor(threads, windows, [&](std::size_t worker, std::size_t i) {
    const std::size_t y0 = i / across * kWindowRows, column = i % across;
    // Windows of a row are of much the same width.
    RunWindow(kernels, in,
              {y0, std::min(y0 + kWindowRows, in.height), in.width * column / across,
               in.width * (column + 1) / across},
              &scratch[worker], out);
  });
}

// --- IntDepthStack ---------------------------------------------------------------------------

Result<IntDepthStack> IntDepthStack::Load(const WeightsFile& file, const std::string& prefix,
                                          std::size_t channels, std::size_t count) {
  IntDepthStack stack;
  for (std::size_t i = 0; i < count; ++i) {
    HALFMOON_ASSIGN_OR_RETURN(
        IntDepthBlock block, IntDepthBlock::Load(file, prefix + "." + std::to_string(i), channels));
    stack.blocks_.push_back(std::move(block));
  }
  return stack;
}

void IntDepthStack::Run(const TransformKernels& kernels, IntMap* map, IntMap* scratch,
                        int threads) const {
  for (const IntDepthBlock& block : blocks_) {
    block.Run(kernels, *map, scratch, threads);
    std::swap(*map, *scratch);
  }
}

// --- IntLevelGains ---------------------------------------------------------------------------

Result<IntLevelGains> IntLevelGains::Load(const WeightsFile& file, const std::string& prefix,
                                          std::size_t anchors, std::size_t channels) {
  HALFMOON_ENSURE(anchors >= 2);
  IntLevelGains gains;
  gains.anchors_ = anchors;
  gains.channels_ = channels;
  const std::string name = prefix + ".anchors";
  HALFMOON_ASSIGN_OR_RETURN(const TensorView view, file.Get(name, DType::kI32,
                                                            {static_cast<std::int64_t>(anchors),
                                                             static_cast<std::int64_t>(channels)}));
  gains.values_ = view.Values<std::int32_t>();
  for (const std::int32_t v : gains.values_) {
    if (v < -kLowest || v > 0) {
      return Corrupt(name, "has " + std::to_string(v) + ", expected numbers from " +
                               std::to_string(-kLowest) + " to 0");
    }
  }
  return gains;
}

std::vector<std::int16_t> IntLevelGains::Gains(int q) const {
  constexpr std::int64_t kSpan = 256 * 63;  // of Q
  const std::int64_t position =
      std::clamp<std::int64_t>(q, 0, kSpan) * static_cast<std::int64_t>(anchors_ - 1);
  const std::int64_t low =
      std::min<std::int64_t>(position / kSpan, static_cast<std::int64_t>(anchors_) - 2);
  const std::int64_t part = position - low * kSpan;
  std::vector<std::int16_t> gains(PadTransform(channels_), 0);
  const std::int32_t* a = values_.data() + static_cast<std::size_t>(low) * channels_;
  for (std::size_t c = 0; c < channels_; ++c) {
    // Both are negative or 0: the quotient is that of magnitudes, rounded to the nearest.
    const std::int64_t sum = -(a[c] * (kSpan - part) + a[c + channels_] * part);
    gains[c] = PowerOfTwo(static_cast<std::int32_t>(-((sum + kSpan / 2) / kSpan)));
  }
  return gains;
}

std::int16_t PowerOfTwo(std::int32_t x) {
  // 2^(-1/2), 2^(-1/4), ... 2^(-1/4096) in 1/2^31, rounded down: 2^31 times the square root of the
  // one before, from whole square roots of 2^62 times it.
  static const std::array<std::int64_t, 12> roots = [] {
    std::array<std::int64_t, 12> r{};
    std::uint64_t square = std::uint64_t{1} << 61;  // 2^62 times 2^-1, then times what came before
    for (std::int64_t& root : r) {
      std::uint64_t v = 0;
      for (std::uint64_t bit = std::uint64_t{1} << 31; bit != 0; bit >>= 1) {
        if ((v + bit) * (v + bit) <= square) v += bit;
      }
      root = static_cast<std::int64_t>(v);
      square = v << 31;
    }
    return r;
  }();
  const std::int32_t magnitude = -x;
  std::int64_t v = std::int64_t{1} << 31;
  for (std::size_t i = 0; i < roots.size(); ++i) {
    if ((magnitude >> (11 - i)) & 1) v = v * roots[i] >> 31;
  }
  const int shift = 16 + magnitude / IntLevelGains::kOctave;
  return static_cast<std::int16_t>(
      std::min<std::int64_t>((v + (std::int64_t{1} << (shift - 1))) >> shift, 32767));
}

}  // namespace halfmoon::runtime
