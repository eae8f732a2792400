// Compiled with -ffp-contract=off, as float_kernels.cc is: results must not depend on the compiler.
#include "models/runtime/layers/float_layers.h"

#include <algorithm>
#include <cmath>
#include <cstring>
#include <numeric>

#include "models/runtime/layers/parallel.h"

namespace halfmoon::runtime {
namespace {

constexpr float kSlope = 0.1f;  // of the blocks' leaky ReLUs (networks/layers.cc)
constexpr std::size_t kWindowRows = 16,
                      kWindowColumns = 32;  // of a block: 0.5 MB of work at 128 channels
constexpr std::size_t kLevels = 64;

float FromHalf(std::uint16_t h) {
  const auto sign = static_cast<std::uint32_t>(h & 0x8000) << 16;
  const std::uint32_t exponent = (h >> 10) & 31, mantissa = h & 0x3ff;
  std::uint32_t bits;
  if (exponent == 0) {  // zero or subnormal: mantissa * 2^-24
    const float value = static_cast<float>(mantissa) * 0x1p-24f;
    std::memcpy(&bits, &value, sizeof(bits));
  } else if (exponent == 31) {
    bits = 0x7f800000u | mantissa << 13;
  } else {
    bits = (exponent + 112) << 23 | mantissa << 13;
  }
  bits |= sign;
  float value;
  std::memcpy(&value, &bits, sizeof(value));
  return value;
}

// Whole numbers times the step of their row, the first dimension.
template <typename T>
Result<std::vector<float>> LoadGrid(const WeightsFile& file, const std::string& name, DType dtype,
                                    std::initializer_list<std::int64_t> shape) {
  HALFMOON_ENSURE(shape.size() > 0);
  HALFMOON_ASSIGN_OR_RETURN(const TensorView view, file.Get(name, dtype, shape));
  HALFMOON_ASSIGN_OR_RETURN(const TensorView step_view,
                            file.Get(name + ".step", DType::kF32, {*shape.begin()}));
  const std::vector<T> whole = view.Values<T>();
  const std::vector<float> steps = step_view.Values<float>();
  std::vector<float> values;
  values.reserve(whole.size());
  const std::size_t row = whole.size() / steps.size();
  for (std::size_t r = 0; r < steps.size(); ++r) {
    for (std::size_t i = r * row; i < (r + 1) * row; ++i)
      values.push_back(static_cast<float>(whole[i]) * steps[r]);
  }
  return values;
}

}  // namespace

void FloatMap::Resize(std::size_t h, std::size_t w, std::size_t channels) {
  height = h;
  width = w;
  stride = PadChannels(channels);
  if (values.size() < h * w * stride) values.resize(h * w * stride);
}

Result<std::vector<float>> LoadFloats(const WeightsFile& file, const std::string& name,
                                      std::initializer_list<std::int64_t> shape) {
  HALFMOON_ASSIGN_OR_RETURN(const TensorView any, file.Get(name));
  if (any.dtype == DType::kI8) return LoadGrid<std::int8_t>(file, name, any.dtype, shape);
  if (any.dtype == DType::kI16) return LoadGrid<std::int16_t>(file, name, any.dtype, shape);
  const DType dtype = any.dtype == DType::kF16 ? DType::kF16 : DType::kF32;
  HALFMOON_ASSIGN_OR_RETURN(const TensorView view, file.Get(name, dtype, shape));
  if (dtype == DType::kF32) return view.Values<float>();
  const std::vector<std::uint16_t> halves = view.Values<std::uint16_t>();
  std::vector<float> values(halves.size());
  std::transform(halves.begin(), halves.end(), values.begin(), FromHalf);
  return values;
}

// --- FloatPointwise --------------------------------------------------------------------------

Result<FloatPointwise> FloatPointwise::LoadRows(const WeightsFile& file, const std::string& prefix,
                                                std::size_t in, std::size_t out, bool with_bias,
                                                const Order& in_order,
                                                const std::vector<std::size_t>& rows) {
  const auto height = static_cast<std::int64_t>(out), width = static_cast<std::int64_t>(in);
  HALFMOON_ASSIGN_OR_RETURN(const std::vector<float> weights,
                            LoadFloats(file, prefix + ".weight", {height, width, 1, 1}));
  std::vector<float> bias;
  if (with_bias) {
    HALFMOON_ASSIGN_OR_RETURN(bias, LoadFloats(file, prefix + ".bias", {height}));
  }
  FloatPointwise layer;
  layer.in_ = in;
  layer.out_ = rows.size();
  layer.weights_.assign(PadChannels(rows.size()) * in, 0.0f);
  if (with_bias) layer.bias_.assign(PadChannels(rows.size()), 0.0f);
  for (std::size_t n = 0; n < rows.size(); ++n) {
    if (rows[n] == kPadding) continue;
    const float* from = weights.data() + rows[n] * in;
    float* to = layer.weights_.data() + n / kFloatPanel * in * kFloatPanel + n % kFloatPanel;
    for (std::size_t k = 0; k < in; ++k) to[k * kFloatPanel] = from[in_order ? in_order(k) : k];
    if (with_bias) layer.bias_[n] = bias[rows[n]];
  }
  return layer;
}

Result<FloatPointwise> FloatPointwise::Load(const WeightsFile& file, const std::string& prefix,
                                            std::size_t in, std::size_t out, bool with_bias,
                                            const Order& in_order) {
  std::vector<std::size_t> rows(out);
  std::iota(rows.begin(), rows.end(), std::size_t{0});
  return LoadRows(file, prefix, in, out, with_bias, in_order, rows);
}

FloatPointwise FloatPointwise::Pack(std::size_t in, std::size_t out,
                                    const std::function<float(std::size_t, std::size_t)>& weight) {
  FloatPointwise layer;
  layer.in_ = in;
  layer.out_ = out;
  layer.weights_.assign(PadChannels(out) * in, 0.0f);
  for (std::size_t n = 0; n < out; ++n) {
    float* to = layer.weights_.data() + n / kFloatPanel * in * kFloatPanel + n % kFloatPanel;
    for (std::size_t k = 0; k < in; ++k) to[k * kFloatPanel] = weight(n, k);
  }
  return layer;
}

Result<FloatPointwise> FloatPointwise::LoadParts(const WeightsFile& file, const std::string& prefix,
                                                 std::size_t in, std::size_t parts,
                                                 std::size_t part, const Order& out_order) {
  const std::size_t padded = PadChannels(part);
  std::vector<std::size_t> rows(parts * padded, kPadding);
  for (std::size_t i = 0; i < parts * part; ++i) rows[i / part * padded + i % part] = out_order(i);
  HALFMOON_ASSIGN_OR_RETURN(FloatPointwise layer,
                            LoadRows(file, prefix, in, parts * part, true, {}, rows));
  layer.part_ = part;
  layer.part_padded_ = padded;
  return layer;
}

void FloatPointwise::Run(const FloatKernels& kernels, const float* rows, std::size_t row_stride,
                         std::size_t count, float* out, std::size_t out_stride,
                         const Epilogue& epilogue) const {
  kernels.gemm({.rows = rows,
                .row_stride = row_stride,
                .row_count = count,
                .depth = in_,
                .weights = weights_.data(),
                .channels = TileChannels(out_),
                .bias = bias_.empty() ? nullptr : bias_.data(),
                .slope = epilogue.slope,
                .residual = epilogue.residual,
                .residual_stride = epilogue.residual_stride,
                .out = out,
                .out_stride = out_stride});
}

void FloatPointwise::RunPart(const FloatKernels& kernels, std::size_t p, const float* rows,
                             std::size_t row_stride, std::size_t count, float* out,
                             std::size_t out_stride) const {
  kernels.gemm({.rows = rows,
                .row_stride = row_stride,
                .row_count = count,
                .depth = in_,
                .weights = weights_.data() + p * part_padded_ * in_,
                .channels = TileChannels(part_),
                .bias = bias_.data() + p * part_padded_,
                .slope = 1,
                .residual = nullptr,
                .residual_stride = 0,
                .out = out,
                .out_stride = out_stride});
}

// --- Layers on maps --------------------------------------------------------------------------

FloatPointwise::Order QuadOrder(std::size_t channels) {
  return [channels](std::size_t i) { return i % channels * 4 + i / channels; };
}

void RunDown(const FloatKernels& kernels, const FloatPointwise& down, std::size_t channels,
             const FloatMap& in, FloatMap* out, int threads) {
  out->Resize(in.height / 2, in.width / 2, down.out());
  std::vector<std::vector<float>> scratch(Workers(threads, out->height),
                                          std::vector<float>(out->width * down.in()));
  ParallelFor(threads, out->height, [&](std::size_t worker, std::size_t y) {
    float* row = scratch[worker].data();
    for (std::size_t x = 0; x < out->width; ++x) {
      for (std::size_t p = 0; p < 4; ++p) {
        std::copy_n(in.at(2 * y + p / 2, 2 * x + p % 2), channels,
                    row + x * down.in() + p * channels);
      }
    }
    down.Run(kernels, row, down.in(), out->width, out->at(y, 0), out->stride);
  });
}

void RunMap(const FloatKernels& kernels, const FloatPointwise& layer, const FloatMap& in,
            FloatMap* out, int threads, float slope) {
  out->Resize(in.height, in.width, layer.out());
  ParallelFor(threads, in.height, [&](std::size_t, std::size_t y) {
    layer.Run(kernels, in.at(y, 0), in.stride, in.width, out->at(y, 0), out->stride,
              {.slope = slope});
  });
}

// --- FloatDepthBlock -------------------------------------------------------------------------

struct FloatDepthBlock::Window {
  std::size_t y0, y1, x0, x1;
};

struct FloatDepthBlock::Scratch {
  Scratch(std::size_t stride, std::size_t wide)
      : h((kWindowRows + 2) * (kWindowColumns + 2) * stride),
        d(kWindowColumns * stride),
        s(kWindowColumns * stride),
        e(kWindowColumns * wide) {}

