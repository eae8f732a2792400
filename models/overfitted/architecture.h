// The shape of an overfitted codec's networks: what the file format fixes. std only.
//
//   grids at 1/1, 1/2 .. 1/64 of the picture, one latent a position, coded from coarse to fine
//     each latent:  14 neighbours that are known + what coarser grids say (upsampled)
//                   -> 20 -> 20 -> mean and log-scale of a Laplace distribution
//     each grid:    upsampled by 2, separable filter of 8 taps, and stacked upon the finer one
//   stack of 7 channels -> 48 -> 3, beside it a linear path 7 -> 3
//                       -> two residual 3x3 layers 3 -> 3 -> R, G, B
//
// After Cool-Chic (Ladune et al. 2023, Leguay et al. 2023, Ladune et al. 2026, arXiv 2605.02726)
// and C3 (Kim et al. 2024, arXiv 2312.02753).
#pragma once

#include <array>
#include <cstddef>

namespace halfmoon::overfitted {

inline constexpr int kGrids = 7;
// Features of a latent: the upsampled stack of the coarser grids, the next coarser one first; grid
// g has kGrids - 1 - g of them, the rest is 0.
inline constexpr int kFeatures = kGrids - 1;

// Where the neighbours of a latent lie; all of them come before it in raster order.
struct Neighbour {
  int rows, columns;
};
inline constexpr std::array<Neighbour, 14> kNeighbours = {{{0, -1},
                                                           {0, -2},
                                                           {0, -3},
                                                           {-1, -3},
                                                           {-1, -2},
                                                           {-1, -1},
                                                           {-1, 0},
                                                           {-1, 1},
                                                           {-1, 2},
                                                           {-1, 3},
                                                           {-2, -1},
                                                           {-2, 0},
                                                           {-2, 1},
                                                           {-3, 0}}};
inline constexpr int kReach = 3;  // of a neighbour, in rows and columns

// Inputs of the entropy model, and the width of its hidden layers, which add to what comes in.
inline constexpr int kContext = static_cast<int>(kNeighbours.size()) + kFeatures;
inline constexpr int kSynthesisWidth = 48;
inline constexpr int kColours = 3;
inline constexpr int kKernel = 9 * kColours;  // inputs of a 3x3 layer

// Upsampling is symmetric: an even output at position 2m is
// t0 in[m - 2] + t2 in[m - 1] + t3 in[m] + t1 in[m + 1], the odd one beside it its mirror image.
inline constexpr int kTaps = 4;

// Every number of the networks.
enum TensorId : std::size_t {
  kEntropyWeight1,
  kEntropyBias1,
  kEntropyWeight2,
  kEntropyBias2,
  kEntropyWeight3,
  kEntropyBias3,
  kSynthesisWeight1,
  kSynthesisBias1,
  kSynthesisWeight2,
  kSynthesisBias2,
  kLinearWeight,
  kFilterWeight1,
  kFilterBias1,
  kFilterWeight2,
  kFilterBias2,
  kUpsamplingTaps,
  kTensorCount
};

struct TensorShape {
  const char* name;
  int rows, columns;  // outputs, inputs; a bias has one column
  constexpr int size() const { return rows * columns; }
};

inline constexpr std::array<TensorShape, kTensorCount> kTensors = {{
    {"entropy.1.weight", kContext, kContext},
    {"entropy.1.bias", kContext, 1},
    {"entropy.2.weight", kContext, kContext},
    {"entropy.2.bias", kContext, 1},
    {"entropy.3.weight", 2, kContext},  // mean, log-scale
    {"entropy.3.bias", 2, 1},
    {"synthesis.1.weight", kSynthesisWidth, kGrids},
    {"synthesis.1.bias", kSynthesisWidth, 1},
    {"synthesis.2.weight", kColours, kSynthesisWidth},
    {"synthesis.2.bias", kColours, 1},
    {"synthesis.linear.weight", kColours, kGrids},
    {"filter.1.weight", kColours, kKernel},  // input i * 9 + 3 ky + kx
    {"filter.1.bias", kColours, 1},
    {"filter.2.weight", kColours, kKernel},
    {"filter.2.bias", kColours, 1},
    {"upsampling.taps", kGrids - 1, kTaps},  // row g: from grid g + 1 to grid g
}};

inline constexpr int kParameters = [] {
  int n = 0;
  for (const TensorShape& t : kTensors) n += t.size();
  return n;
}();

// Side of grid g of a picture with that side.
constexpr int GridSide(int pixels, int g) { return (pixels + (1 << g) - 1) >> g; }

}  // namespace halfmoon::overfitted
