// Compiled with -ffp-contract=off: see float_kernels.h.
#include "models/runtime/layers/pixel_transforms.h"

#include <algorithm>
#include <utility>

#include "models/runtime/layers/parallel.h"
#include "models/runtime/layers/pixel_blocks.h"

namespace halfmoon::runtime {
namespace {

// Multiplies every position of a map by a vector of its channels.
void Scale(const std::vector<float>& gains, FloatMap* map) {
  const std::size_t positions = map->height * map->width;
  for (std::size_t i = 0; i < positions; ++i) {
    float* v = map->values.data() + i * map->stride;
    for (std::size_t c = 0; c < map->stride; ++c) v[c] *= gains[c];
  }
}

// Row y of the windows of 32x32 around the blocks of 16x16 (networks/ops.h): [width / 16][3072],
// zeros outside the picture.
void GatherWindows(const float* pixels, std::size_t height, std::size_t width, std::size_t y,
                   float* out) {
  std::fill_n(out, width / 16 * 3072, 0.0f);
  for (std::size_t x = 0; x < width / 16; ++x, out += 3072) {
    for (std::size_t i = 0; i < 32; ++i) {
      const std::size_t row = y * 16 + i;  // plus 8
      if (row < 8 || row - 8 >= height) continue;
      for (std::size_t j = 0; j < 32; ++j) {
        const std::size_t column = x * 16 + j;  // plus 8
        if (column < 8 || column - 8 >= width) continue;
        const float* from = pixels + ((row - 8) * width + column - 8) * 3;
        float* to = out + (i / 16 * 2 + j / 16) * 768 + i % 16 * 16 + j % 16;
        for (std::size_t c = 0; c < 3; ++c) to[c * 256] = from[c] - 0.5f;
      }
    }
  }
}

}  // namespace

// --- PixelSynthesis -----------------------------------------------------------------------------

Result<PixelSynthesis> PixelSynthesis::Load(const WeightsFile& file, const AeConfig& c) {
  PixelSynthesis s;
  s.config_ = c;
  HALFMOON_ASSIGN_OR_RETURN(
      s.gain_, FloatLevelVector::Load(file, "g_s.gain", c.level_anchors, c.block_channels));
  HALFMOON_ASSIGN_OR_RETURN(
      s.in_, FloatPointwise::Load(file, "g_s.in", c.latent_channels, c.trunk_channels, true));
  HALFMOON_ASSIGN_OR_RETURN(s.trunk_, FloatDepthStack::Load(file, "g_s.trunk", c.trunk_channels,
                                                            c.synthesis_trunk_blocks));
  HALFMOON_ASSIGN_OR_RETURN(
      s.up_, FloatPointwise::LoadParts(file, "g_s.up", c.trunk_channels, 4, c.block_channels,
                                       QuadOrder(c.block_channels)));
  HALFMOON_ASSIGN_OR_RETURN(
      s.blocks_, FloatDepthStack::Load(file, "g_s.blocks", c.block_channels, c.synthesis_blocks));
  HALFMOON_ASSIGN_OR_RETURN(s.out_,
                            FloatPointwise::Load(file, "g_s.out", c.block_channels, 192, true));
  if (c.lapped) {
    // A block of the grid that is shifted by half a block is a sum over the four latents whose
    // windows cover it: quarter p of the window of latent (y - p / 2, x - p % 2).
    HALFMOON_ASSIGN_OR_RETURN(
        const std::vector<float> w,
        LoadFloats(file, "g_s.linear.weight", {3072, c.latent_channels, 1, 1}));
    const auto m = static_cast<std::size_t>(c.latent_channels);
    s.linear_ = FloatPointwise::Pack(
        4 * m, 768, [&](std::size_t n, std::size_t k) { return w[(k / m * 768 + n) * m + k % m]; });
  } else {
    HALFMOON_ASSIGN_OR_RETURN(
        s.linear_, FloatPointwise::Load(file, "g_s.linear", c.latent_channels, 768, false));
  }
  if (c.refine_blocks > 0) {
    HALFMOON_ASSIGN_OR_RETURN(s.refinement_, PixelRefinement::Load(file, c));
  }
  return s;
}

void PixelSynthesis::Run(Isa isa, const FloatMap& y, int q, int threads, float* pixels) const {
  const FloatKernels& kernels = FloatKernelsFor(isa);
  FloatMap features;
  RunCoarse(kernels, y, q, threads, &features, pixels);
  if (refinement_) refinement_->Run(kernels, features, q, threads, pixels);
}

void PixelSynthesis::RunCoarse(const FloatKernels& kernels, const FloatMap& y, int q, int threads,
                               FloatMap* features, float* pixels) const {
  const std::size_t m = config_.latent_channels, h16 = y.height, w16 = y.width;

  FloatMap t, scratch;
  RunMap(kernels, in_, y, &t, threads);
  trunk_.Run(kernels, &t, &scratch, threads);

  FloatMap& b = *features;
  b.Resize(2 * h16, 2 * w16, config_.block_channels);
  ParallelFor(threads, h16, [&](std::size_t, std::size_t row) {
    for (std::size_t p = 0; p < 4; ++p) {
      up_.RunPart(kernels, p, t.at(row, 0), t.stride, w16, b.at(2 * row + p / 2, p % 2),
                  2 * b.stride);
    }
  });
  Scale(gain_.Gains(q), &b);
  blocks_.Run(kernels, &b, &scratch, threads);

  FloatMap fine;  // [2 h16][2 w16][192]: the details of blocks of 8x8
  RunMap(kernels, out_, b, &fine, threads);

  // Rows of the linear path's blocks, whose grid begins half a block before the picture when
  // lapped, and the details on them.
  const std::size_t shift = config_.lapped ? 8 : 0;
  const std::size_t grid_h = h16 + (config_.lapped ? 1 : 0),
                    grid_w = w16 + (config_.lapped ? 1 : 0);
  struct Rows {
    std::vector<float> in, out;
  };
  std::vector<Rows> rows(Workers(threads, grid_h),
                         Rows{std::vector<float>(config_.lapped ? grid_w * 4 * m : 0),
                              std::vector<float>(grid_w * 768)});
  ParallelFor(threads, grid_h, [&](std::size_t worker, std::size_t row) {
    float* coarse = rows[worker].out.data();
    if (config_.lapped) {
      float* in = rows[worker].in.data();
      std::fill_n(in, grid_w * 4 * m, 0.0f);
      for (std::size_t p = 0; p < 4; ++p) {
        if (row < p / 2 || row - p / 2 >= h16) continue;
        for (std::size_t x = p % 2; x < w16 + p % 2; ++x) {
          std::copy_n(y.at(row - p / 2, x - p % 2), m, in + (x * 4 + p) * m);
        }
      }
      linear_.Run(kernels, in, 4 * m, grid_w, coarse, 768);
    } else {
      linear_.Run(kernels, y.at(row, 0), y.stride, w16, coarse, 768);
    }
    for (std::size_t dy = 0; dy < 16; ++dy) {
      if (row * 16 + dy < shift || row * 16 + dy - shift >= 16 * h16) continue;
      const std::size_t v = row * 16 + dy - shift;  // of the picture
      float* to = pixels + v * 16 * w16 * 3;
      for (std::size_t u = 0; u < 16 * w16; ++u, to += 3) {
        const std::size_t x = u + shift;  // on the grid
        const float* from = coarse + x / 16 * 768 + dy * 16 + x % 16;
        const float* detail = fine.at(v / 8, u / 8) + v % 8 * 8 + u % 8;
        for (std::size_t c = 0; c < 3; ++c) to[c] = (detail[c * 64] + from[c * 256]) + 0.5f;
      }
    }
  });
}

// --- PixelAnalysis ------------------------------------------------------------------------------

Result<PixelAnalysis> PixelAnalysis::Load(const WeightsFile& file, const AeConfig& c) {
  PixelAnalysis a;
  a.config_ = c;
  HALFMOON_ASSIGN_OR_RETURN(
      a.gain_, FloatLevelVector::Load(file, "g_a.gain", c.level_anchors, c.block_channels));
  HALFMOON_ASSIGN_OR_RETURN(a.in_,
                            FloatPointwise::Load(file, "g_a.in", 192, c.block_channels, true));
  HALFMOON_ASSIGN_OR_RETURN(
      a.blocks_, FloatDepthStack::Load(file, "g_a.blocks", c.block_channels, c.analysis_blocks));
  HALFMOON_ASSIGN_OR_RETURN(
      a.down_, FloatPointwise::Load(file, "g_a.down", 4 * c.block_channels, c.trunk_channels, true,
                                    QuadOrder(c.block_channels)));
  HALFMOON_ASSIGN_OR_RETURN(a.trunk_, FloatDepthStack::Load(file, "g_a.trunk", c.trunk_channels,
                                                            c.analysis_trunk_blocks));
  HALFMOON_ASSIGN_OR_RETURN(
      a.out_, FloatPointwise::Load(file, "g_a.out", c.trunk_channels, c.latent_channels, true));
  HALFMOON_ASSIGN_OR_RETURN(
      a.linear_,
      FloatPointwise::Load(file, "g_a.linear", c.lapped ? 3072 : 768, c.latent_channels, false));
  return a;
}

void PixelAnalysis::Run(Isa isa, const float* pixels, std::size_t h16, std::size_t w16, int q,
                        int threads, std::span<const float> gains, float* y) const {
  const FloatKernels& kernels = FloatKernelsFor(isa);
  const std::size_t width = 16 * w16, m = config_.latent_channels;

  FloatMap b, scratch;
  b.Resize(2 * h16, 2 * w16, config_.block_channels);
  std::vector<std::vector<float>> gathered(Workers(threads, 2 * h16),
                                           std::vector<float>(2 * w16 * 192));
  ParallelFor(threads, 2 * h16, [&](std::size_t worker, std::size_t row) {
    float* blocks = gathered[worker].data();
    GatherBlocks(pixels, width, row, 8, blocks);
    in_.Run(kernels, blocks, 192, 2 * w16, b.at(row, 0), b.stride);
  });
  blocks_.Run(kernels, &b, &scratch, threads);
  Scale(gain_.Gains(q), &b);

  FloatMap t;
  RunDown(kernels, down_, config_.block_channels, b, &t, threads);
  trunk_.Run(kernels, &t, &scratch, threads);

  const std::size_t padded = PadChannels(m);
  const std::size_t depth = linear_.in();
  gathered.assign(Workers(threads, h16), std::vector<float>(w16 * depth));
  std::vector<std::vector<float>> linear(Workers(threads, h16), std::vector<float>(w16 * padded));
  ParallelFor(threads, h16, [&](std::size_t worker, std::size_t row) {
    float *blocks = gathered[worker].data(), *sum = linear[worker].data();
    if (config_.lapped) {
      GatherWindows(pixels, 16 * h16, width, row, blocks);
    } else {
      GatherBlocks(pixels, width, row, 16, blocks);
    }
    linear_.Run(kernels, blocks, depth, w16, sum, padded);
    out_.Run(kernels, t.at(row, 0), t.stride, w16, sum, padded,
             {.residual = sum, .residual_stride = padded});
    for (std::size_t x = 0; x < w16; ++x) {
      float* to = y + (row * w16 + x) * m;
      for (std::size_t c = 0; c < m; ++c) {
        to[c] = gains.empty() ? sum[x * padded + c] : sum[x * padded + c] * gains[c];
      }
    }
  });
}

}  // namespace halfmoon::runtime
