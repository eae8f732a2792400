// Float weights on a grid: whole steps, one step size for each output channel. What models with
// `weight_bits` 8 store and compute with. LibTorch.
//
// A row of a convolution keeps within 127 steps. The linear paths add up hundreds of latent
// channels whose sizes differ a thousandfold; at 127 steps they alone cost 0.1 dB at high rates, so
// theirs are finer.
#pragma once

#include <torch/torch.h>

#include <string>
#include <vector>

namespace halfmoon::networks {

// Most steps of a weight in 8 bits, and of a linear path.
inline constexpr int kGridSteps = 127;
inline constexpr int kLinearGridSteps = 1023;

// Most steps of the weights of a parameter, by its name in a weights file and its rank; 0: it is
// not put on a grid (biases, slopes, gains).
int GridSteps(const std::string& name, const torch::Tensor& parameter);

struct WeightGrid {
  torch::Tensor values;  // whole numbers as float32, in the shape of the weights
  torch::Tensor steps;   // float32 [out]

  torch::Tensor Weights() const;  // values * steps: what a loader computes
};

// The nearest weights of at most `most` steps a row. weights: [out, ...].
WeightGrid ToGrid(const torch::Tensor& weights, int most);

// A grid to stay near: its steps, and its values plus whole multiples of `multiple`; 0: its values.
struct NearGrid {
  WeightGrid base;
  std::int64_t multiple = 1;
};
WeightGrid ToGrid(const torch::Tensor& weights, int most, const NearGrid& near);

// Whole numbers, float or double, near `base`: base + multiple * round((x - base) / multiple),
// within +-most; base itself for a multiple of 0.
torch::Tensor RoundedNear(const torch::Tensor& x, const torch::Tensor& base, std::int64_t multiple,
                          double most);

class BaseWeights;

// Keeps the parameters of a network on the grid while it lives, then gives back what they were.
// With gradients taken meanwhile and applied after, this is straight-through rounding.
class OnGrid {
 public:
  // `base`: what to stay near; may be null.
  explicit OnGrid(torch::nn::Module& network, const BaseWeights* base = nullptr);
  ~OnGrid();
  OnGrid(const OnGrid&) = delete;
  OnGrid& operator=(const OnGrid&) = delete;

 private:
  std::vector<std::pair<torch::Tensor, torch::Tensor>> parameters_;  // and their own values
};

}  // namespace halfmoon::networks
