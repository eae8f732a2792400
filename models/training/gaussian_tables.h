// The frequency tables that are frozen into a weights file. No LibTorch.
#pragma once

#include <cstdint>
#include <vector>

namespace halfmoon::training {

// Zero-mean normals integrated over unit bins, one table per scale index (networks::TableScale), in
// the layout of bitstream::CdfTables: table t covers offset[t] .. offset[t] + size[t] - 2, its last
// entry is the escape. Each table sums to 2^16 and every entry is at least 1. Made once, at export;
// a decoder never computes them (exp and erf differ between libraries).
struct FrequencyTables {
  std::vector<std::int32_t> sizes, offsets, frequencies;
};
FrequencyTables MakeGaussianTables();
// The same for standard deviations of the caller's choice, in bins; each in (0, 64].
FrequencyTables MakeGaussianTables(const std::vector<double>& scales);

}  // namespace halfmoon::training
