// How good a VAE's pictures are: likelihood, reconstruction, and samples in the eyes of a
// classifier. No LibTorch in this header.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "halfmoon/status.h"
#include "models/runtime/weights/safetensors.h"
#include "models/training/data/pack.h"

namespace halfmoon::training {

struct GenerativeFiguresOptions {
  std::int64_t samples = 2000;  // drawn and measured, 2..100000
  std::uint64_t seed = 7;       // as `halfmoon sample --seed`: the same pictures
  double temperature = 1;
  std::string prior;         // as `halfmoon sample --prior`; empty: the mixture where there is one
  double confidence = 0.9;   // from here on the classifier counts as sure
  std::int64_t nearest = 0;  // samples whose nearest training picture is looked for
};

struct GenerativeFigures {
  std::string prior;  // what the samples were drawn from: "normal" or "mixture"

  // Of the validation pictures (the test set of Fashion-MNIST); see VaeFigures.
  std::int64_t pictures = 0;
  double elbo_bits = 0, reconstruction_bits = 0, kl_bits = 0, psnr = 0;
  std::int64_t active = 0, latent = 0;
  double kl_bits_per_picture = 0;

  // Frechet distances between normal distributions fitted to the classifier's features. NOT the
  // Inception FID: another network, another scale; to be compared only within one classifier.
  double frechet = 0;  // samples to validation pictures
  double frechet_training =
      0;  // as many training pictures to validation pictures: what is reachable
  // Of the other model, usually the plain autoencoder: codes from N(0, I), and from a normal
  // distribution fitted to its codes of training pictures. 0: no other model.
  double other_frechet = 0, other_fitted_frechet = 0, other_psnr = 0;

  double confident = 0;             // share of samples with a confidence of at least `confidence`
  double confident_validation = 0;  // the same of validation pictures
  double classifier_accuracy = 0;   // on validation pictures
  std::vector<std::string> classes;
  std::vector<double> class_shares;  // of the samples, by the likeliest class

  // The first `nearest` samples and the training picture nearest to each (squared difference), as
  // [side][side][channels] bytes, and their root mean squared differences, 0..255.
  std::int64_t side = 0, channels = 0;
  std::vector<std::vector<std::uint8_t>> shown, neighbours;
  std::vector<double> neighbour_distances;
};

// `other` may be null. Errors: kModelCorrupt; kInvalidArgument (options; packs without validation
// pictures; a classifier of other pictures).
Result<GenerativeFigures> MeasureGenerator(const runtime::WeightsFile& model,
                                           const runtime::WeightsFile& classifier,
                                           const runtime::WeightsFile* other,
                                           const std::vector<Pack>& packs,
                                           const GenerativeFiguresOptions& options);

}  // namespace halfmoon::training
