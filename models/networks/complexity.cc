#include "models/networks/complexity.h"

namespace halfmoon::networks {
namespace {

// Per position.
double Block(std::int64_t channels) {
  const auto c = static_cast<double>(channels);
  return 6 * c * c + 9 * c;
}

double Product(std::int64_t a, std::int64_t b) {
  return static_cast<double>(a) * static_cast<double>(b);
}

// A linear path between pixels and latent.
double Linear(const AeConfig& c) { return Product(c.lapped ? 3072 : 768, c.latent_channels); }

double Refinement(const AeConfig& c) {
  if (c.refine_blocks == 0) return 0;
  return 2 * Product(48, c.refine_channels) + Product(c.block_channels, c.refine_channels) +
         static_cast<double>(c.refine_blocks) * Block(c.refine_channels);
}

constexpr double kAt4 = 1.0 / 16, kAt8 = 1.0 / 64, kAt16 = 1.0 / 256, kAt32 = 1.0 / 1024,
                 kAt64 = 1.0 / 4096;

}  // namespace

double AnalysisKmac(const AeConfig& c) {
  const std::int64_t w = c.hyper_width;
  const double g_a =
      kAt8 * (Product(192, c.block_channels) +
              static_cast<double>(c.analysis_blocks) * Block(c.block_channels)) +
      kAt16 * (Product(4 * c.block_channels, c.trunk_channels) +
               static_cast<double>(c.analysis_trunk_blocks) * Block(c.trunk_channels) +
               Product(c.trunk_channels, c.latent_channels) + Linear(c));
  const double h_a = kAt16 * Product(c.latent_channels, w) +
                     kAt32 * (Product(4 * w, w) + Block(w)) +
                     kAt64 * (Product(4 * w, w) + Block(w) + Product(w, c.hyper_channels));
  return (g_a + h_a) / 1000;
}

double SynthesisKmac(const AeConfig& c) {
  return (kAt16 * (Product(c.latent_channels, c.trunk_channels) +
                   static_cast<double>(c.synthesis_trunk_blocks) * Block(c.trunk_channels) +
                   Product(c.trunk_channels, 4 * c.block_channels) + Linear(c)) +
          kAt8 * (static_cast<double>(c.synthesis_blocks) * Block(c.block_channels) +
                  Product(c.block_channels, 192)) +
          kAt4 * Refinement(c)) /
         1000;
}

int SynthesisHalo(const AeConfig& c) {
  // Each block holds one 3x3 convolution: one position to each side, 16, 8 or 4 pixels wide.
  return static_cast<int>(16 * c.synthesis_trunk_blocks + 8 * c.synthesis_blocks +
                          4 * c.refine_blocks);
}

int AnalysisHalo(const AeConfig& c) {
  return static_cast<int>(16 * c.analysis_trunk_blocks + 8 * c.analysis_blocks);
}

}  // namespace halfmoon::networks
