// DrawIndex: one index from a network's logits, as a user wants it drawn. No LibTorch; nothing here
// decides a probability of a file.
#pragma once

#include <cstdint>
#include <span>

#include "halfmoon/status.h"
#include "models/runtime/generative/philox.h"

namespace halfmoon::runtime {

// Which of the likely indices may come. All at their neutral values: the distribution itself.
struct DrawOptions {
  double temperature = 1;  // 0..4: logits are divided by it; 0: always the likeliest
  int top_k = 0;           // only the k likeliest; 0: all
  // Only the likeliest that together have this probability, after temperature and top_k; in (0, 1].
  // Holtzman et al. 2020 ("nucleus").
  double top_p = 1;

  // Errors: kInvalidArgument naming the option and its range.
  Status Validate() const;
};

// Takes one number of `random`, whatever the options. Of equal logits the first counts as likelier.
// REQUIRES: at least one logit, all finite.
std::size_t DrawIndex(std::span<const float> logits, const DrawOptions& options, Philox* random);

}  // namespace halfmoon::runtime
