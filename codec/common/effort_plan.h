// EffortPlan: what an encoder does at each effort. Internal; std only.
//
// Read me first: this table says all that an effort means; docs/effort.md prints it, and a test
// compares the two. Every step of the encoder is told what to do, none of them knows an effort.
#pragma once

#include <array>
#include <cstddef>

namespace halfmoon {

// How an encoder makes symbols of a latent.
enum class Quantiser {
  kPlain,      // rounding, each symbol for itself
  kDependent,  // the cheapest path through a trellis (bitstream/trellis.h)
  kSearched,   // the same for latents that were searched for
};

// A model does what it can of it: a VQ-VAE has one quantiser, most models have no search.
struct EffortPlan {
  Quantiser quantiser = Quantiser::kPlain;
  // Whether the encoder looks at what the decoder makes of its latent and corrects it (analysis by
  // synthesis).
  bool correct = false;
  int search_steps = 0;  // of the gradient search for a better latent, which corrects by itself
  bool check = false;    // whether the file is held against that of effort 1 (effort_check.h)
  int iterations = 0;    // of the overfitted codec's fitting
};

inline constexpr int kLowestEffort = 1, kHighestEffort = 9;

// Steps take two to three times as long from one effort to the next. A long search ends at latents
// that rounding moves little (docs/effort.md), so that there is nothing for a path to gain and
// something to lose.
inline constexpr std::array<EffortPlan, kHighestEffort> kEffortPlans = {{
    // quantiser, correct, search steps, check, iterations
    {Quantiser::kPlain, false, 0, false, 100},
    {Quantiser::kDependent, false, 0, false, 300},
    {Quantiser::kDependent, true, 0, false, 1000},
    {Quantiser::kDependent, true, 0, true, 2000},
    {Quantiser::kSearched, false, 20, true, 4000},
    {Quantiser::kSearched, false, 50, true, 7000},
    {Quantiser::kSearched, false, 120, true, 10'000},
    {Quantiser::kPlain, false, 350, true, 20'000},
    {Quantiser::kPlain, false, 1000, true, 30'000},
}};

// REQUIRES: effort in kLowestEffort..kHighestEffort.
constexpr const EffortPlan& EffortPlanOf(int effort) {
  return kEffortPlans[static_cast<std::size_t>(effort - kLowestEffort)];
}

}  // namespace halfmoon
