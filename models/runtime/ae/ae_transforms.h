// The transforms of model family AE without LibTorch: g_s after the inverse quality gain; g_a
// before the quality gain, and the hyper-analysis h_a. The networks are those of
// models/networks/autoencoder.h, which trains them. Must not include LibTorch. Contracts:
// pixel_transforms.h.
//
// Read me first: a weights file holds g_a and g_s in integers (integer_transforms.h) or, as
// training leaves them, in float (pixel_transforms.h). What it holds is what runs.
#pragma once

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <span>
#include <variant>
#include <vector>

#include "models/config/integer_path.h"
#include "models/runtime/layers/integer_transforms.h"
#include "models/runtime/layers/pixel_transforms.h"

namespace halfmoon::runtime {

// (y - mean / 16) * unit, rounded to the nearest, halves away from zero: what is left of a latent,
// in fractions of a step. A trained latent stays far below the clamp, 2^19 steps, which only keeps
// hostile weights or pixels from overflowing what the format can carry.
inline std::int32_t AeResidual(float y, std::int16_t mean, int unit) {
  const auto clamp = static_cast<float>((1 << 19) * unit);
  const float r = std::round((y - static_cast<float>(mean) * static_cast<float>(kLatentUnit)) *
                             static_cast<float>(unit));
  if (!(r > -clamp)) return static_cast<std::int32_t>(-clamp);  // NaN, too
  return static_cast<std::int32_t>(std::min(r, clamp));
}

// The symbol of the plain quantiser.
inline std::int32_t AeSymbol(float y, std::int16_t mean) { return AeResidual(y, mean, 1); }

// Analysis by synthesis, as speech codecs have it (Atal and Remde 1982), in one round: an encoder
// rounds its latent, decodes it, analyses that picture and finds another latent than it decoded.
// It adds this share of (decoded - found) to its own latent, which is then coded:
//
//   y + share * (round(y) - g_a(g_s(round(y))))
//
// Fewer bits at the same error on every picture looked at (docs/history/training-log.md, 32), for
// two transforms more. Means are left out of the rounding, so that no prior is needed here.
inline constexpr float kAeCorrection = 0.65f;

// y^ * gain'(Q) -> g_s -> pixels
class AeSynthesis {
 public:
  // Errors: kModelCorrupt naming the tensor or key.
  static Result<AeSynthesis> Load(const WeightsFile& file, const AeConfig& config);

  // latent: [h16][w16][M] in 1/16 (AePriorTile::latent).
  void Run(Isa isa, std::span<const std::int32_t> latent, std::size_t h16, std::size_t w16, int q,
           int threads, float* pixels) const;

 private:
  struct InFloat {
    FloatLevelVector inverse_gain;
    PixelSynthesis g_s;
  };
  struct InIntegers {
    IntLevelGains inverse_gain;
    std::vector<std::int32_t> shift;  // [M]
    IntegerSynthesis g_s;
  };
  static Result<InIntegers> LoadIntegers(const WeightsFile& file, const AeConfig& config);

  std::size_t channels_ = 0;  // M
  std::variant<InFloat, InIntegers> parts_;
};

// Pixels -> g_a -> * gain(Q) -> y, and z:
//   y / 4 -> 1x1 -> lrelu -> unshuffle 2, 1x1 -> block at 1/32 -> unshuffle 2, 1x1 -> block at 1/64
//   -> 1x1 -> z
class AeAnalysis {
 public:
  static Result<AeAnalysis> Load(const WeightsFile& file, const AeConfig& config);

  void Run(Isa isa, const float* pixels, std::size_t h16, std::size_t w16, int q, int threads,
           float* y) const;
  // y: [h16][w16][M], h16 and w16 multiples of 4. z: [h16 / 4][w16 / 4][Nz].
  void RunHyper(Isa isa, const float* y, std::size_t h16, std::size_t w16, int threads,
                float* z) const;

 private:
  AeConfig config_;
  FloatLevelVector gain_;
  std::variant<PixelAnalysis, IntegerAnalysis> g_a_;
  std::vector<float> units_;  // of y's channels, where g_a is in integers
  FloatPointwise hyper_in_, hyper_down1_, hyper_down2_, hyper_out_;
  FloatDepthBlock hyper_mid1_, hyper_mid2_;
};

}  // namespace halfmoon::runtime
