#include "models/runtime/layers/int_conv.h"

#include <algorithm>
#include <cstring>
#include <limits>
#include <new>
#include <numeric>
#include <utility>

#include "models/runtime/layers/parallel.h"

namespace halfmoon::runtime {
namespace {

// Positions gathered at once. 12..96 differ by little (24 is among the fastest on Zen 3); small
// blocks leave work for many threads.
constexpr std::size_t kBlock = 24;
static_assert(kBlock % kRowMultiple == 0);

constexpr std::int64_t kInt32Max = std::numeric_limits<std::int32_t>::max();

std::size_t RoundUp(std::size_t value, std::size_t multiple) {
  return (value + multiple - 1) / multiple * multiple;
}

Status Violation(const std::string& layer, std::size_t channel, const std::string& what) {
  return {StatusCode::kModelCorrupt, "layer \"" + layer + "\", output channel " +
                                         std::to_string(channel) + ": " + what +
                                         "; export the model again"};
}

std::int64_t Magnitude(std::int64_t value) { return value < 0 ? -value : value; }

// The bound of |input| for every input channel.
std::vector<std::int64_t> InputBounds(const LayerSpec& spec) {
  std::vector<std::int64_t> bounds;
  for (const InputSegment& segment : spec.inputs) {
    bounds.insert(bounds.end(), static_cast<std::size_t>(segment.channels), segment.bound);
  }
  return bounds;
}

Status CheckSpec(const LayerSpec& spec) {
  HALFMOON_ENSURE(spec.kernel == 1 || spec.kernel == 3);
  HALFMOON_ENSURE(spec.levels >= 1 && !spec.inputs.empty() && !spec.outputs.empty());
  std::int64_t in = 0;
  std::int64_t out = 0;
  for (const InputSegment& segment : spec.inputs) {
    HALFMOON_ENSURE(segment.channels > 0 && segment.channels <= kMaxChannels);
    HALFMOON_ENSURE(segment.bound >= 0 && segment.bound <= kActivationBound);
    in += segment.channels;
  }
  for (const OutputRange& range : spec.outputs) {
    HALFMOON_ENSURE(range.channels > 0 && range.channels <= kMaxChannels);
    HALFMOON_ENSURE(range.lo <= range.hi && range.lo >= -32768 && range.hi <= 32767);
    out += range.channels;
  }
  HALFMOON_ENSURE(in <= kMaxChannels && out <= kMaxChannels);
  HALFMOON_ENSURE(spec.kernel == 1 || spec.inputs.size() == 1);
  HALFMOON_ENSURE(!spec.depthwise || (spec.kernel == 3 && in == out));
  return Status::Ok();
}

}  // namespace

int LayerSpec::in_channels() const {
  int total = 0;
  for (const InputSegment& segment : inputs) total += segment.channels;
  return total;
}

int LayerSpec::out_channels() const {
  int total = 0;
  for (const OutputRange& range : outputs) total += range.channels;
  return total;
}

Result<DType> LayerWeightType(const WeightsFile& file, const std::string& layer) {
  HALFMOON_ASSIGN_OR_RETURN(const TensorView weight, file.Get(layer + ".weight"));
  return weight.dtype == DType::kI8 ? DType::kI8 : DType::kI16;
}

Result<LayerTensors> LoadLayerTensors(const WeightsFile& file, const LayerSpec& spec) {
  HALFMOON_RETURN_IF_ERROR(CheckSpec(spec));
  const std::int64_t out = spec.out_channels();
  const std::int64_t in = spec.depthwise ? 1 : spec.in_channels();
  const std::int64_t levels = spec.levels;

  LayerTensors tensors;
  tensors.spec = spec;
  HALFMOON_ASSIGN_OR_RETURN(const DType type, LayerWeightType(file, spec.name));
  HALFMOON_ASSIGN_OR_RETURN(const TensorView weight, file.Get(spec.name + ".weight", type,
                                                              {out, in, spec.kernel, spec.kernel}));
  HALFMOON_ASSIGN_OR_RETURN(const TensorView bias,
                            file.Get(spec.name + ".bias", DType::kI32, {out}));
  HALFMOON_ASSIGN_OR_RETURN(const TensorView multiplier,
                            file.Get(spec.name + ".multiplier", DType::kI32, {out}));
  HALFMOON_ASSIGN_OR_RETURN(const TensorView shift,
                            file.Get(spec.name + ".shift", DType::kI32, {out}));
  if (type == DType::kI8) {
    const std::vector<std::int8_t> bytes = weight.Values<std::int8_t>();
    tensors.weight.assign(bytes.begin(), bytes.end());
  } else {
    tensors.weight = weight.Values<std::int16_t>();
  }
  tensors.bias = bias.Values<std::int32_t>();
  tensors.multiplier = multiplier.Values<std::int32_t>();
  tensors.shift = shift.Values<std::int32_t>();
  if (file.Has(spec.name + ".level_bias")) {
    HALFMOON_ASSIGN_OR_RETURN(const TensorView level_bias,
                              file.Get(spec.name + ".level_bias", DType::kI32, {levels, out}));
    tensors.level_bias = level_bias.Values<std::int32_t>();
  }

  const std::vector<std::int64_t> bounds = InputBounds(spec);
  const auto taps = static_cast<std::size_t>(spec.kernel) * static_cast<std::size_t>(spec.kernel);
  const std::size_t per_output = static_cast<std::size_t>(in) * taps;
  for (std::size_t o = 0; o < static_cast<std::size_t>(out); ++o) {
    if (tensors.multiplier[o] < 1) {
      return Violation(
          spec.name, o,
          "multiplier " + std::to_string(tensors.multiplier[o]) + " is not in 1..2147483647");
    }
    if (tensors.shift[o] < 1 || tensors.shift[o] > 62) {
      return Violation(spec.name, o,
                       "shift " + std::to_string(tensors.shift[o]) + " is not in 1..62");
    }
    // At most 2^13 * 9 weights of 2^15 times 2^12, and two int32: far below 2^63.
    std::int64_t largest = Magnitude(tensors.bias[o]);
    std::int64_t largest_level_bias = 0;
    for (std::size_t i = o; i < tensors.level_bias.size(); i += static_cast<std::size_t>(out)) {
      largest_level_bias = std::max(largest_level_bias, Magnitude(tensors.level_bias[i]));
    }
    largest += largest_level_bias;
    for (std::size_t i = 0; i < per_output; ++i) {
      const std::int16_t w = tensors.weight[o * per_output + i];
      if (w == std::numeric_limits<std::int16_t>::min()) {
        return Violation(spec.name, o, "weight -32768 is not allowed");
      }
      largest += Magnitude(w) * bounds[spec.depthwise ? o : i / taps];
    }
    if (largest > kInt32Max) {
      return Violation(spec.name, o,
                       "its sum can reach " + std::to_string(largest) + ", more than 2147483647");
    }
  }
  return tensors;
}

IntLayer IntLayer::Pack(const LayerTensors& tensors, std::span<const int> rows) {
  const LayerSpec& spec = tensors.spec;
  const auto file_out = static_cast<std::size_t>(spec.out_channels());
  std::vector<std::size_t> order(rows.begin(), rows.end());
  if (rows.empty()) {
    order.resize(file_out);
    std::iota(order.begin(), order.end(), std::size_t{0});
  }
  std::vector<std::pair<int, int>> ranges;  // lo, hi per channel of the file
  for (const OutputRange& range : spec.outputs) {
    ranges.insert(ranges.end(), static_cast<std::size_t>(range.channels), {range.lo, range.hi});
  }

  IntLayer layer;
  layer.name_ = spec.name;
  layer.kernel_ = spec.kernel;
  layer.depthwise_ = spec.depthwise;
  layer.per_level_ = !tensors.level_bias.empty();
  layer.in_channels_ = static_cast<std::size_t>(spec.in_channels());
  layer.out_channels_ = order.size();
  layer.panel_count_ = RoundUp(order.size(), kPanel) / kPanel;
  const std::size_t stride = layer.out_stride();

  const std::size_t levels = layer.per_level_ ? static_cast<std::size_t>(spec.levels) : 1;
  layer.bias_.assign(levels * stride, 0);
  layer.requant_.resize(layer.panel_count_);
  for (std::size_t j = 0; j < stride; ++j) {
    const bool real = j < order.size();
    const std::size_t o = real ? order[j] : 0;
    for (std::size_t level = 0; real && level < levels; ++level) {
      layer.bias_[level * stride + j] =
          tensors.bias[o] + (layer.per_level_ ? tensors.level_bias[level * file_out + o] : 0);
    }
    // Channels of padding give 0.
    PanelRequant& q = layer.requant_[j / kPanel];
    const std::size_t lane = j % kPanel;
    q.multiplier[lane] = real ? tensors.multiplier[o] : 1;
    q.shift[lane] = real ? tensors.shift[o] : 1;
    q.lo[lane] = real ? ranges[o].first : 0;
    q.hi[lane] = real ? ranges[o].second : 0;
    const std::size_t parity = lane % 2;
    const std::size_t half = lane / 2;
    const int shift = q.shift[lane];
    q.rounding[parity][half] = (std::uint64_t{1} << 63) + (std::uint64_t{1} << (shift - 1));
    q.shift64[parity][half] = static_cast<std::uint64_t>(shift);
    q.unbias[parity][half] = (std::uint64_t{1} << 63) >> shift;
    q.lo64[parity][half] = q.lo[lane];
    q.hi64[parity][half] = q.hi[lane];
  }

  const auto taps = static_cast<std::size_t>(spec.kernel) * static_cast<std::size_t>(spec.kernel);
  if (spec.depthwise) {
    layer.weights_.assign(layer.panel_count_ * taps * kPanel, 0);
    for (std::size_t j = 0; j < order.size(); ++j) {
      for (std::size_t tap = 0; tap < taps; ++tap) {
        layer.weights_[(j / kPanel * taps + tap) * kPanel + j % kPanel] =
            tensors.weight[order[j] * taps + tap];
      }
    }
    return layer;
  }

  // Segments: (first input channel, channels, tap).
  struct Source {
    std::size_t first;
    std::size_t channels;
    std::size_t tap;
  };
  std::vector<Source> sources;
  for (std::size_t tap = 0; tap < taps; ++tap) {
    std::size_t first = 0;
    for (const InputSegment& segment : spec.inputs) {
      sources.push_back({first, static_cast<std::size_t>(segment.channels), tap});
      first += static_cast<std::size_t>(segment.channels);
    }
  }
  for (const Source& source : sources) {
    const std::size_t pairs = RoundUp(source.channels, 2) / 2;
    layer.segments_.push_back({layer.pairs_, pairs});
    layer.segment_channels_.push_back(source.channels);
    layer.pairs_ += pairs;
  }
  layer.weights_.assign(layer.panel_count_ * layer.pairs_ * 2 * kPanel, 0);
  for (std::size_t j = 0; j < order.size(); ++j) {
    std::int16_t* panel = layer.weights_.data() + j / kPanel * layer.pairs_ * 2 * kPanel;
    for (std::size_t s = 0; s < sources.size(); ++s) {
      for (std::size_t i = 0; i < sources[s].channels; ++i) {
        const std::size_t pair = layer.segments_[s].begin + i / 2;
        panel[pair * 2 * kPanel + j % kPanel * 2 + i % 2] =
            tensors.weight[(order[j] * layer.in_channels_ + sources[s].first + i) * taps +
                           sources[s].tap];
      }
    }
  }
  return layer;
}

const std::int32_t* IntLayer::bias_of(int level) const {
  return bias_.data() + (per_level_ ? static_cast<std::size_t>(level) * out_stride() : 0);
}

void IntLayer::GatherSegments(const std::int16_t* inputs, std::int16_t* row) const {
  for (std::size_t s = 0; s < segments_.size(); ++s) {
    std::memcpy(row + segments_[s].begin * 2, inputs, segment_channels_[s] * sizeof(*row));
    inputs += segment_channels_[s];
  }
}

void IntLayer::Gemm(const Kernels& kernels, int level, const std::int16_t* rows,
                    std::size_t row_stride, std::size_t row_count, std::span<const PairRun> runs,
                    std::int16_t* out) const {
  kernels.gemm({rows, row_stride, row_count, runs.data(), runs.size(), weights_.data(), pairs_,
                panel_count_, bias_of(level), requant_.data(), out, out_stride()});
}

void IntLayer::Depthwise(const Kernels& kernels, int level, const std::int16_t* const taps[9],
                         std::int16_t* out) const {
  DepthwiseArgs args{};
  std::copy_n(taps, 9, args.taps);
  args.weights = weights_.data();
  args.panel_count = panel_count_;
  args.bias = bias_of(level);
  args.requant = requant_.data();
  args.out = out;
  kernels.depthwise(args);
}

std::vector<int> PixelShuffleRows(int out_channels) {
  std::vector<int> rows;
  rows.reserve(static_cast<std::size_t>(out_channels));
  for (int quarter = 0; quarter < 4; ++quarter) {
    for (int channel = 0; channel < out_channels / 4; ++channel) {
      rows.push_back(channel * 4 + quarter);
    }
  }
  return rows;
}

Status RunLayer(const IntLayer& layer, const Kernels& kernels, int level,
                std::span<const std::int16_t> in, std::size_t height, std::size_t width,
                OutputLayout layout, int threads, std::span<std::int16_t> out) {
  const std::size_t channels_in = layer.in_channels();
  const std::size_t channels_out = layer.out_channels();
  const std::size_t positions = height * width;
  if (in.size() != positions * channels_in || out.size() != positions * channels_out) {
    return {StatusCode::kInvalidArgument,
            "layer \"" + layer.name() + "\": " + std::to_string(in.size()) + " inputs and " +
                std::to_string(out.size()) + " outputs do not fit " + std::to_string(height) + "x" +
                std::to_string(width) + " positions"};
  }
  HALFMOON_ENSURE(layout == OutputLayout::kPlain || channels_out % 4 == 0);
  const bool wide = layer.kernel() == 3;

  // The neighbour of `position` at a tap, or nullptr outside.
  const auto neighbour = [&](std::size_t position, std::size_t tap) -> const std::int16_t* {
    const std::size_t y = position / width + tap / 3;  // one too large, as is x
    const std::size_t x = position % width + tap % 3;
    if (y == 0 || y > height || x == 0 || x > width) return nullptr;
    return in.data() + ((y - 1) * width + (x - 1)) * channels_in;
  };

  const auto store = [&](std::size_t position, const std::int16_t* row) {
    if (layout == OutputLayout::kPlain) {
      std::memcpy(out.data() + position * channels_out, row, channels_out * sizeof(*row));
      return;
    }
    const std::size_t quarter = channels_out / 4;
    for (std::size_t q = 0; q < 4; ++q) {
      const std::size_t y = position / width * 2 + q / 2;
      const std::size_t x = position % width * 2 + q % 2;
      std::memcpy(out.data() + (y * width * 2 + x) * quarter, row + q * quarter,
                  quarter * sizeof(*row));
    }
  };

  const std::size_t blocks = (positions + kBlock - 1) / kBlock;
  const std::size_t workers = Workers(threads, blocks);
  const std::size_t row_stride = layer.depthwise() ? 10 * layer.out_stride() : layer.row_stride();
  const std::size_t rows_size = layer.depthwise() ? row_stride : kBlock * row_stride;
  std::vector<std::int16_t> rows;
  std::vector<std::int16_t> results;
  try {
    rows.assign(workers * rows_size, 0);
    results.assign(workers * kBlock * layer.out_stride(), 0);
  } catch (const std::bad_alloc&) {
    return {StatusCode::kOutOfMemory, "not enough memory to run layer \"" + layer.name() + "\""};
  }

  ParallelFor(threads, blocks, [&](std::size_t worker, std::size_t block) {
    std::int16_t* my_rows = rows.data() + worker * rows_size;
    std::int16_t* result = results.data() + worker * kBlock * layer.out_stride();
    const std::size_t first = block * kBlock;
    const std::size_t count = std::min(kBlock, positions - first);
    if (layer.depthwise()) {
      // Neighbours are copied: channels of padding must be readable.
      for (std::size_t r = 0; r < count; ++r) {
        const std::int16_t* taps[9];
        for (std::size_t tap = 0; tap < 9; ++tap) {
          std::int16_t* copy = my_rows + tap * layer.out_stride();
          const std::int16_t* source = neighbour(first + r, tap);
          if (source != nullptr) {
            std::memcpy(copy, source, channels_in * sizeof(*copy));
          } else {
            std::memset(copy, 0, channels_in * sizeof(*copy));
          }
          taps[tap] = copy;
        }
        layer.Depthwise(kernels, level, taps, result);
        store(first + r, result);
      }
      return;
    }
    for (std::size_t r = 0; r < count; ++r) {
      std::int16_t* row = my_rows + r * row_stride;
      if (!wide) {
        layer.GatherSegments(in.data() + (first + r) * channels_in, row);
        continue;
      }
      for (std::size_t tap = 0; tap < 9; ++tap) {
        std::int16_t* segment = row + layer.segment(tap).begin * 2;
        const std::int16_t* source = neighbour(first + r, tap);
        if (source != nullptr) {
          std::memcpy(segment, source, channels_in * sizeof(*row));
        } else {
          std::memset(segment, 0, channels_in * sizeof(*row));
        }
      }
    }
    layer.Gemm(kernels, level, my_rows, row_stride, count, layer.segments(), result);
    for (std::size_t r = 0; r < count; ++r) store(first + r, result + r * layer.out_stride());
  });
  return Status::Ok();
}

}  // namespace halfmoon::runtime
