// The entropy model while it is fitted: what the latents of a grid cost, and the gradients of that.
#pragma once

#include <vector>

#include "models/overfitted/networks.h"

namespace halfmoon::overfitted {

// A grid as the entropy model sees it.
struct GridView {
  const Plane* values = nullptr;       // as they would be decoded, or as training sees them
  std::vector<const Plane*> features;  // of the same shape, the next coarser grid's first
  Plane* d_values = nullptr;           // gradients are added to these
  std::vector<Plane*> d_features;
};

class EntropyFit {
 public:
  // Takes over the networks' values for what follows.
  void Prepare(const Networks& networks);

  // Bits of all latents of a grid.
  double Bits(const GridView& grid, const Parallel& parallel) const;

  // The same, and adds `scale` times their gradients. sums: one for each chunk.
  double BitsWithGradients(const GridView& grid, float scale, std::vector<GradientSums>* sums,
                           const Parallel& parallel) const;

 private:
  struct Block;
  double Chunk(const GridView& grid, std::size_t begin, std::size_t end, float scale,
               GradientSums* sums) const;

  Networks networks_;
  // Transposed weights: what brings a gradient back to a layer's inputs.
  std::vector<float> back1_, back2_, back3_;
};

}  // namespace halfmoon::overfitted
