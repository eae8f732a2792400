// Layers of the pixel transforms in float, for running trained networks without LibTorch: 1x1
// convolutions, the depth-wise block, per-level vectors. Must not include LibTorch or Highway.
//
// Maps are [height][width][PadChannels(channels)] floats; the channels behind the real ones hold
// finite numbers that mean nothing.
// Results do not depend on the number of threads or on the instruction set (float_kernels.h).
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include "halfmoon/status.h"
#include "models/runtime/layers/float_kernels.h"
#include "models/runtime/weights/safetensors.h"

namespace halfmoon::runtime {

// A map of features in memory.
struct FloatMap {
  std::size_t height = 0, width = 0, stride = 0;  // stride: floats of a position, padded channels
  std::vector<float> values;

  // Not initialised anew when it is large enough. Throws std::bad_alloc.
  void Resize(std::size_t h, std::size_t w, std::size_t channels);
  float* at(std::size_t y, std::size_t x) { return values.data() + (y * width + x) * stride; }
  const float* at(std::size_t y, std::size_t x) const {
    return values.data() + (y * width + x) * stride;
  }
};

// A tensor of floats of any shape, F32 or F16, as float. Errors: kModelCorrupt naming the tensor.
Result<std::vector<float>> LoadFloats(const WeightsFile& file, const std::string& name,
                                      std::initializer_list<std::int64_t> shape);

// A 1x1 convolution, packed.
class FloatPointwise {
 public:
  // Where an input or output of the packed layer lies in the tensor: its number here -> there.
  using Order = std::function<std::size_t(std::size_t)>;

  // Reads prefix.weight [out, in, 1, 1] and, if there is to be one, prefix.bias [out].
  // Errors: kModelCorrupt naming the tensor.
  static Result<FloatPointwise> Load(const WeightsFile& file, const std::string& prefix,
                                     std::size_t in, std::size_t out, bool with_bias,
                                     const Order& in_order = {});

  // The same for a layer whose outputs go to `parts` places, see RunPart: each part's outputs are
  // padded to whole panels, so out() is parts * PadChannels(part). out_order counts without
  // padding.
  static Result<FloatPointwise> LoadParts(const WeightsFile& file, const std::string& prefix,
                                          std::size_t in, std::size_t parts, std::size_t part,
                                          const Order& out_order);

  // A layer of given weights: weight(n, k) for output n and input k; no bias.
  static FloatPointwise Pack(std::size_t in, std::size_t out,
                             const std::function<float(std::size_t n, std::size_t k)>& weight);

  std::size_t in() const { return in_; }
  std::size_t out() const { return out_; }

  // What a call may add to out = W * rows + bias (FloatGemmArgs).
  struct Epilogue {
    float slope = 1;
    const float* residual = nullptr;
    std::size_t residual_stride = 0;
  };
  // Rows of in() floats -> rows of PadChannels(out()) floats.
  void Run(const FloatKernels& kernels, const float* rows, std::size_t row_stride,
           std::size_t count, float* out, std::size_t out_stride, const Epilogue& epilogue) const;
  void Run(const FloatKernels& kernels, const float* rows, std::size_t row_stride,
           std::size_t count, float* out, std::size_t out_stride) const {
    Run(kernels, rows, row_stride, count, out, out_stride, Epilogue());
  }
  // Part `p` of the outputs alone.
  void RunPart(const FloatKernels& kernels, std::size_t p, const float* rows,
               std::size_t row_stride, std::size_t count, float* out, std::size_t out_stride) const;

 private:
  // `rows`: for every output the tensor's row it is, or kPadding.
  static Result<FloatPointwise> LoadRows(const WeightsFile& file, const std::string& prefix,
                                         std::size_t in, std::size_t out, bool with_bias,
                                         const Order& in_order,
                                         const std::vector<std::size_t>& rows);
  static constexpr std::size_t kPadding = static_cast<std::size_t>(-1);

  std::size_t in_ = 0, out_ = 0;
  std::size_t part_ = 0, part_padded_ = 0;  // outputs of a part
  std::vector<float> weights_, bias_;       // [panel][in][kFloatPanel]; [padded out], or empty
};

// out = layer(in), position by position, then v < 0 -> v * slope. in and out must differ.
void RunMap(const FloatKernels& kernels, const FloatPointwise& layer, const FloatMap& in,
            FloatMap* out, int threads, float slope = 1);

// out = down(pixel_unshuffle(in, 2)): four positions become one. `down` is packed in QuadOrder of
// in's `channels`.
void RunDown(const FloatKernels& kernels, const FloatPointwise& down, std::size_t channels,
             const FloatMap& in, FloatMap* out, int threads);

// pixel_shuffle's channel c * 4 + 2 * dy + dx at the packed place (2 * dy + dx) * channels + c:
// whole positions lie together.
FloatPointwise::Order QuadOrder(std::size_t channels);

// networks::DepthBlock:
//   x -> 1x1 -> lrelu -> 3x3 depth-wise -> 1x1 -> + x -> 1x1 (C -> 2C) -> lrelu -> 1x1 -> + x
class FloatDepthBlock {
 public:
  static Result<FloatDepthBlock> Load(const WeightsFile& file, const std::string& prefix,
                                      std::size_t channels);
  // in and out must differ; out gets in's size. Everything outside the map counts as the zeros that
  // the 3x3 layer pads with. Throws std::bad_alloc.
  void Run(const FloatKernels& kernels, const FloatMap& in, FloatMap* out, int threads) const;

 private:
  struct Window;  // a part of the map
  struct Scratch;
  void RunWindow(const FloatKernels& kernels, const FloatMap& in, const Window& window,
                 Scratch* scratch, FloatMap* out) const;

  std::size_t channels_ = 0;
  FloatPointwise in_, out_, expand_, reduce_;
  std::vector<float> depthwise_, depthwise_bias_;  // [9][padded], [padded]
};

// A row of blocks, prefix.0, prefix.1, ...
class FloatDepthStack {
 public:
  static Result<FloatDepthStack> Load(const WeightsFile& file, const std::string& prefix,
                                      std::size_t channels, std::size_t count);
  // Replaces *map; *scratch is memory for that.
  void Run(const FloatKernels& kernels, FloatMap* map, FloatMap* scratch, int threads) const;

 private:
  std::vector<FloatDepthBlock> blocks_;
};

// networks::LevelVector: anchors [n, channels] interpolated between quality levels.
class FloatLevelVector {
 public:
  static Result<FloatLevelVector> Load(const WeightsFile& file, const std::string& prefix,
                                       std::size_t anchors, std::size_t channels);
  // exp of the interpolated anchors at Q (level * 256, 0..16128), padded with zeros.
  std::vector<float> Gains(int q) const;

 private:
  std::size_t anchors_ = 0, channels_ = 0;
  std::vector<float> values_;
};

// e^x from IEEE 754 operations alone, so the same everywhere; relative error below 1e-15. For |x| >
// 700 the nearest of +-700 is taken.
double PortableExp(double x);

}  // namespace halfmoon::runtime
