// Integer convolution layers: loading with proof of bounds, packing, running. Must not include
// Highway or LibTorch, or use any floating-point type.
//
// Arithmetic of a layer (the normative text is in bitstream/MODELS.md): int16 inputs with known
// bounds,
//   sum = bias[o] + level_bias[level][o] + sum_i weight[o][i] * input[i]          (exact, int32)
//   out = clamp((int64(sum) * multiplier[o] + 2^(shift[o]-1)) >> shift[o], lo, hi)
// Convolutions are 1x1, or 3x3 with padding 1 where everything outside the tile counts as 0.
//
// Proof of no overflow, made for every output channel when a layer is loaded:
//   |bias| + max |level_bias| + sum |weight| * bound(input) <= 2^31 - 1
// so neither the sum nor any partial sum in any order leaves int32 (weight -32768 is refused, so
// that a pair of products fits too). With multiplier <= 2^31 - 1 and shift <= 62 the requantisation
// stays below 2^62 + 2^61 < 2^63 in magnitude.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "halfmoon/status.h"
#include "models/config/integer_path.h"
#include "models/runtime/layers/int_kernels.h"
#include "models/runtime/weights/safetensors.h"

namespace halfmoon::runtime {

// Per side of a layer; far above any model, keeps products of sizes in 64 bits.
inline constexpr std::int64_t kMaxChannels = 8192;

// Consecutive input channels and the bound of |input| there.
struct InputSegment {
  int channels;
  int bound;
};

// Consecutive output channels and what they are clamped to.
struct OutputRange {
  int channels;
  int lo;
  int hi;
};

// What a layer must be. Tensors, with [...] the shape:
//   NAME.weight I16 or I8 [out, in, k, k] (depthwise: [out, 1, 3, 3]), NAME.bias I32 [out],
//   NAME.multiplier I32 [out] in 1..2^31-1, NAME.shift I32 [out] in 1..62,
//   optional NAME.level_bias I32 [levels, out].
struct LayerSpec {
  std::string name;
  int kernel = 1;          // 1 or 3
  bool depthwise = false;  // 3x3, one input segment with as many channels as there are outputs
  int levels = 1;
  std::vector<InputSegment> inputs;
  std::vector<OutputRange> outputs;

  int in_channels() const;
  int out_channels() const;
};

// The checked tensors of a layer as they lie in the file.
struct LayerTensors {
  LayerSpec spec;
  std::vector<std::int16_t> weight;
  std::vector<std::int32_t> bias;
  std::vector<std::int32_t> multiplier;
  std::vector<std::int32_t> shift;
  std::vector<std::int32_t> level_bias;  // empty, or [levels][out]
};

// What a layer's weights must be read as: kI8 where the file has them so, else kI16.
Result<DType> LayerWeightType(const WeightsFile& file, const std::string& layer);

// Errors: kModelCorrupt naming the layer, the channel and the violated bound.
Result<LayerTensors> LoadLayerTensors(const WeightsFile& file, const LayerSpec& spec);

// A layer packed for the kernels. Thread-safety: const after creation.
class IntLayer {
 public:
  // `rows`: output channel j of the packed layer is channel rows[j] of the tensors; empty: all in
  // order. REQUIRES: rows within range.
  static IntLayer Pack(const LayerTensors& tensors, std::span<const int> rows = {});

  const std::string& name() const { return name_; }
  int kernel() const { return kernel_; }
  bool depthwise() const { return depthwise_; }
  std::size_t in_channels() const { return in_channels_; }
  std::size_t out_channels() const { return out_channels_; }
  // int16 per row that Gemm() writes: out_channels() rounded up to whole panels.
  std::size_t out_stride() const { return panel_count_ * kPanel; }
  // int16 per row that holds all segments, each padded to an even number of channels.
  std::size_t row_stride() const { return pairs_ * 2; }

  // Where segment i's input lies: segments are spec.inputs, for a 3x3 layer the 9 neighbours in
  // row-major order with all inputs each.
  const PairRun& segment(std::size_t i) const { return segments_[i]; }
  std::span<const PairRun> segments() const { return segments_; }

  // Copies one position's concatenated inputs [in_channels()] to the padded segments of a row.
  // REQUIRES: kernel() == 1.
  void GatherSegments(const std::int16_t* inputs, std::int16_t* row) const;

  // Runs the layer over gathered rows (see GemmArgs for the storage both sides need).
  void Gemm(const Kernels& kernels, int level, const std::int16_t* rows, std::size_t row_stride,
            std::size_t row_count, std::span<const PairRun> runs, std::int16_t* out) const;
  // A depthwise layer at one position; `taps` must be readable for out_stride() channels.
  void Depthwise(const Kernels& kernels, int level, const std::int16_t* const taps[9],
                 std::int16_t* out) const;

 private:
  const std::int32_t* bias_of(int level) const;

  std::string name_;
  int kernel_ = 1;
  bool depthwise_ = false;
  bool per_level_ = false;
  std::size_t in_channels_ = 0;
  std::size_t out_channels_ = 0;
  std::size_t pairs_ = 0;
  std::size_t panel_count_ = 0;
  std::vector<PairRun> segments_;
  std::vector<std::size_t> segment_channels_;
  std::vector<std::int16_t> weights_;
  std::vector<std::int32_t> bias_;  // [levels or 1][out_stride], level bias included
  std::vector<PanelRequant> requant_;
};

// How RunLayer lays out its result.
enum class OutputLayout {
  kPlain,          // [h][w][out]
  kPixelShuffle2,  // [2h][2w][out/4]; packed channel q*(out/4) + c goes to pixel (q/2, q%2) of the
                   // 2x2 block: see PixelShuffleRows()
};

// The order of output channels with which to Pack() a layer for kPixelShuffle2. The file has
// PyTorch's pixel_shuffle order: channel c*4 + 2*dy + dx -> channel c at (2y+dy, 2x+dx).
std::vector<int> PixelShuffleRows(int out_channels);

// The whole layer over a tile: in [h][w][in], out as `layout` says. The result does not depend on
// `kernels` or `threads`. Errors: kInvalidArgument when a span has the wrong size; kOutOfMemory.
Status RunLayer(const IntLayer& layer, const Kernels& kernels, int level,
                std::span<const std::int16_t> in, std::size_t height, std::size_t width,
                OutputLayout layout, int threads, std::span<std::int16_t> out);

}  // namespace halfmoon::runtime
