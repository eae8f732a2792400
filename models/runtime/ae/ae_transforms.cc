// Compiled with -ffp-contract=off: see float_kernels.h.
#include "models/runtime/ae/ae_transforms.h"

#include <algorithm>
#include <string>
#include <utility>

namespace halfmoon::runtime {

namespace {

std::int16_t Saturate(std::int64_t v) {
  return static_cast<std::int16_t>(std::clamp<std::int64_t>(v, -32768, 32767));
}

}  // namespace

Result<AeSynthesis::InIntegers> AeSynthesis::LoadIntegers(const WeightsFile& file,
                                                          const AeConfig& c) {
  InIntegers parts;
  HALFMOON_ASSIGN_OR_RETURN(
      parts.inverse_gain,
      IntLevelGains::Load(file, "gain.inverse", c.level_anchors, c.latent_channels));
  HALFMOON_ASSIGN_OR_RETURN(const TensorView shift,
                            file.Get("gain.inverse.shift", DType::kI32, {c.latent_channels}));
  parts.shift = shift.Values<std::int32_t>();
  for (const std::int32_t s : parts.shift) {
    if (s < 1 || s > 30) {
      return Status(StatusCode::kModelCorrupt, "tensor \"gain.inverse.shift\" has " +
                                                   std::to_string(s) +
                                                   ", expected numbers from 1 to 30; fetch the "
                                                   "model again");
    }
  }
  HALFMOON_ASSIGN_OR_RETURN(parts.g_s, IntegerSynthesis::Load(file, c));
  return parts;
}

Result<AeSynthesis> AeSynthesis::Load(const WeightsFile& file, const AeConfig& c) {
  AeSynthesis s;
  s.channels_ = static_cast<std::size_t>(c.latent_channels);
  if (HasIntegerTransforms(file)) {
    HALFMOON_ASSIGN_OR_RETURN(s.parts_, LoadIntegers(file, c));
    return s;
  }
  InFloat parts;
  HALFMOON_ASSIGN_OR_RETURN(
      parts.inverse_gain,
      FloatLevelVector::Load(file, "gain.inverse", c.level_anchors, c.latent_channels));
  HALFMOON_ASSIGN_OR_RETURN(parts.g_s, PixelSynthesis::Load(file, c));
  s.parts_ = std::move(parts);
  return s;
}

void AeSynthesis::Run(Isa isa, std::span<const std::int32_t> latent, std::size_t h16,
                      std::size_t w16, int q, int threads, float* pixels) const {
  const std::size_t m = channels_;
  if (const auto* integers = std::get_if<InIntegers>(&parts_)) {
    IntMap y;
    y.Resize(h16, w16, m);
    const std::vector<std::int16_t> gains = integers->inverse_gain.Gains(q);
    for (std::size_t i = 0; i < h16 * w16; ++i) {
      std::int16_t* v = y.values.data() + i * y.stride;
      for (std::size_t c = 0; c < m; ++c) {
        const std::int32_t shift = integers->shift[c];
        const std::int32_t bounded = std::clamp(latent[i * m + c], -32767, 32767);
        v[c] = Saturate((bounded * gains[c] + (std::int32_t{1} << (shift - 1))) >> shift);
      }
    }
    std::vector<std::int16_t> samples(h16 * w16 * 768);
    integers->g_s.Run(isa, y, q, threads, samples.data());
    y = {};
    PixelsOfSamples(samples, 16 * h16, 16 * w16, pixels);
    return;
  }
  const auto& [inverse_gain, g_s] = std::get<InFloat>(parts_);
  FloatMap y;
  y.Resize(h16, w16, m);
  const std::vector<float> inverse = inverse_gain.Gains(q);
  for (std::size_t i = 0; i < h16 * w16; ++i) {
    float* v = y.values.data() + i * y.stride;
    for (std::size_t c = 0; c < m; ++c)
      v[c] = static_cast<float>(latent[i * m + c]) * static_cast<float>(kLatentUnit) * inverse[c];
  }
  g_s.Run(isa, y, q, threads, pixels);
}

Result<AeAnalysis> AeAnalysis::Load(const WeightsFile& file, const AeConfig& c) {
  AeAnalysis a;
  a.config_ = c;
  HALFMOON_ASSIGN_OR_RETURN(
      a.gain_, FloatLevelVector::Load(file, "gain.forward", c.level_anchors, c.latent_channels));
  if (HasIntegerTransforms(file)) {
    HALFMOON_ASSIGN_OR_RETURN(a.g_a_, IntegerAnalysis::Load(file, c));
    HALFMOON_ASSIGN_OR_RETURN(a.units_, LoadFloats(file, "g_a.unit", {c.latent_channels}));
  } else {
    HALFMOON_ASSIGN_OR_RETURN(a.g_a_, PixelAnalysis::Load(file, c));
  }
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
  std::vector<float> gains = gain_.Gains(q);
  if (const auto* g_a = std::get_if<PixelAnalysis>(&g_a_)) {
    g_a->Run(isa, pixels, h16, w16, q, threads, gains, y);
    return;
  }
  const auto m = static_cast<std::size_t>(config_.latent_channels);
  for (std::size_t c = 0; c < m; ++c) gains[c] *= units_[c];
  IntMap map;
  std::get<IntegerAnalysis>(g_a_).Run(isa, SamplesOfPixels(pixels, 16 * h16, 16 * w16), h16, w16, q,
                                      threads, &map);
  for (std::size_t i = 0; i < h16 * w16 * m; ++i)
    y[i] = static_cast<float>(map.values[i / m * map.stride + i % m]) * gains[i % m];
}

void AeAnalysis::RunHyper(Isa isa, const float* y, std::size_t h16, std::size_t w16, int threads,
                          float* z) const {
  const FloatKernels& kernels = FloatKernelsFor(isa);
  const AeConfig& config = config_;
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
