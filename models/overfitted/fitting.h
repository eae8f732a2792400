// Fits an overfitted codec to one picture: latents and networks by gradient descent on
//   bits per pixel + lambda * squared error (mean over samples of 8 bits).
// Latents and networks are float32 meanwhile; near the end they become the whole numbers that the
// file holds.
#pragma once

#include <array>
#include <cstdint>
#include <functional>
#include <optional>
#include <span>
#include <vector>

#include "models/overfitted/entropy_fit.h"
#include "models/overfitted/integer_networks.h"
#include "models/overfitted/latent_grids.h"
#include "models/overfitted/networks.h"
#include "models/overfitted/soap.h"
#include "models/overfitted/synthesis_fit.h"
#include "models/overfitted/upsampling_fit.h"
#include "models/runtime/layers/int_kernels.h"

namespace halfmoon::overfitted {

struct FitOptions {
  double lambda =
      0.015;  // what a squared error of one step of 8 bits weighs against a bit per pixel
  int iterations = 1000;
  // The part of the picture, from its upper left, that shall be right; the rest is padding. 0: all.
  int visible_width = 0, visible_height = 0;
  std::uint32_t seed = 1;
  runtime::Isa isa = runtime::BestIsa();  // of the decoder that checks the result
};

// What a pass found.
struct FitFigures {
  double bits = 0;           // of the latents
  double squared_error = 0;  // mean over samples, in steps of 8 bits
  double Loss(double lambda, double pixels) const { return bits / pixels + lambda * squared_error; }
};

class Fitting {
 public:
  // rgb: width * height * 3 samples in [0, 1]. May throw std::bad_alloc.
  Fitting(int width, int height, std::span<const float> rgb, const FitOptions& options);

  // One iteration of the schedule. REQUIRES: iteration() < options.iterations.
  FitFigures Step(const Parallel& parallel);
  // Iterations that are done, those of beginnings that were given up among them.
  int iteration() const { return done_; }

  // What a decoder would get: latents rounded, and networks as soon as their steps are chosen.
  FitFigures Measure(const Parallel& parallel);

  // What a file holds: latents as whole numbers, networks with the hidden layer's fixed point that
  // spoils the picture least. REQUIRES: all iterations are done. Errors: those of IntegerDecoder.
  struct Fitted {
    IntegerNetworks networks;
    LatentGrids grids;
    double squared_error = 0;  // of the picture as it is decoded, as in FitFigures
  };
  Result<Fitted> Finish(const Parallel& parallel) const;

  const Networks& networks() const { return state_.networks; }

 private:
  // How a pass sees the latents.
  struct Quantiser {
    bool hard = false;  // rounded
    float temperature = 0, noise = 0;
  };
  struct Grid {
    PlaneShape shape;
    Plane value, slope, d_value;
    // The coarser grids' stack, upsampled to this one; gradients of value and features.
    std::vector<Plane> features, d_features;
  };

  // All that iterations change.
  struct State {
    Networks networks;
    std::array<std::array<Plane, 3>, kGrids> latents;  // themselves, and Adam's moments
    Soap optimiser;
  };
  State Begin(int start) const;
  void EndOfStart(double loss);
  void KeepNetworks(const FitFigures& figures);

  double Progress() const;
  double VisiblePixels() const { return static_cast<double>(visible_width_) * visible_height_; }
  void Quantise(const Quantiser& quantiser, const Parallel& parallel);
  // value, then features: what is upsampled to the next finer grid.
  std::vector<const Plane*> Stack(int g) const;
  std::vector<Plane*> GradientStack(int g);
  FitFigures Pass(const Quantiser& quantiser, const Networks& networks, bool with_gradients,
                  const Parallel& parallel);
  // As they are, or rounded as soon as steps are chosen.
  Networks CurrentNetworks() const;
  double SquaredError(const ColourPlanes& picture, bool with_gradients, const Parallel& parallel);
  double SquaredError(const std::array<IntegerPlane, kColours>& decoded,
                      const Parallel& parallel) const;
  void UpdateLatents(float rate, const Parallel& parallel);

  FitOptions options_;
  int width_, height_, visible_width_, visible_height_;
  std::vector<float> mean_;  // of the picture's colours
  // Beginnings, the length of each, and the iterations of the one that goes on.
  int starts_, start_length_, length_;
  int start_ = 0, iteration_ = 0, done_ = 0;
  State state_;
  std::optional<State> best_start_;
  double best_start_loss_ = 0;
  std::array<Grid, kGrids> grids_;
  ColourPlanes target_;
  Networks gradients_;
  std::optional<IntegerNetworks> steps_;  // chosen when latents are rounded for good
  Networks best_networks_;                // from then on, and what they cost
  double best_networks_loss_ = 0;
  std::vector<GradientSums> sums_;
  EntropyFit entropy_;
  SynthesisFit synthesis_;
  UpsamplingGradient upsampling_;
};

}  // namespace halfmoon::overfitted
