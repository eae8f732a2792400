// Compiled with -ffp-contract=off: see float_kernels.h.
#include "models/runtime/ae_transforms.h"

#include <algorithm>

namespace halfmoon::runtime {

Result<AeSynthesis> AeSynthesis::Load(const WeightsFile& file, const TransformDims& d) {
  AeSynthesis s;
  HALFMOON_ASSIGN_OR_RETURN(s.inverse_gain_,
                            FloatLevelVector::Load(file, "gain.inverse", d.anchors, d.latent));
  HALFMOON_ASSIGN_OR_RETURN(s.g_s_, PixelSynthesis::Load(file, d));
  return s;
}

void AeSynthesis::Run(Isa isa, std::span<const std::int32_t> latent, std::size_t h16,
                      std::size_t w16, int q, int threads, float* pixels) const {
  const std::size_t m = g_s_.dims().latent;
  FloatMap y;
  y.Resize(h16, w16, m);
  const std::vector<float> inverse = inverse_gain_.Gains(q);
  for (std::size_t i = 0; i < h16 * w16; ++i) {
    float* v = y.values.data() + i * y.stride;
    for (std::size_t c = 0; c < m; ++c)
      v[c] = static_cast<float>(latent[i * m + c]) * 0.0625f * inverse[c];
  }
  g_s_.Run(isa, y, q, threads, pixels);
}

Result<AeAnalysis> AeAnalysis::Load(const WeightsFile& file, const TransformDims& d) {
  AeAnalysis a;
  HALFMOON_ASSIGN_OR_RETURN(a.gain_,
                            FloatLevelVector::Load(file, "gain.forward", d.anchors, d.latent));
  HALFMOON_ASSIGN_OR_RETURN(a.g_a_, PixelAnalysis::Load(file, d));
  const std::size_t w = d.hyper_width;
  HALFMOON_ASSIGN_OR_RETURN(a.hyper_in_, FloatPointwise::Load(file, "h_a.in", d.latent, w, true));
  HALFMOON_ASSIGN_OR_RETURN(a.hyper_down1_,
                            FloatPointwise::Load(file, "h_a.down1", 4 * w, w, true, QuadOrder(w)));
  HALFMOON_ASSIGN_OR_RETURN(a.hyper_mid1_, FloatDepthBlock::Load(file, "h_a.mid1", w));
  HALFMOON_ASSIGN_OR_RETURN(a.hyper_down2_,
                            FloatPointwise::Load(file, "h_a.down2", 4 * w, w, true, QuadOrder(w)));
  HALFMOON_ASSIGN_OR_RETURN(a.hyper_mid2_, FloatDepthBlock::Load(file, "h_a.mid2", w));
  HALFMOON_ASSIGN_OR_RETURN(a.hyper_out_, FloatPointwise::Load(file, "h_a.out", w, d.hyper, true));
  return a;
}

void AeAnalysis::Run(Isa isa, const float* pixels, std::size_t h16, std::size_t w16, int q,
                     int threads, float* y) const {
  g_a_.Run(isa, pixels, h16, w16, q, threads, gain_.Gains(q), y);
}

void AeAnalysis::RunHyper(Isa isa, const float* y, std::size_t h16, std::size_t w16, int threads,
                          float* z) const {
  const FloatKernels& kernels = FloatKernelsFor(isa);
  const TransformDims& dims = g_a_.dims();
  const std::size_t m = dims.latent;
  FloatMap a, b, scratch;
  a.Resize(h16, w16, m);
  for (std::size_t i = 0; i < h16 * w16; ++i) {
    float* v = a.values.data() + i * a.stride;
    for (std::size_t c = 0; c < m; ++c)
      v[c] = y[i * m + c] * 0.25f;  // the first layer likes it near one
  }
  RunMap(kernels, hyper_in_, a, &b, threads, 0.1f);
  RunDown(kernels, hyper_down1_, dims.hyper_width, b, &a, threads);
  hyper_mid1_.Run(kernels, a, &b, threads);
  RunDown(kernels, hyper_down2_, dims.hyper_width, b, &a, threads);
  hyper_mid2_.Run(kernels, a, &b, threads);
  RunMap(kernels, hyper_out_, b, &a, threads);
  for (std::size_t i = 0; i < a.height * a.width; ++i) {
    std::copy_n(a.values.data() + i * a.stride, dims.hyper, z + i * dims.hyper);
  }
}

}  // namespace halfmoon::runtime
