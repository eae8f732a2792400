#include "models/training/export/observed_transforms.h"

#include <algorithm>
#include <cmath>

#include "models/runtime/layers/parallel.h"

namespace halfmoon::training {
namespace {

using runtime::FloatKernels;
using runtime::FloatLevelVector;
using runtime::FloatMap;
using runtime::FloatPointwise;
using runtime::LoadFloats;
using runtime::PadChannels;
using runtime::ParallelFor;
using runtime::QuadOrder;
using runtime::WeightsFile;

constexpr float kSlope = 0.1f;  // of the leaky ReLUs (networks/layers.cc)

const FloatKernels& Kernels() { return runtime::FloatKernelsFor(runtime::BestIsa()); }

FloatMap Mapped(const FloatPointwise& layer, const FloatMap& in, int threads, float slope = 1) {
  FloatMap out;
  RunMap(Kernels(), layer, in, &out, threads, slope);
  return out;
}

void Add(const FloatMap& from, FloatMap* to) {
  for (std::size_t i = 0; i < to->height * to->width * to->stride; ++i)
    to->values[i] += from.values[i];
}

void Scale(const std::vector<float>& gains, FloatMap* map) {
  for (std::size_t i = 0; i < map->height * map->width; ++i) {
    for (std::size_t c = 0; c < map->stride; ++c) map->values[i * map->stride + c] *= gains[c];
  }
}

// unshuffle(pixels - 0.5, side), padded.
FloatMap Blocks(const std::vector<float>& pixels, std::size_t width, std::size_t height,
                std::size_t side) {
  FloatMap map;
  map.Resize(height / side, width / side, 3 * side * side);
  for (std::size_t y = 0; y < height; ++y) {
    for (std::size_t x = 0; x < width; ++x) {
      for (std::size_t c = 0; c < 3; ++c) {
        map.at(y / side, x / side)[(c * side + y % side) * side + x % side] =
            pixels[(y * width + x) * 3 + c] - 0.5f;
      }
    }
  }
  return map;
}

// Four positions of `in` for each of `layer`'s: shuffle 2.
FloatMap Raised(const FloatPointwise& layer, const FloatMap& in, std::size_t channels) {
  FloatMap out;
  out.Resize(2 * in.height, 2 * in.width, channels);
  for (std::size_t y = 0; y < in.height; ++y) {
    for (std::size_t p = 0; p < 4; ++p) {
      layer.RunPart(Kernels(), p, in.at(y, 0), in.stride, in.width, out.at(2 * y + p / 2, p % 2),
                    2 * out.stride);
    }
  }
  return out;
}

Result<std::vector<ObservedBlock>> LoadStack(const WeightsFile& file, const std::string& stack,
                                             std::int64_t channels, std::int64_t count) {
  std::vector<ObservedBlock> blocks;
  for (std::int64_t i = 0; i < count; ++i) {
    HALFMOON_ASSIGN_OR_RETURN(ObservedBlock block,
                              ObservedBlock::Load(file, stack, static_cast<std::size_t>(i),
                                                  static_cast<std::size_t>(channels)));
    blocks.push_back(std::move(block));
  }
  return blocks;
}

}  // namespace

void Observations::Add(const std::string& name, const FloatMap& map, std::size_t channels,
                       double slope) {
  ChannelSizes& s = sizes_[name];
  s.most.resize(channels, 0.0);
  s.sums.resize(channels, 0.0);
  s.squares.resize(channels, 0.0);
  for (std::size_t i = 0; i < map.height * map.width; ++i) {
    const float* v = map.values.data() + i * map.stride;
    for (std::size_t c = 0; c < channels; ++c) {
      const double x = v[c];
      s.most[c] = std::max(s.most[c], x < 0 ? -x / slope : x);
      s.sums[c] += x;
      s.squares[c] += x * x;
    }
  }
  s.positions += static_cast<double>(map.height * map.width);
}

Result<ObservedBlock> ObservedBlock::Load(const WeightsFile& file, const std::string& stack,
                                          std::size_t number, std::size_t c) {
  ObservedBlock b;
  b.stack_ = stack;
  b.name_ = stack + "." + std::to_string(number);
  b.channels_ = c;
  HALFMOON_ASSIGN_OR_RETURN(b.in_, FloatPointwise::Load(file, b.name_ + ".in", c, c, true));
  HALFMOON_ASSIGN_OR_RETURN(b.out_, FloatPointwise::Load(file, b.name_ + ".out", c, c, true));
  HALFMOON_ASSIGN_OR_RETURN(b.expand_,
                            FloatPointwise::Load(file, b.name_ + ".expand", c, 2 * c, true));
  HALFMOON_ASSIGN_OR_RETURN(b.reduce_,
                            FloatPointwise::Load(file, b.name_ + ".reduce", 2 * c, c, true));
  const auto n = static_cast<std::int64_t>(c);
  HALFMOON_ASSIGN_OR_RETURN(const std::vector<float> weights,
                            LoadFloats(file, b.name_ + ".depthwise.weight", {n, 1, 3, 3}));
  HALFMOON_ASSIGN_OR_RETURN(b.depthwise_bias_, LoadFloats(file, b.name_ + ".depthwise.bias", {n}));
  const std::size_t padded = PadChannels(c);
  b.depthwise_bias_.resize(padded, 0.0f);
  b.depthwise_.assign(9 * padded, 0.0f);
  for (std::size_t i = 0; i < c; ++i) {
    for (std::size_t t = 0; t < 9; ++t) b.depthwise_[t * padded + i] = weights[i * 9 + t];
  }
  return b;
}

void ObservedBlock::Run(FloatMap* map, int threads, Observations* seen) const {
  const FloatMap h = Mapped(in_, *map, threads, kSlope);
  seen->Add(name_ + ".h", h, channels_, kSlope);
  FloatMap d;
  d.Resize(h.height, h.width, channels_);
  const std::size_t row = (h.width + 2) * h.stride;
  ParallelFor(threads, h.height, [&](std::size_t, std::size_t y) {
    std::vector<float> rows(3 * row, 0.0f);
    for (std::size_t i = 0; i < 3; ++i) {
      if (y + i < 1 || y + i > h.height) continue;
      std::copy_n(h.at(y + i - 1, 0), h.width * h.stride, rows.data() + i * row + h.stride);
    }
    Kernels().depthwise({.rows = {rows.data(), rows.data() + row, rows.data() + 2 * row},
                         .width = h.width,
                         .channels = h.stride,
                         .weights = depthwise_.data(),
                         .bias = depthwise_bias_.data(),
                         .out = d.at(y, 0)});
  });
  seen->Add(name_ + ".d", d, channels_);
  Add(Mapped(out_, d, threads), map);
  seen->Add(stack_, *map, channels_);
  const FloatMap e = Mapped(expand_, *map, threads, kSlope);
  seen->Add(name_ + ".e", e, 2 * channels_, kSlope);
  Add(Mapped(reduce_, e, threads), map);
  seen->Add(stack_, *map, channels_);
}

Result<ObservedTransforms> ObservedTransforms::Load(const WeightsFile& file, const AeConfig& c) {
  ObservedTransforms t;
  t.config_ = c;
  const auto m = static_cast<std::size_t>(c.latent_channels),
             wide = static_cast<std::size_t>(c.trunk_channels),
             n = static_cast<std::size_t>(c.block_channels),
             fine = static_cast<std::size_t>(c.refine_channels),
             anchors = static_cast<std::size_t>(c.level_anchors);
  HALFMOON_ASSIGN_OR_RETURN(t.analysis_gain_, FloatLevelVector::Load(file, "g_a.gain", anchors, n));
  HALFMOON_ASSIGN_OR_RETURN(t.a_in_, FloatPointwise::Load(file, "g_a.in", 192, n, true));
  HALFMOON_ASSIGN_OR_RETURN(
      t.a_down_, FloatPointwise::Load(file, "g_a.down", 4 * n, wide, true, QuadOrder(n)));
  HALFMOON_ASSIGN_OR_RETURN(t.a_out_, FloatPointwise::Load(file, "g_a.out", wide, m, true));
  HALFMOON_ASSIGN_OR_RETURN(
      t.a_linear_, FloatPointwise::Load(file, "g_a.linear", c.lapped ? 3072 : 768, m, false));
  HALFMOON_ASSIGN_OR_RETURN(t.a_blocks_,
                            LoadStack(file, "g_a.blocks", c.block_channels, c.analysis_blocks));
  HALFMOON_ASSIGN_OR_RETURN(
      t.a_trunk_, LoadStack(file, "g_a.trunk", c.trunk_channels, c.analysis_trunk_blocks));

  HALFMOON_ASSIGN_OR_RETURN(t.synthesis_gain_,
                            FloatLevelVector::Load(file, "g_s.gain", anchors, n));
  HALFMOON_ASSIGN_OR_RETURN(t.s_in_, FloatPointwise::Load(file, "g_s.in", m, wide, true));
  HALFMOON_ASSIGN_OR_RETURN(t.s_up_,
                            FloatPointwise::LoadParts(file, "g_s.up", wide, 4, n, QuadOrder(n)));
  HALFMOON_ASSIGN_OR_RETURN(t.s_out_, FloatPointwise::Load(file, "g_s.out", n, 192, true));
  HALFMOON_ASSIGN_OR_RETURN(
      t.s_linear_, FloatPointwise::Load(file, "g_s.linear", m, c.lapped ? 3072 : 768, false));
  HALFMOON_ASSIGN_OR_RETURN(t.s_blocks_,
                            LoadStack(file, "g_s.blocks", c.block_channels, c.synthesis_blocks));
  HALFMOON_ASSIGN_OR_RETURN(
      t.s_trunk_, LoadStack(file, "g_s.trunk", c.trunk_channels, c.synthesis_trunk_blocks));
  if (c.refine_blocks > 0) {
    HALFMOON_ASSIGN_OR_RETURN(t.refinement_gain_,
                              FloatLevelVector::Load(file, "g_s.refine.gain", anchors, fine));
    HALFMOON_ASSIGN_OR_RETURN(t.r_in_, FloatPointwise::Load(file, "g_s.refine.in", 48, fine, true));
    HALFMOON_ASSIGN_OR_RETURN(
        t.r_up_, FloatPointwise::LoadParts(file, "g_s.refine.up", n, 4, fine, QuadOrder(fine)));
    HALFMOON_ASSIGN_OR_RETURN(t.r_out_,
                              FloatPointwise::Load(file, "g_s.refine.out", fine, 48, true));
    HALFMOON_ASSIGN_OR_RETURN(
        t.r_blocks_, LoadStack(file, "g_s.refine.blocks", c.refine_channels, c.refine_blocks));
  }
  return t;
}

FloatMap ObservedTransforms::Analyse(const std::vector<float>& pixels, std::size_t h16,
                                     std::size_t w16, int q, int threads,
                                     Observations* seen) const {
  const auto n = static_cast<std::size_t>(config_.block_channels),
             wide = static_cast<std::size_t>(config_.trunk_channels),
             m = static_cast<std::size_t>(config_.latent_channels);
  const std::size_t width = 16 * w16, height = 16 * h16;
  const FloatMap x = Blocks(pixels, width, height, 8);
  seen->Add("g_a.x", x, 192);
  FloatMap map = Mapped(a_in_, x, threads);
  seen->Add("g_a.blocks", map, n);
  for (const ObservedBlock& block : a_blocks_) block.Run(&map, threads, seen);
  Scale(analysis_gain_.Gains(q), &map);
  seen->Add("g_a.gained", map, n);
  FloatMap trunk;
  RunDown(Kernels(), a_down_, n, map, &trunk, threads);
  seen->Add("g_a.trunk", trunk, wide);
  for (const ObservedBlock& block : a_trunk_) block.Run(&trunk, threads, seen);

  FloatMap blocks = Blocks(pixels, width, height, 16);
  if (config_.lapped) {
    // Quarter p of a window of 32x32 around a block of 16x16: pixels 8 further up and left of it.
    FloatMap windows;
    windows.Resize(h16, w16, 3072);
    std::fill(windows.values.begin(), windows.values.end(), 0.0f);
    for (std::size_t y = 0; y < h16; ++y) {
      for (std::size_t xx = 0; xx < w16; ++xx) {
        for (std::size_t i = 0; i < 32; ++i) {
          for (std::size_t j = 0; j < 32; ++j) {
            const std::size_t row = y * 16 + i, column = xx * 16 + j;  // plus 8
            if (row < 8 || row - 8 >= height || column < 8 || column - 8 >= width) continue;
            for (std::size_t c = 0; c < 3; ++c) {
              windows.at(y, xx)[(i / 16 * 2 + j / 16) * 768 + c * 256 + i % 16 * 16 + j % 16] =
                  pixels[((row - 8) * width + column - 8) * 3 + c] - 0.5f;
            }
          }
        }
      }
    }
    blocks = std::move(windows);
  }
  seen->Add("g_a.windows", blocks, a_linear_.in());
  FloatMap y = Mapped(a_linear_, blocks, threads);
  seen->Add("g_a.y", y, m);
  Add(Mapped(a_out_, trunk, threads), &y);
  seen->Add("g_a.y", y, m);
  return y;
}

void ObservedTransforms::Synthesise(const FloatMap& y, int q, int threads,
                                    Observations* seen) const {
  const auto n = static_cast<std::size_t>(config_.block_channels),
             wide = static_cast<std::size_t>(config_.trunk_channels),
             m = static_cast<std::size_t>(config_.latent_channels),
             fine = static_cast<std::size_t>(config_.refine_channels);
  seen->Add("g_s.y", y, m);
  FloatMap trunk = Mapped(s_in_, y, threads);
  seen->Add("g_s.trunk", trunk, wide);
  for (const ObservedBlock& block : s_trunk_) block.Run(&trunk, threads, seen);
  FloatMap map = Raised(s_up_, trunk, n);
  seen->Add("g_s.up", map, n);
  Scale(synthesis_gain_.Gains(q), &map);
  seen->Add("g_s.blocks", map, n);
  for (const ObservedBlock& block : s_blocks_) block.Run(&map, threads, seen);
  if (config_.refine_blocks == 0) return;

  const FloatMap details = Mapped(s_out_, map, threads);
  const std::size_t h16 = y.height, w16 = y.width, height = 16 * h16, width = 16 * w16;
  const FloatMap coarse = Mapped(s_linear_, y, threads);
  std::vector<float> pixels(height * width * 3, 0.5f);
  const std::size_t side = config_.lapped ? 32 : 16, shift = config_.lapped ? 8 : 0;
  for (std::size_t row = 0; row < h16; ++row) {
    for (std::size_t column = 0; column < w16; ++column) {
      for (std::size_t i = 0; i < side; ++i) {
        for (std::size_t j = 0; j < side; ++j) {
          const std::size_t v = row * 16 + i, u = column * 16 + j;  // plus shift
          if (v < shift || v - shift >= height || u < shift || u - shift >= width) continue;
          for (std::size_t c = 0; c < 3; ++c) {
            pixels[((v - shift) * width + u - shift) * 3 + c] += coarse.at(
                row, column)[(i / 16 * 2 + j / 16) * 768 + c * 256 + i % 16 * 16 + j % 16];
          }
        }
      }
    }
  }
  for (std::size_t v = 0; v < height; ++v) {
    for (std::size_t u = 0; u < width; ++u) {
      for (std::size_t c = 0; c < 3; ++c)
        pixels[(v * width + u) * 3 + c] += details.at(v / 8, u / 8)[c * 64 + v % 8 * 8 + u % 8];
    }
  }
  const FloatMap x = Blocks(pixels, width, height, 4);
  seen->Add("g_s.refine.x", x, 48);
  FloatMap colour = Mapped(r_in_, x, threads);
  seen->Add("g_s.refine.colour", colour, fine);
  Scale(refinement_gain_.Gains(q), &colour);
  Add(Raised(r_up_, map, fine), &colour);
  seen->Add("g_s.refine.blocks", colour, fine);
  for (const ObservedBlock& block : r_blocks_) block.Run(&colour, threads, seen);
}

}  // namespace halfmoon::training
