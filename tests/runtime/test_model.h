// Seeded random layers, tables and whole AE priors for the tests and the benchmark of
// models/runtime. No LibTorch, no files.
#pragma once

#include <cstdint>
#include <random>
#include <string>
#include <vector>

#include "models/runtime/ae/ae_prior.h"
#include "models/runtime/ae/ae_transforms.h"
#include "models/runtime/layers/int_conv.h"
#include "models/training/export/safetensors_writer.h"

namespace halfmoon::runtime::testing {

// A generator whose numbers do not depend on the standard library (its distributions do).
class Random {
 public:
  explicit Random(std::uint64_t seed) : engine_(seed) {}
  // Uniform in [lo, hi].
  std::int64_t In(std::int64_t lo, std::int64_t hi) {
    return lo + static_cast<std::int64_t>(engine_() % static_cast<std::uint64_t>(hi - lo + 1));
  }

 private:
  std::mt19937_64 engine_;
};

// Adds the tensors of a random layer with int8-sized weights, scaled so that outputs spread over
// about `target` either side of `centre`.
void AddRandomLayer(training::SafetensorsWriter& writer, const std::string& name, int out, int in,
                    int kernel, bool depthwise, int target, int centre, int levels, Random& random);

// Adds tables.*: `count` random valid tables.
void AddRandomTables(training::SafetensorsWriter& writer, int count, Random& random);

// A whole prior with these sizes.
training::SafetensorsWriter RandomPrior(const AeConfig& config, std::uint64_t seed);
// Its number of scale indexes.
int RandomScales(const AeConfig& config);

// The tensors of the AE's pixel transforms (g_a, g_s, h_a, gains) with random values.
training::SafetensorsWriter RandomTransforms(const AeConfig& config, std::uint64_t seed);
// The same, but for samples within a range of about 1, as pictures have and integers hold.
training::SafetensorsWriter RandomPictureTransforms(const AeConfig& config, std::uint64_t seed);

// Small and odd on purpose: nothing is a multiple of a vector or a panel.
AeConfig SmallConfig();
// The sizes of the default model.
AeConfig FullConfig();

// Symbols in [-span, span].
std::vector<std::int32_t> RandomSymbols(std::size_t count, int span, Random& random);

}  // namespace halfmoon::runtime::testing
