// A model small enough to train and run in milliseconds, and pictures to feed it. Tests only.
#pragma once

#include <torch/torch.h>

#include <cmath>
#include <string>
#include <vector>

#include "models/config/ae_config.h"
#include "models/config/vqvae_config.h"
#include "models/training/data/pack.h"

namespace halfmoon::testing {

inline AeConfig TinyConfig() {
  AeConfig c;
  c.block_channels = 16;
  c.trunk_channels = 24;
  c.analysis_blocks = c.synthesis_blocks = 1;
  c.analysis_trunk_blocks = c.synthesis_trunk_blocks = 1;
  c.latent_channels = 32;
  c.hyper_channels = 8;
  c.hyper_width = 16;
  c.prior_h0 = 16;
  c.prior_h1 = 16;
  c.prior_features = 24;
  c.prior_hidden = 32;
  return c;
}

inline VqvaeConfig TinyVqvaeConfig() {
  VqvaeConfig c;
  c.transforms = TinyConfig();
  c.codes = 16;
  c.dim = 12;
  c.code_dim = 4;
  c.stages = 4;
  c.context_channels = 6;
  c.context_hidden = 16;
  c.context_out = 12;
  return c;
}

// A smooth picture with an edge, different for every seed: rows of interleaved RGB.
inline std::vector<std::uint8_t> TestPicture(std::uint32_t width, std::uint32_t height, int seed) {
  std::vector<std::uint8_t> rgb;
  for (std::uint32_t y = 0; y < height; ++y) {
    for (std::uint32_t x = 0; x < width; ++x) {
      const double u = x * 0.05 + seed, v = y * 0.07 - seed;
      const double edge = x + y * (1 + seed % 3) > width ? 40 : 0;
      for (int c = 0; c < 3; ++c) {
        rgb.push_back(static_cast<std::uint8_t>(110 + 50 * std::sin(u + c) * std::cos(v) + edge));
      }
    }
  }
  return rgb;
}

inline training::Pack TestPack(int pictures, std::uint32_t side) {
  training::PackWriter writer;
  for (int i = 0; i < pictures; ++i) {
    (void)writer.Add(side + 8, side, TestPicture(side + 8, side, i), i % 5 == 4).ok();
  }
  training::Pack pack;
  pack.bytes = writer.Finish();
  return pack;
}

}  // namespace halfmoon::testing