  std::vector<float> h;        // of the window and one position around it
  std::vector<float> d, s, e;  // of one row of the window
};

Result<FloatDepthBlock> FloatDepthBlock::Load(const WeightsFile& file, const std::string& prefix,
                                              std::size_t c) {
  FloatDepthBlock b;
  b.channels_ = c;
  HALFMOON_ASSIGN_OR_RETURN(b.in_, FloatPointwise::Load(file, prefix + ".in", c, c, true));
  HALFMOON_ASSIGN_OR_RETURN(b.out_, FloatPointwise::Load(file, prefix + ".out", c, c, true));
  HALFMOON_ASSIGN_OR_RETURN(b.expand_,
                            FloatPointwise::Load(file, prefix + ".expand", c, 2 * c, true));
  HALFMOON_ASSIGN_OR_RETURN(b.reduce_,
                            FloatPointwise::Load(file, prefix + ".reduce", 2 * c, c, true));
  const auto n = static_cast<std::int64_t>(c);
  HALFMOON_ASSIGN_OR_RETURN(const std::vector<float> weights,
                            LoadFloats(file, prefix + ".depthwise.weight", {n, 1, 3, 3}));
  HALFMOON_ASSIGN_OR_RETURN(b.depthwise_bias_, LoadFloats(file, prefix + ".depthwise.bias", {n}));
  const std::size_t padded = PadChannels(c);
  b.depthwise_bias_.resize(padded, 0.0f);
  b.depthwise_.assign(9 * padded, 0.0f);
  for (std::size_t i = 0; i < c; ++i) {
    for (std::size_t t = 0; t < 9; ++t) b.depthwise_[t * padded + i] = weights[i * 9 + t];
  }
  return b;
}

void FloatDepthBlock::RunWindow(const FloatKernels& kernels, const FloatMap& in, const Window& w,
                                Scratch* scratch, FloatMap* out) const {
  const std::size_t stride = in.stride, wide = PadChannels(2 * channels_);
  const std::size_t columns = w.x1 - w.x0, row = (columns + 2) * stride;
  // The first layer on the window and one position around it, zero outside the map.
  const std::size_t left = w.x0 > 0 ? w.x0 - 1 : 0, right = std::min(w.x1 + 1, in.width);
  for (std::size_t i = 0; i < w.y1 - w.y0 + 2; ++i) {
    float* to = scratch->h.data() + i * row;
    const std::size_t y = w.y0 + i;  // of the row below the one of `to`
    if (y == 0 || y > in.height) {
      std::fill_n(to, row, 0.0f);
      continue;
    }
    if (w.x0 == 0) std::fill_n(to, stride, 0.0f);
    if (w.x1 == in.width) std::fill_n(to + row - stride, stride, 0.0f);
    in_.Run(kernels, in.at(y - 1, left), stride, right - left, to + (left + 1 - w.x0) * stride,
            stride, {.slope = kSlope});
  }
  float *d = scratch->d.data(), *s = scratch->s.data(), *e = scratch->e.data();
  for (std::size_t y = w.y0; y < w.y1; ++y) {
    const float* h = scratch->h.data() + (y - w.y0) * row;
    kernels.depthwise({.rows = {h, h + row, h + 2 * row},
                       .width = columns,
                       .channels = stride,
                       .weights = depthwise_.data(),
                       .bias = depthwise_bias_.data(),
                       .out = d});
    out_.Run(kernels, d, stride, columns, s, stride,
             {.residual = in.at(y, w.x0), .residual_stride = stride});
    expand_.Run(kernels, s, stride, columns, e, wide, {.slope = kSlope});
    reduce_.Run(kernels, e, wide, columns, out->at(y, w.x0), stride,
                {.residual = s, .residual_stride = stride});
  }
}

void FloatDepthBlock::Run(const FloatKernels& kernels, const FloatMap& in, FloatMap* out,
                          int threads) const {
  out->Resize(in.height, in.width, channels_);
  const std::size_t across = (in.width + kWindowColumns - 1) / kWindowColumns;
  const std::size_t windows = (in.height + kWindowRows - 1) / kWindowRows * across;
  // Taken before the work starts, which must not throw.
  std::vector<Scratch> scratch(Workers(threads, windows),
                               Scratch(in.stride, PadChannels(2 * channels_)));
  ParallelFor(threads, windows, [&](std::size_t worker, std::size_t i) {
    const std::size_t y0 = i / across * kWindowRows, x0 = i % across * kWindowColumns;
    RunWindow(
        kernels, in,
        {y0, std::min(y0 + kWindowRows, in.height), x0, std::min(x0 + kWindowColumns, in.width)},
        &scratch[worker], out);
  });
}

// --- FloatDepthStack -------------------------------------------------------------------------

Result<FloatDepthStack> FloatDepthStack::Load(const WeightsFile& file, const std::string& prefix,
                                              std::size_t channels, std::size_t count) {
  FloatDepthStack stack;
  for (std::size_t i = 0; i < count; ++i) {
    HALFMOON_ASSIGN_OR_RETURN(
        FloatDepthBlock block,
        FloatDepthBlock::Load(file, prefix + "." + std::to_string(i), channels));
    stack.blocks_.push_back(std::move(block));
  }
  return stack;
}

void FloatDepthStack::Run(const FloatKernels& kernels, FloatMap* map, FloatMap* scratch,
                          int threads) const {
  for (const FloatDepthBlock& block : blocks_) {
    block.Run(kernels, *map, scratch, threads);
    std::swap(*map, *scratch);
  }
}

// --- FloatLevelVector ------------------------------------------------------------------------

Result<FloatLevelVector> FloatLevelVector::Load(const WeightsFile& file, const std::string& prefix,
                                                std::size_t anchors, std::size_t channels) {
  FloatLevelVector v;
  v.anchors_ = anchors;
  v.channels_ = channels;
  HALFMOON_ASSIGN_OR_RETURN(v.values_, LoadFloats(file, prefix + ".anchors",
                                                  {static_cast<std::int64_t>(anchors),
                                                   static_cast<std::int64_t>(channels)}));
  return v;
}

std::vector<float> FloatLevelVector::Gains(int q) const {
  const double position = static_cast<double>(q) * static_cast<double>(anchors_ - 1) /
                          (256.0 * static_cast<double>(kLevels - 1));
  const std::size_t low = std::min(static_cast<std::size_t>(std::max(position, 0.0)), anchors_ - 2);
  const double fraction = position - static_cast<double>(low);
  std::vector<float> gains(PadChannels(channels_), 0.0f);
  for (std::size_t c = 0; c < channels_; ++c) {
    const double a = values_[low * channels_ + c], b = values_[(low + 1) * channels_ + c];
    gains[c] = static_cast<float>(PortableExp(a * (1 - fraction) + b * fraction));
  }
  return gains;
}

double PortableExp(double x) {
  if (!(x > -700)) x = -700;  // NaN, too
  if (x > 700) x = 700;
  // x = k ln 2 + r, |r| <= ln 2 / 2; ln 2 in two parts, so that k times the first is exact.
  constexpr double kLog2E = 1.4426950408889634, kLn2High = 0x1.62e42feep-1,
                   kLn2Low = 0x1.a39ef35793c76p-33;
  const double k = std::nearbyint(x * kLog2E);
  const double r = (x - k * kLn2High) - k * kLn2Low;
  double sum = 1;  // the Taylor series, innermost term first
  for (int n = 17; n >= 1; --n) sum = 1 + sum * r / n;
  return std::ldexp(sum, static_cast<int>(k));
}

}  // namespace halfmoon::runtime
