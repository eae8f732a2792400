// SOAP: Adam in the eigenbasis of Shampoo's preconditioner (Vyas et al. 2024, arXiv 2409.11321),
// for the few small matrices of an overfitted codec; Adam for everything else in it.
#pragma once

#include <memory>

#include "models/overfitted/networks.h"

namespace halfmoon::overfitted {

class Soap {
 public:
  Soap();
  ~Soap();
  Soap(Soap&&) noexcept;
  Soap& operator=(Soap&&) noexcept;

  // One step down the gradients, whose norm over all tensors is first cut to `clip`.
  void Step(const Networks& gradients, float rate, float clip, Networks* networks);

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace halfmoon::overfitted
