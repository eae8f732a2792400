#include "models/runtime/layers/integer_transforms.h"

#include <algorithm>
#include <cmath>
#include <utility>

#include "models/runtime/layers/parallel.h"

namespace halfmoon::runtime {
namespace {

constexpr float kSample = 32768;  // of a pixel's range

// Inputs of a part of the analysis' linear path.
constexpr std::size_t kPart = 256;

// Row y of unshuffle(samples, kSide): [width / kSide][3 * kSide * kSide], channel c * kSide^2 + dy
// * kSide + dx, and back.
template <std::size_t kSide>
void GatherBlocks(const std::int16_t* samples, std::size_t width, std::size_t y, std::size_t stride,
                  std::int16_t* out) {
  for (std::size_t c = 0; c < 3; ++c) {
    for (std::size_t dy = 0; dy < kSide; ++dy) {
      const std::int16_t* from = samples + ((y * kSide + dy) * 3 + c) * width;
      std::int16_t* to = out + (c * kSide + dy) * kSide;
      for (std::size_t x = 0; x < width / kSide; ++x)
        std::copy_n(from + x * kSide, kSide, to + x * stride);
    }
  }
}

template <std::size_t kSide>
void ScatterBlocks(const std::int16_t* blocks, std::size_t stride, std::size_t width, std::size_t y,
                   std::int16_t* samples) {
  for (std::size_t c = 0; c < 3; ++c) {
    for (std::size_t dy = 0; dy < kSide; ++dy) {
      std::int16_t* to = samples + ((y * kSide + dy) * 3 + c) * width;
      const std::int16_t* from = blocks + (c * kSide + dy) * kSide;
      for (std::size_t x = 0; x < width / kSide; ++x)
        std::copy_n(from + x * stride, kSide, to + x * kSide);
    }
  }
}

// Row y of the windows of 32x32 around the blocks of 16x16 (networks/ops.h): [width / 16][3072],
// zeros outside the picture.
void GatherWindows(const std::int16_t* samples, std::size_t height, std::size_t width,
                   std::size_t y, std::int16_t* out) {
  std::fill_n(out, width / 16 * 3072, std::int16_t{0});
  for (std::size_t i = 0; i < 32; ++i) {
    const std::size_t row = y * 16 + i;  // plus 8
    if (row < 8 || row - 8 >= height) continue;
    for (std::size_t c = 0; c < 3; ++c) {
      const std::int16_t* from = samples + ((row - 8) * 3 + c) * width;
      std::int16_t* to = out + i / 16 * 2 * 768 + c * 256 + i % 16 * 16;
      // Eight samples at a time: what is 8 to the left of a block, and so on.
      for (std::size_t x = 0; x < width / 16; ++x, to += 3072) {
        for (std::size_t j = 0; j < 4; ++j) {
          const std::size_t column = x * 16 + j * 8;  // plus 8
          if (column < 8 || column - 8 >= width) continue;
          std::copy_n(from + column - 8, std::size_t{8}, to + j / 2 * 768 + j % 2 * 8);
        }
      }
    }
  }
}

void Scale(const std::vector<std::int16_t>& gains, IntMap* map, int threads) {
  ParallelFor(threads, map->height, [&](std::size_t, std::size_t y) {
    for (std::size_t x = 0; x < map->width; ++x) {
      std::int16_t* v = map->at(y, x);
      for (std::size_t c = 0; c < map->stride; ++c)
        v[c] = static_cast<std::int16_t>((std::int32_t{v[c]} * gains[c] + (1 << 14)) >> 15);
    }
  });
}

}  // namespace

void PixelsOfSamples(std::span<const std::int16_t> samples, std::size_t height, std::size_t width,
                     float* pixels) {
  for (std::size_t y = 0; y < height; ++y) {
    const std::int16_t* from = samples.data() + y * 3 * width;
    for (std::size_t x = 0; x < width; ++x, pixels += 3) {
      for (std::size_t c = 0; c < 3; ++c)
        pixels[c] = static_cast<float>(from[c * width + x]) / kSample + 0.5f;
    }
  }
}

std::vector<std::int16_t> SamplesOfPixels(const float* pixels, std::size_t height,
                                          std::size_t width) {
  std::vector<std::int16_t> samples(height * width * 3);
  for (std::size_t y = 0; y < height; ++y) {
    std::int16_t* to = samples.data() + y * 3 * width;
    for (std::size_t x = 0; x < width; ++x, pixels += 3) {
      for (std::size_t c = 0; c < 3; ++c) {
        // NaN becomes the lowest.
        const float v = std::min(std::max(-kSample, (pixels[c] - 0.5f) * kSample), kSample - 1);
        to[c * width + x] = static_cast<std::int16_t>(std::nearbyint(v));
      }
    }
  }
  return samples;
}

// --- IntegerRefinement ---------------------------------------------------------------------------

Result<IntegerRefinement> IntegerRefinement::Load(const WeightsFile& file, const AeConfig& c) {
  IntegerRefinement r;
  const auto channels = static_cast<std::size_t>(c.refine_channels);
  r.channels_ = channels;
  HALFMOON_ASSIGN_OR_RETURN(
      r.gain_, IntLevelGains::Load(file, "g_s.refine.gain", c.level_anchors, channels));
  HALFMOON_ASSIGN_OR_RETURN(r.in_, IntPointwise::Load(file, "g_s.refine.in", 48, channels));
  HALFMOON_ASSIGN_OR_RETURN(r.up_, IntPointwise::LoadParts(file, "g_s.refine.up", c.block_channels,
                                                           4, channels, QuadPlaces(channels)));
  HALFMOON_ASSIGN_OR_RETURN(
      r.blocks_, IntDepthStack::Load(file, "g_s.refine.blocks", channels, c.refine_blocks));
  HALFMOON_ASSIGN_OR_RETURN(r.out_, IntPointwise::Load(file, "g_s.refine.out", channels, 48));
  return r;
}

void IntegerRefinement::Run(const TransformKernels& kernels, const IntMap& features, int q,
                            int threads, std::int16_t* samples) const {
  const std::size_t h8 = features.height, w8 = features.width, h4 = 2 * h8, w4 = 2 * w8;
  const std::size_t width = 8 * w8;
  IntMap map, scratch;
  map.Resize(h4, w4, channels_);
  const std::vector<std::int16_t> gains = gain_.Gains(q);
  std::vector<std::vector<std::int16_t>> rows(Workers(threads, h4),
                                              std::vector<std::int16_t>(w4 * 48));
  ParallelFor(threads, h8, [&](std::size_t worker, std::size_t row) {
    for (std::size_t p = 0; p < 4; ++p) {
      up_.RunPart(kernels, p, features.at(row, 0), features.stride, w8,
                  map.at(2 * row + p / 2, p % 2), 2 * map.stride, {});
    }
    std::int16_t* blocks = rows[worker].data();
    for (std::size_t y = 2 * row; y < 2 * row + 2; ++y) {
      GatherBlocks<4>(samples, width, y, 48, blocks);
      in_.Run(kernels, blocks, 48, w4, map.at(y, 0), map.stride,
              {.gain = gains.data(), .residual = map.at(y, 0), .residual_stride = map.stride});
    }
  });
  blocks_.Run(kernels, &map, &scratch, threads);
  ParallelFor(threads, h4, [&](std::size_t worker, std::size_t y) {
    std::int16_t* blocks = rows[worker].data();
    GatherBlocks<4>(samples, width, y, 48, blocks);
    out_.Run(kernels, map.at(y, 0), map.stride, w4, blocks, 48,
             {.residual = blocks, .residual_stride = 48});
    ScatterBlocks<4>(blocks, 48, width, y, samples);
  });
}

// --- IntegerSynthesis ----------------------------------------------------------------------------

Result<IntegerSynthesis> IntegerSynthesis::Load(const WeightsFile& file, const AeConfig& c) {
  IntegerSynthesis s;
  s.config_ = c;
  const auto m = static_cast<std::size_t>(c.latent_channels);
  HALFMOON_ASSIGN_OR_RETURN(
      s.gain_, IntLevelGains::Load(file, "g_s.gain", c.level_anchors, c.block_channels));
  HALFMOON_ASSIGN_OR_RETURN(s.in_, IntPointwise::Load(file, "g_s.in", m, c.trunk_channels));
  HALFMOON_ASSIGN_OR_RETURN(
      s.trunk_, IntDepthStack::Load(file, "g_s.trunk", c.trunk_channels, c.synthesis_trunk_blocks));
  HALFMOON_ASSIGN_OR_RETURN(
      s.up_, IntPointwise::LoadParts(file, "g_s.up", c.trunk_channels, 4, c.block_channels,
                                     QuadPlaces(c.block_channels)));
  HALFMOON_ASSIGN_OR_RETURN(
      s.blocks_, IntDepthStack::Load(file, "g_s.blocks", c.block_channels, c.synthesis_blocks));
  HALFMOON_ASSIGN_OR_RETURN(s.out_, IntPointwise::Load(file, "g_s.out", c.block_channels, 192));
  HALFMOON_ASSIGN_OR_RETURN(s.linear_,
                            IntPointwise::Load(file, "g_s.linear", c.lapped ? 4 * m : m, 768));
  if (c.refine_blocks > 0) {
    HALFMOON_ASSIGN_OR_RETURN(s.refinement_, IntegerRefinement::Load(file, c));
  }
  return s;
}

struct IntegerSynthesis::Rows {
  std::vector<std::int16_t> in;       // of the linear path when lapped, four latents to a block
  std::vector<std::int16_t> details;  // one row of positions at 1/8
  std::vector<std::int16_t> blocks;   // of 16x16 samples
};

void IntegerSynthesis::RunBlocks(const TransformKernels& kernels, const IntMap& y,
                                 const IntMap& features, std::size_t row, Rows* rows,
                                 std::int16_t* samples) const {
  const std::size_t m = config_.latent_channels, h16 = y.height, w16 = y.width, width = 16 * w16;
  // When lapped the blocks' grid begins half a block before the picture.
  const std::size_t shift = config_.lapped ? 8 : 0, grid_w = w16 + shift / 8;
  std::int16_t* blocks = rows->blocks.data();
  std::fill_n(blocks, grid_w * 768, std::int16_t{0});
  for (std::size_t half = 0; half < 2; ++half) {
    const std::size_t v = 2 * row + half;  // plus shift / 8
    if (v < shift / 8 || v - shift / 8 >= features.height) continue;
    std::int16_t* details = rows->details.data();
    out_.Run(kernels, features.at(v - shift / 8, 0), features.stride, features.width, details, 192,
             {});
    for (std::size_t u = 0; u < features.width; ++u, details += 192) {
      const std::size_t x = 8 * u + shift;  // on the grid
      std::int16_t* to = blocks + x / 16 * 768 + half * 128 + x % 16;
      for (std::size_t i = 0; i < 24; ++i)  // colour and row
        std::copy_n(details + i * 8, std::size_t{8}, to + i / 8 * 256 + i % 8 * 16);
    }
  }
  const IntPointwise::Epilogue added = {.residual = blocks, .residual_stride = 768};
  if (config_.lapped) {
    // A sum over the four latents whose windows cover the block: quarter p of the window of latent
    // (row - p / 2, x - p % 2).
    std::int16_t* in = rows->in.data();
    std::fill_n(in, grid_w * 4 * m, std::int16_t{0});
    for (std::size_t p = 0; p < 4; ++p) {
      if (row < p / 2 || row - p / 2 >= h16) continue;
      for (std::size_t x = p % 2; x < w16 + p % 2; ++x)
        std::copy_n(y.at(row - p / 2, x - p % 2), m, in + (x * 4 + p) * m);
    }
    linear_.Run(kernels, in, 4 * m, grid_w, blocks, 768, added);
  } else {
    linear_.Run(kernels, y.at(row, 0), y.stride, w16, blocks, 768, added);
  }
  for (std::size_t dy = 0; dy < 16; ++dy) {
    const std::size_t v = row * 16 + dy;  // plus shift
    if (v < shift || v - shift >= 16 * h16) continue;
    for (std::size_t c = 0; c < 3; ++c) {
      std::int16_t* to = samples + ((v - shift) * 3 + c) * width;
      const std::int16_t* from = blocks + c * 256 + dy * 16;
      for (std::size_t u = 0; u < width; u += 8) {
        const std::size_t x = u + shift;  // on the grid
        std::copy_n(from + x / 16 * 768 + x % 16, std::size_t{8}, to + u);
      }
    }
  }
}

void IntegerSynthesis::Run(Isa isa, const IntMap& y, int q, int threads,
                           std::int16_t* samples) const {
  const TransformKernels& kernels = TransformKernelsFor(isa);
  const std::size_t h16 = y.height, w16 = y.width;
  IntMap features, scratch;
  {
    IntMap t;
    RunMap(kernels, in_, y, &t, threads);
    trunk_.Run(kernels, &t, &scratch, threads);
    features.Resize(2 * h16, 2 * w16, config_.block_channels);
    const std::vector<std::int16_t> gains = gain_.Gains(q);
    ParallelFor(threads, h16, [&](std::size_t, std::size_t row) {
      for (std::size_t p = 0; p < 4; ++p) {
        up_.RunPart(kernels, p, t.at(row, 0), t.stride, w16, features.at(2 * row + p / 2, p % 2),
                    2 * features.stride, {.gain = gains.data()});
      }
    });
  }
  blocks_.Run(kernels, &features, &scratch, threads);
  scratch = {};

  const std::size_t more = config_.lapped ? 1 : 0, m = config_.latent_channels;
  Rows empty;
  empty.in.resize((w16 + more) * 4 * m * more);
  empty.details.resize(features.width * 192);
  empty.blocks.resize((w16 + more) * 768);
  std::vector<Rows> rows(Workers(threads, h16 + more), empty);
  ParallelFor(threads, h16 + more, [&](std::size_t worker, std::size_t row) {
    RunBlocks(kernels, y, features, row, &rows[worker], samples);
  });
  if (refinement_) refinement_->Run(kernels, features, q, threads, samples);
}

// --- IntegerAnalysis -----------------------------------------------------------------------------

Result<IntegerAnalysis> IntegerAnalysis::Load(const WeightsFile& file, const AeConfig& c) {
  IntegerAnalysis a;
  a.config_ = c;
  HALFMOON_ASSIGN_OR_RETURN(
      a.gain_, IntLevelGains::Load(file, "g_a.gain", c.level_anchors, c.block_channels));
  HALFMOON_ASSIGN_OR_RETURN(a.in_, IntPointwise::Load(file, "g_a.in", 192, c.block_channels));
  HALFMOON_ASSIGN_OR_RETURN(
      a.blocks_, IntDepthStack::Load(file, "g_a.blocks", c.block_channels, c.analysis_blocks));
  HALFMOON_ASSIGN_OR_RETURN(
      a.down_, IntPointwise::Load(file, "g_a.down", 4 * c.block_channels, c.trunk_channels,
                                  QuadPlaces(c.block_channels)));
  HALFMOON_ASSIGN_OR_RETURN(
      a.trunk_, IntDepthStack::Load(file, "g_a.trunk", c.trunk_channels, c.analysis_trunk_blocks));
  HALFMOON_ASSIGN_OR_RETURN(
      a.out_, IntPointwise::Load(file, "g_a.out", c.trunk_channels, c.latent_channels));
  for (int part = 0; part < (c.lapped ? 12 : 3); ++part) {
    HALFMOON_ASSIGN_OR_RETURN(
        IntPointwise linear,
        IntPointwise::Load(file, "g_a.linear." + std::to_string(part), kPart, c.latent_channels));
    a.linear_.push_back(std::move(linear));
  }
  return a;
}

void IntegerAnalysis::Run(Isa isa, std::span<const std::int16_t> samples, std::size_t h16,
                          std::size_t w16, int q, int threads, IntMap* y) const {
  const TransformKernels& kernels = TransformKernelsFor(isa);
  const std::size_t width = 16 * w16;
  IntMap b, t, scratch;
  b.Resize(2 * h16, 2 * w16, config_.block_channels);
  std::vector<std::vector<std::int16_t>> rows(Workers(threads, 2 * h16),
                                              std::vector<std::int16_t>(2 * w16 * 192));
  ParallelFor(threads, 2 * h16, [&](std::size_t worker, std::size_t row) {
    std::int16_t* blocks = rows[worker].data();
    GatherBlocks<8>(samples.data(), width, row, 192, blocks);
    in_.Run(kernels, blocks, 192, 2 * w16, b.at(row, 0), b.stride, {});
  });
  blocks_.Run(kernels, &b, &scratch, threads);
  Scale(gain_.Gains(q), &b, threads);
  RunDown(kernels, down_, config_.block_channels, b, &t, threads);
  trunk_.Run(kernels, &t, &scratch, threads);

  y->Resize(h16, w16, config_.latent_channels);
  const std::size_t depth = kPart * linear_.size();
  rows.assign(Workers(threads, h16), std::vector<std::int16_t>(w16 * depth));
  ParallelFor(threads, h16, [&](std::size_t worker, std::size_t row) {
    std::int16_t *blocks = rows[worker].data(), *sum = y->at(row, 0);
    if (config_.lapped) {
      GatherWindows(samples.data(), 16 * h16, width, row, blocks);
    } else {
      GatherBlocks<16>(samples.data(), width, row, 768, blocks);
    }
    out_.Run(kernels, t.at(row, 0), t.stride, w16, sum, y->stride, {});
    const IntPointwise::Epilogue added = {.residual = sum, .residual_stride = y->stride};
    for (std::size_t part = 0; part < linear_.size(); ++part)
      linear_[part].Run(kernels, blocks + kPart * part, depth, w16, sum, y->stride, added);
  });
}

}  // namespace halfmoon::runtime
