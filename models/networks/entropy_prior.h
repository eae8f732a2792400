// The AE's prior: hyper-decoder h_s and the four-pass context networks. LibTorch; float training
// form of the integer networks in models/runtime (ae_prior.h), which code the files.
#pragma once

#include <torch/torch.h>

#include <array>
#include <functional>

#include "models/config/ae_config.h"
#include "models/config/integer_path.h"
#include "models/networks/integer_conv.h"
#include "models/networks/layers.h"
#include "models/networks/ops.h"

namespace halfmoon::networks {

// h_s: z^ -> features that every pass of the context model reads.
//
//   z^ (1/64) -> 3x3 + bias(level) -> relu -> 1x1 -> relu -> shuffle 2
//      (1/32) -> 3x3 -> relu -> 1x1 -> relu -> shuffle 2 -> f (1/16)
//
// Shape: z^ [N, Nz, h/4, w/4] -> f [N, F, h, w]. Ballé et al. 2018; Minnen et al. 2018.
class HyperSynthesisImpl : public torch::nn::Module {
 public:
  explicit HyperSynthesisImpl(const AeConfig& config);
  torch::Tensor forward(const torch::Tensor& z_hat, const torch::Tensor& level);
  void SetQuantised(bool on);

  IntegerConv h0{nullptr}, h1{nullptr}, h2{nullptr}, h3{nullptr};
  LevelVector level_bias{nullptr};

 private:
  bool quantised_ = false;
};
TORCH_MODULE(HyperSynthesis);

// One pass of the context model.
//
//   X (decoded so far, else 0) -> 3x3 depth-wise -> d
//   [f, X, d] -> 1x1 -> relu -> 1x1 -> relu -> 1x1 -> (table index t, mean m)
//
// The first pass has no context and reads f alone.
class ContextPassImpl : public torch::nn::Module {
 public:
  ContextPassImpl(const AeConfig& config, bool has_context);
  // Pass number k. Returns {t in table steps (not clamped), m in latent units} of the symbols it
  // codes, each [4, R, M / 4] (symbol_slots.h). x: what is decoded so far, zero elsewhere.
  std::pair<torch::Tensor, torch::Tensor> forward(int k, const torch::Tensor& f,
                                                  const torch::Tensor& x);
  void SetQuantised(bool on);

  // The last layer's outputs are multiplied by these, so that table steps and latent units are
  // learnt at the rate of everything else.
  static constexpr double kTableGain = 8, kMeanGain = 4;
  // The table index that every symbol has before training: a sigma of 1.4 steps.
  static constexpr double kInitialTable = 25;

  IntegerConv d{nullptr}, a{nullptr}, b{nullptr}, c{nullptr};

 private:
  bool quantised_ = false;
};
TORCH_MODULE(ContextPass);

// Rounds, or does what stands for it while something is optimised. Elementwise.
using Quantiser = std::function<torch::Tensor(const torch::Tensor&)>;

// What becomes of the residuals y - mean of a pass, each under its table index t (real).
struct QuantisedLatent {
  torch::Tensor value;  // what is decoded
  torch::Tensor bits;   // what it takes; undefined: what GaussianBits says
};
using LatentQuantiser =
    std::function<QuantisedLatent(const torch::Tensor& r, const torch::Tensor& t)>;

// Each residual for itself.
LatentQuantiser Elementwise(Quantiser quantise);

// Codes y in four passes. Position classes and channel groups form a Latin square (symbol_slots.h),
// so every pass codes a quarter of the symbols everywhere, and each channel is refined in space
// from one position in four to all (the quad-tree split of Li et al. 2023, DCVC-DC).
class ContextModelImpl : public torch::nn::Module {
 public:
  explicit ContextModelImpl(const AeConfig& config);

  struct Output {
    torch::Tensor t, mean;  // table index (real) and mean of every symbol, [N, M, h, w]
    torch::Tensor y_hat;    // quantise(y - mean) + mean, clamped as context only
    torch::Tensor bits;     // as `quantise` gives them; undefined when it gives none
  };
  // y: [N, M, h, w], after the quality gain; h and w even. `quantise` stands for rounding y - mean.
  Output forward(const torch::Tensor& f, const torch::Tensor& y,
                 const LatentQuantiser& quantise = Elementwise(SteRound));
  void SetQuantised(bool on);

  std::vector<ContextPass> passes;

 private:
  bool quantised_ = false;
};
TORCH_MODULE(ContextModel);

// Bits of a symbol r (noisy or rounded) under a zero-mean normal of scale TableScale(t), integrated
// over [r - 1/2, r + 1/2]. Elementwise; float32.
torch::Tensor GaussianBits(const torch::Tensor& r, const torch::Tensor& t);

}  // namespace halfmoon::networks
