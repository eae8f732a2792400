// How good pictures drawn from classes or prompts are: in the eyes of a classifier, and beside the
// training pictures. No LibTorch in this header.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "halfmoon/status.h"
#include "models/runtime/weights/safetensors.h"
#include "models/training/data/pack.h"

namespace halfmoon::training {

// What was drawn: pictures as [side][side][channels] bytes.
struct DrawnPictures {
  std::int64_t side = 0, channels = 0;
  std::vector<std::vector<std::uint8_t>> pictures;
  std::vector<std::string> classes;  // that were asked for, one for each picture; empty: none were
};

struct ConditionalFigures {
  // With a classifier and classes; 0 and empty without.
  double accuracy = 0;                 // share of samples that it holds for the class asked for
  double classifier_accuracy = 0;      // the same of validation pictures and their classes
  std::vector<std::string> classes;    // the classifier's
  std::vector<double> class_accuracy;  // of each class
  // Mean distance in the classifier's features of two samples of a class, over that of two
  // validation pictures of it: 1 is as varied as the data, 0 is one picture over and over.
  std::vector<double> class_spread;
  double spread = 0;                         // its mean
  double frechet = 0, frechet_training = 0;  // as in GenerativeFigures

  // The first `nearest` samples and the training picture nearest to each, and how far it is,
  // 0..255.
  std::vector<std::vector<std::uint8_t>> shown, neighbours;
  std::vector<double> neighbour_distances;
  // The same distance of validation pictures to their nearest training pictures, the median: what
  // it is for pictures that nobody copied.
  double validation_distance = 0;
};

// `classifier` may be null. Errors: kModelCorrupt; kInvalidArgument (no validation pictures; other
// sizes; classes that the classifier does not know).
Result<ConditionalFigures> MeasureConditional(const DrawnPictures& drawn,
                                              const runtime::WeightsFile* classifier,
                                              const std::vector<Pack>& packs, std::int64_t nearest);

}  // namespace halfmoon::training
