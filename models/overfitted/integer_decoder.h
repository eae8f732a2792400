// What decodes an overfitted picture: grids of latents <-> streams, grids -> colours. Integers
// only, the same on every processor. FORMAT.md, section 11, is normative. Must not include floating
// point, files, the container.
#pragma once

#include <array>
#include <cstdint>
#include <span>
#include <vector>

#include "halfmoon/status.h"
#include "models/overfitted/integer_kernels.h"
#include "models/overfitted/integer_networks.h"
#include "models/overfitted/latent_grids.h"

namespace halfmoon::overfitted {

class IntegerDecoder {
 public:
  // Errors: those of IntegerNetworks::Check.
  static Result<IntegerDecoder> Create(const IntegerNetworks& networks, runtime::Isa isa);

  // The stream of a part's latents. `bits`: estimated, may be null. REQUIRES: latents within
  // +-kMaxLatent. Errors: kOutOfMemory. May throw std::bad_alloc.
  Result<std::vector<std::uint8_t>> Encode(const LatentGrids& grids, double* bits) const;

  // Errors: kTruncated, kCorrupt, kOutOfMemory. May throw std::bad_alloc.
  Result<LatentGrids> Decode(std::span<const std::uint8_t> stream, int width, int height) const;

  // The colours of a part, in 1 / 2^kColourBits, not clamped. Right where the part's edge is the
  // picture's, and further than kSynthesisReach from every other. May throw std::bad_alloc.
  std::array<IntegerPlane, kColours> Synthesise(const LatentGrids& grids,
                                                const Parallel& parallel) const;

  const IntegerNetworks& networks() const { return networks_; }

 private:
  struct Upsampling {
    PackedLayer forth, back;  // taps in the order of even and of odd outputs
  };
  IntegerDecoder() = default;
  // Calls visit(scale index, mean, number) for each latent in coding order; visit changes number.
  template <typename Visit>
  Status Walk(LatentGrids* grids, Visit visit) const;
  void Upsample(int g, const IntegerPlane& coarse, IntegerPlane* fine, int from, int to) const;
  void Filter(const PackedLayer& layer, const std::array<IntegerPlane, kColours>& in,
              std::array<IntegerPlane, kColours>* out, int from, int to) const;

  IntegerNetworks networks_;
  const IntegerKernels* kernels_ = nullptr;
  PackedEntropy entropy_;
  PackedLayer hidden_, colours_, linear_, filter1_, filter2_;
  std::array<Upsampling, kGrids - 1> upsampling_;
};

// Pixels: 2 latents of grid 6, 2 of grid 5, .. 2 of grid 1, and the two filters.
inline constexpr int kSynthesisReach = 2 * (64 + 32 + 16 + 8 + 4 + 2) + 2;

}  // namespace halfmoon::overfitted
