// Compiled with -ffp-contract=off: see float_kernels.h.
#include "models/runtime/ae/ae_transforms.h"

#include <algorithm>

namespace halfmoon::runtime {

Result<AeSynthesis> AeSynthesis::Load(const WeightsFile& file, const AeConfig& c) {
  AeSynthesis s;
  HALFMOON_ASSIGN_OR_RETURN(
      s.inverse_gain_,
      FloatLevelVector::Load(file, "gain.inverse", c.level_anchors, c.latent_channels));
  HALFMOON_ASSIGN_OR_RETURN(s.g_s_, PixelSynthesis::Load(file, c));
  return s;
}

void AeSynthesis::Run(Isa isa, std::span<const std::int32_t> latent, std::size_t h16,
                      std::size_t w16, int q, int threads, float* pixels) const {
  const auto m = static_cast<std::size_t>(g_s_.config().latent_channels);
  FloatMap y;
  y.Resize(h16, w16, m);
  const std::vector<float> inverse = inverse_gain_.Gains(q);
  for (std::size_t i = 0; i < h16 * w16; ++i) {
    float* v = y.values.data() + i * y.stride;
    for (std::size_t c = 0; c < m; ++c)
      v[c] = static_cast<float>(latent[i * m + c]) * static_cast<float>(kLatentUnit) * inverse[c];
  }
  g_s_.Run(isa, y, q, threads, pixels);
}

Result<AeAnalysis> AeAnalysis::Load(const WeightsFile& file, const AeConfig& c) {
  AeAnalysis a;
  HALFMOON_ASSIGN_OR_RETURN(
      a.gain_, FloatLevelVector::Load(file, "gain.forward", c.level_anchors, c.latent_channels));
  HALFMOON_ASSIGN_OR_RETURN(a.g_a_, PixelAnalysis::Load(file, c));
  const std::size_t w = c.hyper_width;
  HALFMOON_ASSIGN_OR_RETURN(a.hyper_in_,
                            FloatPointwise::Load(file, "h_a.in", c.latent_channels, w, true));
  HALFMOON_ASSIGN_OR_RETURN(a.hyper_down1_,
                            FloatPointwise::Load(file, "h_a.down1", 4 * w, w, true, QuadOrder(w)));
  HALFMOON_ASSIGN_OR_RETURN(a.hyper_mid1_, FloatDepthBlock::Load(file, "h_a.mid1", w));
  HALFMOON_ASSIGN_OR_RETURN(a.hyper_down2_,
                            FloatPointwise::Load(file, "h_a.down2", 4 * w, w, true, QuadOrder(w)));
  HALFMOON_ASSIGN_OR_RETURN(a.hyper_mid2_, FloatDepthBlock::Load(file, "h_a.mid2", w));
  HALFMOON_ASSIGN_OR_RETURN(a.hyper_out_,
                            FloatPointwise::Load(file, "h_a.out", w, c.hyper_channels, true));
  return a;
}

void AeAnalysis::Run(Isa isa, const float* pixels, std::size_t h16, std::size_t w16, int q,
                     int threads, float* y) const {
  g_a_.Run(isa, pixels, h16, w16, q, threads, gain_.Gains(q), y);
}

void AeAnalysis::RunHyper(Isa isa, const float* y, std::size_t h16, std::size_t w16, int threads,
                          float* z) const {
  const FloatKernels& kernels = FloatKernelsFor(isa);
  const AeConfig& config = g_a_.config();
  const auto m = static_cast<std::size_t>(config.latent_channels),
             hyper = static_cast<std::size_t>(config.hyper_channels);
  FloatMap a, b, scratch;
  a.Resize(h16, w16, m);
  for (std::size_t i = 0; i < h16 * w16; ++i) {
    float* v = a.values.data() + i * a.stride;
    for (std::size_t c = 0; c < m; ++c)
      v[c] = y[i * m + c] * 0.25f;  // the first layer likes it near one
  }
  RunMap(kernels, hyper_in_, a, &b, threads, 0.1f);
  RunDown(kernels, hyper_down1_, config.hyper_width, b, &a, threads);
  hyper_mid1_.Run(kernels, a, &b, threads);
  RunDown(kernels, hyper_down2_, config.hyper_width, b, &a, threads);
  hyper_mid2_.Run(kernels, a, &b, threads);
  RunMap(kernels, hyper_out_, b, &a, threads);
  for (std::size_t i = 0; i < a.height * a.width; ++i) {
    std::copy_n(a.values.data() + i * a.stride, hyper, z + i * hyper);
  }
}

}  // namespace halfmoon::runtime
