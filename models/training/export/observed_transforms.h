// The pixel transforms of a trained model in float, map by map, with a look at the size of every
// channel: what integer_conversion chooses units by. No LibTorch.
#pragma once

#include <cstddef>
#include <map>
#include <string>
#include <vector>

#include "halfmoon/status.h"
#include "models/config/ae_config.h"
#include "models/runtime/layers/float_layers.h"
#include "models/runtime/weights/safetensors.h"

namespace halfmoon::training {

// What was seen of the channels of a map.
struct ChannelSizes {
  std::vector<double> most;  // magnitude
  std::vector<double> sums, squares;
  double positions = 0;

  double Mean(std::size_t channel) const { return sums[channel] / positions; }
  double MeanSquare(std::size_t channel) const { return squares[channel] / positions; }
};

// By the names of integer_conversion.cc: a block's maps are PREFIX.h, PREFIX.d and PREFIX.e; all
// the others of a stack, which residuals tie together, are one.
class Observations {
 public:
  // slope: of a leaky ReLU that the map has come through; what went into it counts.
  void Add(const std::string& name, const runtime::FloatMap& map, std::size_t channels,
           double slope = 1);
  const ChannelSizes& of(const std::string& name) const { return sizes_.at(name); }

 private:
  std::map<std::string, ChannelSizes> sizes_;
};

// One depth-wise block.
class ObservedBlock {
 public:
  static Result<ObservedBlock> Load(const runtime::WeightsFile& file, const std::string& stack,
                                    std::size_t number, std::size_t channels);
  void Run(runtime::FloatMap* map, int threads, Observations* seen) const;

 private:
  std::string stack_, name_;
  std::size_t channels_ = 0;
  runtime::FloatPointwise in_, out_, expand_, reduce_;
  std::vector<float> depthwise_, depthwise_bias_;
};

class ObservedTransforms {
 public:
  // Errors: kModelCorrupt naming the tensor.
  static Result<ObservedTransforms> Load(const runtime::WeightsFile& file, const AeConfig& config);

  // pixels: [16 h16][16 w16][3]. Returns y, before any gain.
  runtime::FloatMap Analyse(const std::vector<float>& pixels, std::size_t h16, std::size_t w16,
                            int q, int threads, Observations* seen) const;
  // y: after the inverse gain.
  void Synthesise(const runtime::FloatMap& y, int q, int threads, Observations* seen) const;

  const AeConfig& config() const { return config_; }

 private:
  AeConfig config_;
  runtime::FloatLevelVector analysis_gain_, synthesis_gain_, refinement_gain_;
  runtime::FloatPointwise a_in_, a_down_, a_out_, a_linear_;
  runtime::FloatPointwise s_in_, s_up_, s_out_, s_linear_;
  runtime::FloatPointwise r_in_, r_up_, r_out_;
  std::vector<ObservedBlock> a_blocks_, a_trunk_, s_blocks_, s_trunk_, r_blocks_;
};

}  // namespace halfmoon::training
