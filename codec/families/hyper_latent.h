// A latent together with its hyper-latent in one FloatLatent, for encoders that choose both.
// Internal.
#pragma once

#include <span>
#include <vector>

#include "codec/tiling/float_picture.h"

namespace halfmoon {

// A window's latent y, sides multiples of 4, and its hyper-latent z, [height / 4][width / 4][Nz]:
// each position gets a sixteenth of its 4x4 block's z (rounded up, filled with zeros) after its own
// values, in the order of rows. So callers that cut latents along multiples of 64 pixels cut z,
// too.
FloatLatent JoinHyperLatent(const FloatLatent& y, std::span<const float> z);

struct LatentPair {
  FloatLatent y;
  std::vector<float> z;
};

// The way back. REQUIRES: what JoinHyperLatent made, or a part of it, of such channels.
LatentPair SplitHyperLatent(const FloatLatent& joined, std::size_t latent_channels,
                            std::size_t hyper_channels);

}  // namespace halfmoon
