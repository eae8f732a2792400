// A weights file whose pixel transforms are floats -> one whose pixel transforms are integers
// (bitstream/MODELS.md, section 6). No LibTorch.
//
// Every channel of every map gets a unit, so that the largest number seen of it on pictures takes
// half of 16 bits. Weights are then whole numbers: a layer's shift is the largest that keeps its
// sums within 32 bits. Where a channel's unit is free, it is as coarse as lets its weights be as
// fine as the bound allows.
#pragma once

#include <cstddef>
#include <string>
#include <vector>

#include "halfmoon/status.h"
#include "models/runtime/weights/safetensors.h"
#include "models/training/data/pack.h"
#include "models/training/export/safetensors_writer.h"

namespace halfmoon::training {

// Pixels [height][width][3] in 0..1; sides are multiples of 64.
struct CalibrationPicture {
  std::size_t height = 0, width = 0;
  std::vector<float> pixels;
};

// At most that many training pictures, evenly from all packs, and of each the middle, up to
// kCalibrationWidth x kCalibrationHeight pixels.
inline constexpr std::size_t kCalibrationPictures = 48;
inline constexpr std::size_t kCalibrationWidth = 448, kCalibrationHeight = 384;
// Errors: kInvalidArgument when the packs have none in colour of at least 64x64.
Result<std::vector<CalibrationPicture>> CalibrationPictures(const std::vector<Pack>& packs);

// What a layer's rounding adds, as a share of its output's size: root of mean squares over
// channels, in dB.
struct LayerCost {
  std::string name;
  int shift = 0;
  double weights_db = 0, activations_db = 0;
};

struct ConvertedTransforms {
  SafetensorsWriter writer;  // the whole file
  std::vector<LayerCost> costs;
};

// file: a model of architecture ae or vqvae. Tensors that are no pixel transforms are copied.
// Errors: kModelCorrupt naming the tensor; kInvalidArgument when it is another architecture, has
// integers already, or there is no picture.
Result<ConvertedTransforms> ConvertTransforms(const runtime::WeightsFile& file,
                                              const std::vector<CalibrationPicture>& pictures,
                                              int threads);

}  // namespace halfmoon::training
