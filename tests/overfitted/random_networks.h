// Networks and latents at random, and threads: what tests of the overfitted codec share.
#pragma once

#include <cmath>
#include <functional>
#include <random>
#include <thread>
#include <vector>

#include "models/overfitted/integer_networks.h"
#include "models/overfitted/latent_grids.h"

namespace halfmoon::testing {

inline overfitted::Parallel Threads(std::size_t threads) {
  return [threads](std::size_t count, const std::function<void(std::size_t)>& work) {
    std::vector<std::thread> pool;
    for (std::size_t t = 0; t < threads; ++t) {
      pool.emplace_back([&, t] {
        for (std::size_t i = t; i < count; i += threads) work(i);
      });
    }
    for (std::thread& t : pool) t.join();
  };
}

// Such as fitting begins with, and filters and biases that do something.
inline overfitted::IntegerNetworks RandomNetworks(std::uint32_t seed) {
  using namespace overfitted;  // NOLINT: one function
  const float mean[kColours] = {0.4F, 0.5F, 0.6F};
  Networks networks = InitialNetworks(seed, std::span<const float, kColours>(mean));
  std::mt19937 random(seed);
  std::normal_distribution<float> normal(0, 0.1F);
  for (const TensorId t : {kFilterWeight1, kFilterWeight2, kSynthesisBias1, kFilterBias1,
                           kFilterBias2, kEntropyBias1, kEntropyBias2, kEntropyBias3})
    for (int i = 0; i < kTensors[t].size(); ++i) networks.of(t)[i] = normal(random);
  IntegerNetworks whole;
  whole.set_hidden_bits(9);
  for (std::size_t t = 0; t < kTensorCount; ++t)
    whole.Round(networks, static_cast<TensorId>(t), kTensors[t].columns == 1 ? 10 : 11);
  return whole;
}

inline overfitted::LatentGrids RandomGrids(int width, int height, std::uint32_t seed) {
  std::mt19937 random(seed);
  std::normal_distribution<float> normal(0, 2);
  overfitted::LatentGrids grids(width, height);
  for (auto& plane : grids.planes)
    for (int y = 0; y < plane.height(); ++y)
      for (int x = 0; x < plane.width(); ++x)
        plane.row(y)[x] =
            static_cast<std::int16_t>(std::lround(normal(random)) * (1 << overfitted::kLatentBits));
  return grids;
}

}  // namespace halfmoon::testing
