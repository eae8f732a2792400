// Upsampling while it is fitted: the stack of a grid from the stack of the coarser one, and back
// with the gradients.
#pragma once

#include <vector>

#include "models/overfitted/networks.h"

namespace halfmoon::overfitted {

// `fine`: planes of grid g, one for each of `coarse`, which are of grid g + 1. Beyond the edges the
// outermost latents repeat.
void Upsample(const Networks& networks, int g, const std::vector<const Plane*>& coarse,
              const std::vector<Plane*>& fine, const Parallel& parallel);

class UpsamplingGradient {
 public:
  // d_coarse: the gradients by the coarse planes, replaced; those by the taps are added to
  // `gradients`. d_fine: 0 beside the grid.
  void Run(const Networks& networks, int g, const std::vector<const Plane*>& coarse,
           const std::vector<const Plane*>& d_fine, const std::vector<Plane*>& d_coarse,
           Networks* gradients, const Parallel& parallel);

 private:
  // Of each plane: the gradient between the two directions, as many rows as the fine grid, as many
  // columns as the coarse one.
  std::vector<Plane> between_;
};

}  // namespace halfmoon::overfitted
