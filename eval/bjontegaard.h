// Bjontegaard differences between two rate-distortion curves of any metric. std only.
#pragma once

#include <cstddef>
#include <string>
#include <vector>

#include "halfmoon/status.h"

namespace halfmoon::eval {

// One codec, one metric; points in any order.
struct BdCurve {
  std::string name;
  std::vector<double> rate;    // bits per pixel, positive
  std::vector<double> metric;  // larger is better, finite
};

// Fewest points of a curve.
inline constexpr std::size_t kMinBdPoints = 4;

struct BdDifference {
  double bd_rate = 0;        // per cent; negative: `test` needs fewer bits at equal metric
  double bd_metric = 0;      // positive: `test` is better at equal rate
  double low = 0, high = 0;  // the metric's common range
  double share = 0;          // of the smaller of the two ranges, 0..1
  std::string warning;       // when the share is small; empty otherwise
};

// Mean differences of `test` against `anchor` over the common range, between the points by monotone
// piecewise cubic interpolation (PCHIP, JVET-H0030).
// `metric`: its name, for messages. Errors: kInvalidArgument for fewer than four points, a curve on
// which rate and metric don't rise together, numbers out of range, or nothing in common.
Result<BdDifference> CompareCurves(const BdCurve& anchor, const BdCurve& test,
                                   const std::string& metric);

}  // namespace halfmoon::eval
