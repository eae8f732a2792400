// Layers of the pixel transforms in integers: 1x1 convolutions, the depth-wise block, per-level
// gains. Must not include LibTorch or Highway, or use any floating-point type.
//
// Maps are [height][width][PadTransform(channels)] 16-bit integers; the channels behind the real
// ones mean nothing. What a channel's unit is, is the weights file's business: no layer knows it.
//
// Weights are untrusted. A layer is refused unless for each of its outputs
//
//   sum of |weight| * 32768 + |bias| + 2^(shift - 1) <= 2^31 - 1
//
// so that no sum leaves 32 bits, in any order. Then the number of threads and the instruction set
// cannot show (transform_kernels.h). The normative text is
// bitstream/MODELS.md, section 6.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include "halfmoon/status.h"
#include "models/runtime/layers/transform_kernels.h"
#include "models/runtime/weights/safetensors.h"

namespace halfmoon::runtime {

// A map of features in memory.
struct IntMap {
  std::size_t height = 0, width = 0, stride = 0;  // stride: integers of a position
  std::vector<std::int16_t> values;

  // Not initialised anew when it is large enough. Throws std::bad_alloc.
  void Resize(std::size_t h, std::size_t w, std::size_t channels);
  std::int16_t* at(std::size_t y, std::size_t x) {
    return values.data() + (y * width + x) * stride;
  }
  const std::int16_t* at(std::size_t y, std::size_t x) const {
    return values.data() + (y * width + x) * stride;
  }
};

// A 1x1 convolution, packed.
class IntPointwise {
 public:
  // Where an input or output of the packed layer lies in the tensor: its number here -> there.
  using Order = std::function<std::size_t(std::size_t)>;

  // Reads prefix.weight I16 [out, in, 1, 1], prefix.bias I32 [out] and prefix.shift I32 [1].
  // Errors: kModelCorrupt naming the tensor.
  static Result<IntPointwise> Load(const WeightsFile& file, const std::string& prefix,
                                   std::size_t in, std::size_t out, const Order& in_order = {});

  // The same for a layer whose outputs go to `parts` places, see RunPart. out_order: output i of
  // part p is p * part + i of it.
  static Result<IntPointwise> LoadParts(const WeightsFile& file, const std::string& prefix,
                                        std::size_t in, std::size_t parts, std::size_t part,
                                        const Order& out_order);

  std::size_t in() const { return in_; }
  std::size_t out() const { return part_; }

  // What happens to a sum on its way out (transform_kernels.h).
  struct Epilogue {
    bool leaky = false;
    const std::int16_t* gain = nullptr;
    const std::int16_t* residual = nullptr;
    std::size_t residual_stride = 0;
  };
  // Rows of in() integers, one more where they are odd -> rows of PadTransform(out()).
  void Run(const TransformKernels& kernels, const std::int16_t* rows, std::size_t row_stride,
           std::size_t count, std::int16_t* out, std::size_t out_stride,
           const Epilogue& epilogue) const {
    RunPart(kernels, 0, rows, row_stride, count, out, out_stride, epilogue);
  }
  // Part `p` of the outputs alone.
  void RunPart(const TransformKernels& kernels, std::size_t p, const std::int16_t* rows,
               std::size_t row_stride, std::size_t count, std::int16_t* out, std::size_t out_stride,
               const Epilogue& epilogue) const;

 private:
  std::size_t in_ = 0, part_ = 0;  // part_: outputs of a part
  int shift_ = 1;
  std::vector<std::int16_t> weights_;  // [part][panel][pair][place][2]
  std::vector<std::int32_t> bias_;     // [part][panel][place]
};

// out = layer(in), position by position. in and out must differ.
void RunMap(const TransformKernels& kernels, const IntPointwise& layer, const IntMap& in,
            IntMap* out, int threads, bool leaky = false);

// out = down(pixel_unshuffle(in, 2)): four positions become one. `down` is packed in QuadPlaces of
// in's `channels`.
void RunDown(const TransformKernels& kernels, const IntPointwise& down, std::size_t channels,
             const IntMap& in, IntMap* out, int threads);

// pixel_shuffle's channel c * 4 + 2 * dy + dx at the packed place (2 * dy + dx) * channels + c:
// whole positions lie together.
IntPointwise::Order QuadPlaces(std::size_t channels);

// networks::DepthBlock:
//   x -> 1x1 -> lrelu -> 3x3 depth-wise -> 1x1 -> + x -> 1x1 (C -> 2C) -> lrelu -> 1x1 -> + x
class IntDepthBlock {
 public:
  static Result<IntDepthBlock> Load(const WeightsFile& file, const std::string& prefix,
                                    std::size_t channels);
  // in and out must differ; out gets in's size. Everything outside the map counts as the zeros that
  // the 3x3 layer pads with. Throws std::bad_alloc.
  void Run(const TransformKernels& kernels, const IntMap& in, IntMap* out, int threads) const;

 private:
  struct Window;  // a part of the map
  struct Scratch;
  void RunWindow(const TransformKernels& kernels, const IntMap& in, const Window& window,
                 Scratch* scratch, IntMap* out) const;

  std::size_t channels_ = 0;
  IntPointwise in_, out_, expand_, reduce_;
  std::vector<std::int16_t> depthwise_;  // [panel][6][place][2]
  std::vector<std::int32_t> depthwise_bias_;
  int depthwise_shift_ = 1;
};

// A row of blocks, prefix.0, prefix.1, ...
class IntDepthStack {
 public:
  static Result<IntDepthStack> Load(const WeightsFile& file, const std::string& prefix,
                                    std::size_t channels, std::size_t count);
  // Replaces *map; *scratch is memory for that.
  void Run(const TransformKernels& kernels, IntMap* map, IntMap* scratch, int threads) const;

 private:
  std::vector<IntDepthBlock> blocks_;
};

// Gains of channels at every quality: powers of two, interpolated between anchors.
class IntLevelGains {
 public:
  // The unit of anchors: 1/4096 of an octave. No anchor is above 0 or below -kLowest.
  static constexpr int kOctave = 4096, kLowest = 15 * kOctave;

  // prefix.anchors I32 [n, channels].
  static Result<IntLevelGains> Load(const WeightsFile& file, const std::string& prefix,
                                    std::size_t anchors, std::size_t channels);
  // In 1/2^15, 0..32767, at Q (level * 256, 0..16128), padded with zeros to PadTransform(channels).
  std::vector<std::int16_t> Gains(int q) const;

 private:
  std::size_t anchors_ = 0, channels_ = 0;
  std::vector<std::int32_t> values_;
};

// round(2^(15 + x / 4096)), at most 32767, for x in -kLowest..0: see MODELS.md, section 6.
std::int16_t PowerOfTwo(std::int32_t x);

}  // namespace halfmoon::runtime
