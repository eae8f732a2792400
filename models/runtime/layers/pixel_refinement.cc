// Compiled with -ffp-contract=off: see float_kernels.h.
#include "models/runtime/layers/pixel_refinement.h"

#include "models/runtime/layers/parallel.h"
#include "models/runtime/layers/pixel_blocks.h"

namespace halfmoon::runtime {
namespace {

constexpr std::size_t kSide = 4;
constexpr std::size_t kBlock = 3 * kSide * kSide;

// Adds row y of pixel_shuffle(details, 4) to the picture; `details`: positions of `stride` floats.
void AddBlocks(const float* details, std::size_t stride, std::size_t width, std::size_t y,
               float* pixels) {
  for (std::size_t dy = 0; dy < kSide; ++dy) {
    float* to = pixels + (y * kSide + dy) * width * 3;
    for (std::size_t u = 0; u < width; ++u, to += 3) {
      const float* from = details + u / kSide * stride + dy * kSide + u % kSide;
      for (std::size_t c = 0; c < 3; ++c) to[c] += from[c * kSide * kSide];
    }
  }
}

}  // namespace

Result<PixelRefinement> PixelRefinement::Load(const WeightsFile& file, const AeConfig& c) {
  PixelRefinement r;
  const auto channels = static_cast<std::size_t>(c.refine_channels);
  r.channels_ = channels;
  HALFMOON_ASSIGN_OR_RETURN(
      r.gain_, FloatLevelVector::Load(file, "g_s.refine.gain", c.level_anchors, channels));
  HALFMOON_ASSIGN_OR_RETURN(r.in_,
                            FloatPointwise::Load(file, "g_s.refine.in", kBlock, channels, true));
  HALFMOON_ASSIGN_OR_RETURN(
      r.up_, FloatPointwise::LoadParts(file, "g_s.refine.up", c.block_channels, 4, channels,
                                       QuadOrder(channels)));
  HALFMOON_ASSIGN_OR_RETURN(
      r.blocks_, FloatDepthStack::Load(file, "g_s.refine.blocks", channels, c.refine_blocks));
  HALFMOON_ASSIGN_OR_RETURN(r.out_,
                            FloatPointwise::Load(file, "g_s.refine.out", channels, kBlock, true));
  return r;
}

void PixelRefinement::Run(const FloatKernels& kernels, const FloatMap& features, int q, int threads,
                          float* pixels) const {
  const std::size_t h8 = features.height, w8 = features.width, h4 = 2 * h8, w4 = 2 * w8;
  const std::size_t width = 8 * w8;
  FloatMap map, scratch;
  map.Resize(h4, w4, channels_);
  const std::size_t stride = map.stride, padded = PadChannels(kBlock);
  const std::vector<float> gains = gain_.Gains(q);
  // One row of blocks, of what the first layer makes of it or of details, for each worker.
  struct Rows {
    std::vector<float> blocks, layer;
  };
  std::vector<Rows> rows(Workers(threads, h4),
                         Rows{std::vector<float>(w4 * padded), std::vector<float>(w4 * stride)});
  ParallelFor(threads, h8, [&](std::size_t worker, std::size_t row) {
    for (std::size_t p = 0; p < 4; ++p) {
      up_.RunPart(kernels, p, features.at(row, 0), features.stride, w8,
                  map.at(2 * row + p / 2, p % 2), 2 * stride);
    }
    float *blocks = rows[worker].blocks.data(), *layer = rows[worker].layer.data();
    for (std::size_t y = 2 * row; y < 2 * row + 2; ++y) {
      GatherBlocks(pixels, width, y, kSide, blocks);
      in_.Run(kernels, blocks, kBlock, w4, layer, stride);
      float* to = map.at(y, 0);
      for (std::size_t x = 0; x < w4; ++x) {
        for (std::size_t c = 0; c < stride; ++c)
          to[x * stride + c] += layer[x * stride + c] * gains[c];
      }
    }
  });
  blocks_.Run(kernels, &map, &scratch, threads);
  ParallelFor(threads, h4, [&](std::size_t worker, std::size_t y) {
    float* details = rows[worker].blocks.data();
    out_.Run(kernels, map.at(y, 0), stride, w4, details, padded);
    AddBlocks(details, padded, width, y, pixels);
  });
}

}  // namespace halfmoon::runtime
