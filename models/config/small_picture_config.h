// Dimensions of the networks for small pictures of one size: pyramid, ViT, VAE, VQ-VAE, classifier.
// No LibTorch.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "models/config/config_fields.h"
#include "models/config/index_prior_config.h"

namespace halfmoon {

// Encoder and decoder by convolutions (networks/picture_pyramid.h). Each level halves the picture;
// level i has widths[i] channels.
struct PyramidConfig {
  std::int64_t channels = 1;  // of the picture: 1 or 3
  std::int64_t side = 28;     // of the picture, 8..256
  std::vector<std::int64_t> widths = {32, 64, 128};
  std::int64_t blocks = 1;  // depth-wise blocks per level
  bool attention = false;   // self-attention at the lowest level

  // The side rounded up to what the levels divide.
  std::int64_t padded() const;
  // Side of the lowest level's map.
  std::int64_t grid() const;

  void VisitFields(FieldVisitor& f);
  Status Rules() const;
};

// Encoder and decoder by patches and self-attention (networks/vit.h).
struct VitConfig {
  std::int64_t channels = 1;  // of the picture: 1 or 3
  std::int64_t side = 28;     // of the picture, a multiple of patch
  std::int64_t patch = 4;     // side of a patch
  std::int64_t width = 96;    // C: channels of a patch's vector, a multiple of 4 heads
  std::int64_t layers = 3;

  std::int64_t grid() const { return side / patch; }
  Status Rules() const;
};

struct VaeConfig {
  static constexpr char kArchitecture[] = "vae";  // of weights files

  PyramidConfig pyramid;
  std::int64_t features = 32;  // channels of the lowest level's map before quant_conv
  std::int64_t latent = 16;    // numbers of a code
  bool variational = true;     // false: the plain autoencoder, z = mean and no KL

  // Samples of a picture: what "per dimension" divides by.
  std::int64_t dimensions() const { return pyramid.channels * pyramid.side * pyramid.side; }

  void VisitFields(FieldVisitor& f);
  Status Rules() const { return pyramid.Rules(); }
};

// One stage; K, at most 256, is what the prior codes.
struct SmallVqvaeConfig : IndexPriorConfig {
  static constexpr char kArchitecture[] = "vqvae-small";  // of weights files

  std::string transform = "pyramid";  // "pyramid" or "vit"
  PyramidConfig pyramid;  // its channels and side are those of the picture, whatever the transform
  std::int64_t patch = 4, vit_width = 96, vit_layers = 3;  // of "vit"
  std::int64_t code_dim = 8;                               // d: of the look-up
  bool cosine = true;                                      // look-up by angle
  bool ema = true;  // codebook by moving averages; else by the dictionary loss

  VitConfig vit() const { return {pyramid.channels, pyramid.side, patch, vit_width, vit_layers}; }
  // Channels of the features that are looked up.
  std::int64_t features() const { return transform == "vit" ? vit_width : pyramid.widths.back(); }
  // Side of the grid of indices.
  std::int64_t grid() const { return transform == "vit" ? vit().grid() : pyramid.grid(); }
  std::int64_t indices() const { return grid() * grid(); }

  void VisitFields(FieldVisitor& f);
  Status Rules() const;
};

struct ClassifierConfig {
  static constexpr char kArchitecture[] = "classifier";  // of weights files

  PyramidConfig pyramid;
  std::int64_t features = 64;
  std::vector<std::string> classes;  // come with the data

  void VisitFields(FieldVisitor& f);
  Status Rules() const { return pyramid.Rules(); }
};

}  // namespace halfmoon
