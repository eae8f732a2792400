// The synthesis while it is fitted: from the stack of upsampled grids to the picture, and back with
// the gradients.
#pragma once

#include <array>
#include <vector>

#include "models/overfitted/networks.h"

namespace halfmoon::overfitted {

using ColourPlanes = std::array<Plane, kColours>;

class SynthesisFit {
 public:
  explicit SynthesisFit(const PlaneShape& picture);

  // The picture of a stack of kGrids planes, in [0, 1] where the networks are any good.
  const ColourPlanes& Forward(const Networks& networks, const std::vector<const Plane*>& stack,
                              const Parallel& parallel);

  // Where the gradient of the loss by the picture goes, before Backward; 0 beside the picture.
  ColourPlanes& d_picture() { return d_; }

  // The gradients by the stack, which replace what is in d_stack, and by the networks, added to
  // sums, one for each chunk. The stack is that of Forward. d_picture is used up.
  void Backward(const Networks& networks, const std::vector<const Plane*>& stack,
                const std::vector<Plane*>& d_stack, std::vector<GradientSums>* sums,
                const Parallel& parallel);

 private:
  struct Filter {
    TensorId weight, bias;
    bool relu;
  };
  static constexpr Filter kFilter1 = {kFilterWeight1, kFilterBias1, true};
  static constexpr Filter kFilter2 = {kFilterWeight2, kFilterBias2, false};

  void Mix(const Networks& networks, const std::vector<const Plane*>& stack,
           const Parallel& parallel);
  void Apply(const Networks& networks, const Filter& filter, const ColourPlanes& in,
             ColourPlanes* out, const Parallel& parallel) const;
  // d_ is the gradient by `out`, and becomes that by `in`.
  void ApplyBackward(const Networks& networks, const Filter& filter, const ColourPlanes& in,
                     const ColourPlanes& out, std::vector<GradientSums>* sums,
                     const Parallel& parallel);

  PlaneShape shape_;
  Chunks chunks_;
  ColourPlanes mixed_, filtered_, picture_, d_, d_sum_;
};

}  // namespace halfmoon::overfitted
