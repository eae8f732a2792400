#include "codec/tiling/transparency.h"

#include <algorithm>

namespace halfmoon {
namespace {

// Colour and weight, 0 (hole) to 1, of one scale.
struct Level {
  std::size_t width = 0, height = 0;
  std::vector<float> colour;  // [height][width][3]
  std::vector<float> weight;  // [height][width]
};

// Half the size; each pixel the weighted mean of up to four.
Level Push(const Level& fine) {
  Level coarse{(fine.width + 1) / 2, (fine.height + 1) / 2, {}, {}};
  coarse.colour.assign(coarse.width * coarse.height * 3, 0.0f);
  coarse.weight.assign(coarse.width * coarse.height, 0.0f);
  for (std::size_t y = 0; y < fine.height; ++y) {
    for (std::size_t x = 0; x < fine.width; ++x) {
      const std::size_t from = y * fine.width + x, to = (y / 2) * coarse.width + x / 2;
      const float w = fine.weight[from];
      coarse.weight[to] += w;
      for (std::size_t c = 0; c < 3; ++c)
        coarse.colour[3 * to + c] += w * fine.colour[3 * from + c];
    }
  }
  for (std::size_t i = 0; i < coarse.weight.size(); ++i) {
    if (coarse.weight[i] <= 0) continue;
    for (std::size_t c = 0; c < 3; ++c) coarse.colour[3 * i + c] /= coarse.weight[i];
    coarse.weight[i] = std::min(coarse.weight[i], 1.0f);
  }
  return coarse;
}

// The coarse colour at a fine position, linear between centres.
void Interpolate(const Level& coarse, std::size_t x, std::size_t y, float out[3]) {
  const auto place = [](std::size_t fine, std::size_t size, std::size_t& low, std::size_t& high) {
    const float at = std::max(0.0f, (static_cast<float>(fine) - 0.5f) / 2);
    low = std::min(static_cast<std::size_t>(at), size - 1);
    high = std::min(low + 1, size - 1);
    return at - static_cast<float>(static_cast<std::size_t>(at));
  };
  std::size_t x0, x1, y0, y1;
  const float u = place(x, coarse.width, x0, x1), v = place(y, coarse.height, y0, y1);
  const auto at = [&](std::size_t i, std::size_t j, std::size_t c) {
    return coarse.colour[3 * (j * coarse.width + i) + c];
  };
  for (std::size_t c = 0; c < 3; ++c) {
    const float top = at(x0, y0, c) * (1 - u) + at(x1, y0, c) * u;
    const float bottom = at(x0, y1, c) * (1 - u) + at(x1, y1, c) * u;
    out[c] = top * (1 - v) + bottom * v;
  }
}

}  // namespace

void FillTransparent(std::uint32_t width, std::uint32_t height,
                     const std::vector<std::uint8_t>& visible, std::span<float> colour) {
  const auto seen = [](std::uint8_t v) { return v != 0; };
  if (std::all_of(visible.begin(), visible.end(), seen)) return;
  if (std::none_of(visible.begin(), visible.end(), seen)) {
    std::fill(colour.begin(), colour.end(), 0.5f);
    return;
  }
  std::vector<Level> levels(1);
  levels[0] = {width, height, {colour.begin(), colour.end()}, {}};
  for (const std::uint8_t v : visible) levels[0].weight.push_back(v != 0 ? 1.0f : 0.0f);
  while (levels.back().weight.size() > 1) levels.push_back(Push(levels.back()));
  for (std::size_t n = levels.size() - 1; n > 0; --n) {
    Level& fine = levels[n - 1];
    for (std::size_t y = 0; y < fine.height; ++y) {
      for (std::size_t x = 0; x < fine.width; ++x) {
        const std::size_t i = y * fine.width + x;
        const float w = fine.weight[i];
        if (w >= 1) continue;
        float coarse[3];
        Interpolate(levels[n], x, y, coarse);
        for (std::size_t c = 0; c < 3; ++c) {
          fine.colour[3 * i + c] = w * fine.colour[3 * i + c] + (1 - w) * coarse[c];
        }
      }
    }
  }
  std::copy(levels[0].colour.begin(), levels[0].colour.end(), colour.begin());
}

}  // namespace halfmoon
