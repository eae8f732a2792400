// TileGrid: where the tiles of a picture lie. Plain integers; must not include LibTorch.
#pragma once

#include <algorithm>
#include <cstdint>

namespace halfmoon {

struct Rect {
  std::uint32_t x = 0, y = 0, width = 0, height = 0;

  std::uint32_t right() const { return x + width; }
  std::uint32_t bottom() const { return y + height; }
  bool operator==(const Rect&) const = default;
};

// Sides of tiles and of everything that networks see are multiples of it: one hyper-latent.
inline constexpr std::uint32_t kTileAlignment = 64;

inline std::uint32_t PadUp(std::uint32_t side) {
  return (side + kTileAlignment - 1) / kTileAlignment * kTileAlignment;
}

// The tile size an encoder takes unless told otherwise; 0: one tile.
//
// Up to 4 megapixels one tile is best: no border where the prior knows nothing, and networks fit in
// half a gigabyte. Above, 1024 costs no bits worth speaking of (docs/large-pictures.md), and one
// tile is what a region or a damaged place costs. The integer prior takes sides up to 32768.
inline std::uint32_t DefaultTileSize(std::uint32_t width, std::uint32_t height) {
  constexpr std::uint64_t kOneTilePixels = std::uint64_t{1} << 22;
  constexpr std::uint32_t kLongestTile = 32768;
  const bool one = std::uint64_t{width} * height <= kOneTilePixels && width <= kLongestTile &&
                   height <= kLongestTile;
  return one ? 0 : 1024;
}

class TileGrid {
 public:
  // tile_size: as in the header, 0 for one tile. REQUIRES: width, height >= 1.
  TileGrid(std::uint32_t width, std::uint32_t height, std::uint32_t tile_size)
      : width_(width), height_(height), size_(tile_size) {}

  std::uint32_t columns() const { return size_ == 0 ? 1 : (width_ - 1) / size_ + 1; }
  std::uint32_t rows() const { return size_ == 0 ? 1 : (height_ - 1) / size_ + 1; }
  std::uint64_t count() const { return std::uint64_t{columns()} * rows(); }
  // Sides of a tile that is not cut: the picture's own for one tile.
  std::uint32_t tile_width() const { return size_ == 0 ? width_ : size_; }
  std::uint32_t tile_height() const { return size_ == 0 ? height_ : size_; }

  std::uint32_t column_at(std::uint32_t x) const { return size_ == 0 ? 0 : x / size_; }
  std::uint32_t row_at(std::uint32_t y) const { return size_ == 0 ? 0 : y / size_; }

  // The pixels of a tile, cut at the picture's edge.
  Rect tile(std::uint32_t column, std::uint32_t row) const {
    const std::uint32_t x = column * size_, y = row * size_;
    return {x, y, std::min(tile_width(), width_ - x), std::min(tile_height(), height_ - y)};
  }

 private:
  std::uint32_t width_, height_, size_;
};

}  // namespace halfmoon
