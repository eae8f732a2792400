// The latents of a picture or of a part of it as whole numbers, and planes of 16-bit integers. std
// only.
#pragma once

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <vector>

#include "models/overfitted/architecture.h"

namespace halfmoon::overfitted {

// Numbers over a grid with three zeros on each side, and room behind each row for kernels.
class IntegerPlane {
 public:
  IntegerPlane() = default;
  // May throw std::bad_alloc.
  IntegerPlane(int width, int height)
      : width_(width),
        height_(height),
        stride_(static_cast<std::size_t>(width) + 2 * kReach),
        values_((static_cast<std::size_t>(height) + 2 * kReach) * stride_ + kSlack) {}

  int width() const { return width_; }
  int height() const { return height_; }
  // Of row y, -kReach <= y < height + kReach; columns -kReach .. width + kReach - 1 belong to it.
  std::int16_t* row(int y) {
    return values_.data() + static_cast<std::size_t>(y + kReach) * stride_ + kReach;
  }
  const std::int16_t* row(int y) const {
    return values_.data() + static_cast<std::size_t>(y + kReach) * stride_ + kReach;
  }
  // Copies the row's numbers from a place that kernels wrote too much to.
  void SetRow(int y, const std::int16_t* from) { std::copy_n(from, width_, row(y)); }
  // The outermost numbers once more on each side, in place of zeros.
  void RepeatEdges() {
    for (int y = 0; y < height_; ++y) {
      row(y)[-1] = row(y)[0];
      row(y)[width_] = row(y)[width_ - 1];
    }
    std::copy_n(row(0) - 1, width_ + 2, row(-1) - 1);
    std::copy_n(row(height_ - 1) - 1, width_ + 2, row(height_) - 1);
  }

 private:
  static constexpr std::size_t kSlack = 128;  // kernels read so many numbers too many

  int width_ = 0, height_ = 0;
  std::size_t stride_ = 0;
  std::vector<std::int16_t> values_;
};

// Grid g has GridSide(width, g) x GridSide(height, g) latents. A number of a plane is a latent
// times 2^kLatentBits (integer_networks.h).
struct LatentGrids {
  int width = 0, height = 0;  // pixels
  std::array<IntegerPlane, kGrids> planes;

  LatentGrids() = default;
  LatentGrids(int w, int h) : width(w), height(h) {
    for (int g = 0; g < kGrids; ++g)
      planes[static_cast<std::size_t>(g)] = IntegerPlane(GridSide(w, g), GridSide(h, g));
  }
};

// Number of latents of a part of that size.
inline std::uint64_t LatentCount(int width, int height) {
  std::uint64_t n = 0;
  for (int g = 0; g < kGrids; ++g)
    n += static_cast<std::uint64_t>(GridSide(width, g)) *
         static_cast<std::uint64_t>(GridSide(height, g));
  return n;
}

}  // namespace halfmoon::overfitted
