// The optimiser: Muon for matrices, Adam for all else, with weight averaging. LibTorch.
#pragma once

#include <torch/torch.h>

#include <map>
#include <string>
#include <vector>

#include "models/training/loop/worker_pool.h"

namespace halfmoon::training {

struct OptimizerOptions {
  bool muon = true;             // false: Adam for every parameter
  double momentum = 0.95;       // Muon
  double matrix_rate = 4;       // Muon's learning rate over Adam's
  double linear_rate = 0.1;     // the linear paths' learning rate over Adam's
  int orthogonalise_every = 2;  // steps that share one orthogonal matrix; momentum changes slowly
  double beta1 = 0.9, beta2 = 0.99, epsilon = 1e-8;  // Adam
  double gradient_clip = 1.0;                        // global norm
  double ema = 0.999;  // decay of the averaged weights; ramps up from short averages
};

// Muon (Jordan et al. 2024): the momentum of a weight matrix is replaced by the nearest
// orthogonal matrix (five Newton-Schulz iterations), so that all its directions learn at one rate;
// scaled by 0.2 sqrt(max(rows, columns)) its step has Adam's usual size (Liu et al. 2025), so both
// share one learning rate. Convolution kernels are matrices [out, in * kh * kw].
class Optimizer {
 public:
  // `parameters`: named, in a fixed order. Those with at least two dimensions greater than one
  // after flattening to [out, rest], and no side below 16, are matrices; depth-wise kernels,
  // biases and level vectors are not.
  Optimizer(std::vector<std::pair<std::string, torch::Tensor>> parameters,
            OptimizerOptions options);

  // One step with the given gradients (same order; undefined = unused). Returns the gradient's
  // global norm; when it is not finite nothing is changed.
  double Step(std::vector<torch::Tensor>& gradients, double learning_rate, WorkerPool& pool);

  // Moments, averaged weights and the step count, by name.
  std::map<std::string, torch::Tensor> State() const;
  void LoadState(const std::map<std::string, torch::Tensor>& state);

  // Exchanges the weights with their averages (call again to undo).
  void SwapAveraged();

 private:
  struct Slot {
    std::string name;
    torch::Tensor parameter, first, second, average;
    torch::Tensor direction;  // Muon: the orthogonal matrix of this or an earlier step
    bool matrix = false;
    double rate = 1;  // learning rate over that of the step
    double cost = 0;
    int turn = 0;  // matrices take turns at being orthogonalised, half of the work in each step
  };
  void Update(Slot& slot, const torch::Tensor& gradient, double scale, double base_rate) const;

  OptimizerOptions options_;
  std::vector<Slot> slots_;
  std::int64_t step_ = 0;
};

// The orthogonal factor of a matrix by five Newton-Schulz iterations (singular values land in
// about [0.7, 1.2]).
torch::Tensor Orthogonalise(const torch::Tensor& matrix);

}  // namespace halfmoon::training
