#include "bitstream/trellis.h"

#include <algorithm>
#include <array>
#include <vector>

namespace halfmoon {
namespace {

constexpr std::size_t kStates = DependentQuantiser::kStates;
static_assert(kStates <= 64);            // Step::odd_bits
constexpr std::size_t kBlock = 1 << 14;  // dependent symbols of a chain that are decided together

// For each state its predecessor by an even and by an odd symbol. Both belong to one quantiser.
struct Predecessors {
  std::array<std::array<std::uint8_t, kStates>, 2> state{};
  std::array<std::uint8_t, kStates> quantiser{};
};

constexpr Predecessors MakePredecessors() {
  Predecessors p;
  for (std::uint32_t s = 0; s < kStates; ++s) {
    for (int odd = 0; odd < 2; ++odd) {
      const std::uint32_t next = DependentQuantiser::Next(s, odd);
      p.state[static_cast<std::size_t>(odd)][next] = static_cast<std::uint8_t>(s);
      p.quantiser[next] = static_cast<std::uint8_t>(DependentQuantiser::Quantiser(s));
    }
  }
  return p;
}
constexpr Predecessors kPredecessors = MakePredecessors();

// Bits in 2^-16 and error as one number.
using Cost = std::int64_t;
constexpr Cost kUnreachable = Cost{1} << 40;  // far above what a block's path can cost

struct Candidate {
  Cost cost = kUnreachable;
  std::int32_t symbol = 0;
};

// What was looked at for one symbol: by quantiser and parity the best candidate, and by state
// whether the odd one led there.
struct Step {
  std::size_t position;
  std::array<std::array<std::int32_t, 2>, 2> symbol;
  std::uint64_t odd_bits;
};

class Chooser {
 public:
  Chooser(const CdfTables& cdf, const DependentTables& tables, std::int64_t error_weight)
      : cdf_(&cdf), tables_(&tables), error_weight_(error_weight) {
    steps_.reserve(kBlock);
    cost_.fill(kUnreachable);
    cost_[0] = 0;
  }

  void Add(std::size_t position, std::uint8_t scale, std::int32_t residual) {
    Step step{position, {}, 0};
    std::array<std::array<Cost, 2>, 2> branch;
    for (std::uint32_t q = 0; q < 2; ++q) {
      const auto best = Candidates(scale, q, residual);
      for (std::size_t parity = 0; parity < 2; ++parity) {
        branch[q][parity] = best[parity].cost;
        step.symbol[q][parity] = best[parity].symbol;
      }
    }
    std::array<Cost, kStates> next;
    for (std::size_t s = 0; s < kStates; ++s) {
      const auto& b = branch[kPredecessors.quantiser[s]];
      const Cost even = cost_[kPredecessors.state[0][s]] + b[0];
      const Cost odd = cost_[kPredecessors.state[1][s]] + b[1];
      step.odd_bits |= static_cast<std::uint64_t>(odd < even) << s;
      next[s] = std::min(even, odd);
    }
    cost_ = next;
    steps_.push_back(step);
  }

  bool full() const { return steps_.size() == kBlock; }

  // Decides everything added so far, and goes on from the state in which that ends.
  void Decide(std::span<std::int32_t> symbols) {
    const auto end = std::min_element(cost_.begin(), cost_.end());
    const auto last = static_cast<std::size_t>(end - cost_.begin());
    std::size_t state = last;
    // NOLINTNEXTLINE(modernize-loop-convert): clang 14 cannot compile std::views::reverse
    for (auto step = steps_.rbegin(); step != steps_.rend(); ++step) {
      const std::size_t odd = step->odd_bits >> state & 1;
      symbols[step->position] = step->symbol[kPredecessors.quantiser[state]][odd];
      state = kPredecessors.state[odd][state];
    }
    steps_.clear();
    cost_.fill(kUnreachable);
    cost_[last] = 0;
  }

 private:
  // The best even and the best odd symbol of one quantiser: the two around the residual, and what
  // lies further in and may be cheaper.
  std::array<Candidate, 2> Candidates(std::uint8_t scale, std::uint32_t quantiser,
                                      std::int32_t residual) const {
    const std::uint8_t table = tables_->Table(scale, quantiser);
    const std::int32_t sign = residual < 0 ? -1 : 1;
    // Both in 1 / (kResidualUnit * kStep).
    constexpr std::int64_t kStep = DependentTables::kStep;
    const std::int64_t magnitude = std::int64_t{residual} * sign * kStep;
    const std::int64_t half_step = std::int64_t{tables_->half_step} * kResidualUnit;
    const auto below = static_cast<std::int32_t>(
        (magnitude + static_cast<std::int64_t>(quantiser) * half_step) / (2 * half_step));
    std::array<Candidate, 2> best;
    auto look = [&](std::int32_t a) {
      const std::int64_t error =
          (DependentQuantiser::HalfSteps(quantiser, a) * half_step - magnitude) / kStep;
      // error^2 is in kResidualUnit^-2 = 2^-16, as the bits.
      const Cost cost = Cost{cdf_->CostQ16(table, a * sign)} + error_weight_ * error * error;
      Candidate& slot = best[static_cast<std::size_t>(a & 1)];
      if (cost < slot.cost) slot = {cost, a * sign};
    };
    look(below);
    look(below + 1);
    if (below > 0) look(below - 1);
    if (below > 1) look(0);
    return best;
  }

  const CdfTables* cdf_;
  const DependentTables* tables_;
  std::int64_t error_weight_;
  std::array<Cost, kStates> cost_;
  std::vector<Step> steps_;
};

// The integer nearest, halves away from zero.
std::int32_t Round(std::int32_t residual) {
  const std::int32_t half = residual < 0 ? -kResidualUnit / 2 : kResidualUnit / 2;
  return (residual + half) / kResidualUnit;
}

}  // namespace

void ChooseDependentSymbols(const CdfTables& cdf, const DependentTables& tables,
                            std::span<const std::uint8_t> scales,
                            std::span<const std::int32_t> residuals, std::int64_t error_weight,
                            std::span<std::int32_t> symbols) {
  for (std::size_t chain = 0; chain < DependentQuantiser::kChains; ++chain) {
    Chooser chooser(cdf, tables, error_weight);
    for (std::size_t i = chain; i < scales.size(); i += DependentQuantiser::kChains) {
      if (!tables.IsDependent(scales[i])) {
        symbols[i] = Round(residuals[i]);
        continue;
      }
      chooser.Add(i, scales[i], residuals[i]);
      if (chooser.full()) chooser.Decide(symbols);
    }
    chooser.Decide(symbols);
  }
}

}  // namespace halfmoon
