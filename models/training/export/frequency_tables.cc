#include "models/training/export/frequency_tables.h"

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <numeric>

namespace halfmoon::training {
namespace {

constexpr std::int32_t kTotal = 1 << 16;

double NormalTail(double x) { return 0.5 * std::erfc(x / std::sqrt(2.0)); }  // P(N > x)

// Integers >= 1 with the given sum, as close as possible to `p` (sum 1) in coding cost: the largest
// entries give or take what rounding leaves over, where one step costs the least.
std::vector<std::int32_t> Quantise(const std::vector<double>& p) {
  std::vector<std::int32_t> f(p.size());
  std::int32_t sum = 0;
  for (std::size_t i = 0; i < p.size(); ++i) {
    f[i] = std::max(1, static_cast<std::int32_t>(std::lround(p[i] * kTotal)));
    sum += f[i];
  }
  while (sum != kTotal) {
    const std::int32_t step = sum < kTotal ? 1 : -1;
    std::size_t best = f.size();
    double best_gain = -1e300;
    for (std::size_t i = 0; i < f.size(); ++i) {
      if (f[i] + step < 1) continue;
      const double gain = p[i] * std::log(static_cast<double>(f[i] + step) / f[i]);
      if (gain > best_gain) best_gain = gain, best = i;
    }
    f[best] += step;
    sum += step;
  }
  return f;
}

// The bins that a table's symbols stand for, under a normal distribution.
struct Bins {
  double sigma;            // in steps
  bool dependent = false;  // of quantiser `quantiser`; else unit bins
  std::uint32_t quantiser = 0;

  // Where the bin of magnitude a ends.
  double Edge(int a) const {
    if (!dependent) return a + 0.5;
    const int here = DependentQuantiser::HalfSteps(quantiser, a),
              next = DependentQuantiser::HalfSteps(quantiser, a + 1);
    return 0.5 * (here + next) * kAeTables.half_step / DependentTables::kStep;
  }
  double Beyond(int a) const { return NormalTail(Edge(a) / sigma); }  // on one side
  // P of the symbols a and -a together.
  double Mass(int a) const { return a == 0 ? 1 - 2 * Beyond(0) : 2 * (Beyond(a - 1) - Beyond(a)); }
};

Bins AeBins(int table) {
  if (table < kAeTables.scales) return {TableScale(table)};
  const int dependent = kAeTables.scales - kAeTables.first, i = table - kAeTables.scales;
  return {TableScale(kAeTables.first + i % dependent), true,
          static_cast<std::uint32_t>(i / dependent)};
}

void Append(const std::vector<double>& p, int reach, FrequencyTables* tables) {
  const std::vector<std::int32_t> f = Quantise(p);
  tables->sizes.push_back(static_cast<std::int32_t>(f.size()));
  tables->offsets.push_back(-reach);
  tables->frequencies.insert(tables->frequencies.end(), f.begin(), f.end());
}

// Where a table of such magnitudes should end. A longer one spares escapes and takes a share of
// 2^-16 from all others for each of its symbols.
int BestReach(const std::vector<double>& mass) {
  const std::size_t n = mass.size();
  std::vector<double> beyond(n + 1, 0.0);
  for (std::size_t a = n; a-- > 0;) beyond[a] = beyond[a + 1] + mass[a];
  const double least = 1.0 / kTotal;
  double best_cost = 1e300, inside = 0, floors = 1;  // the escape's
  std::size_t best = 1;
  for (std::size_t reach = 0; reach + 1 < n; ++reach) {
    const double p = reach == 0 ? mass[0] : mass[reach] / 2;
    inside -= mass[reach] * std::log2(std::max(p, least));
    if (p < least) floors += reach == 0 ? 1 : 2;
    if (reach == 0) continue;
    const double rest = beyond[reach + 1];
    double cost = inside - rest * std::log2(std::max(rest, least)) + std::log2(1 + floors * least);
    // Exp-Golomb of twice the distance beyond.
    for (std::size_t a = reach + 1; a < n; ++a) {
      cost += mass[a] * (2 * std::floor(std::log2(2 * static_cast<double>(a - reach))) + 1);
    }
    if (cost < best_cost) best_cost = cost, best = reach;
    if (rest < least / 2) break;
  }
  return static_cast<int>(best);
}

}  // namespace

static void AppendGaussian(const Bins& bins, FrequencyTables* tables) {
  // Out to where a symbol's probability falls below half a step; the rest is the escape's.
  int reach = 1;
  while (bins.Beyond(reach) * 2 * kTotal > 0.5) ++reach;
  std::vector<double> p;
  for (int r = -reach; r <= reach; ++r) p.push_back(bins.Mass(std::abs(r)) / (r == 0 ? 1 : 2));
  p.push_back(2 * bins.Beyond(reach));
  Append(p, reach, tables);
}

FrequencyTables MakeGaussianTables() {
  FrequencyTables tables;
  for (int t = 0; t < kAeTables.count(); ++t) AppendGaussian(AeBins(t), &tables);
  return tables;
}

FrequencyTables MakeGaussianTables(const std::vector<double>& scales) {
  FrequencyTables tables;
  for (const double sigma : scales) AppendGaussian({sigma}, &tables);
  return tables;
}

void SymbolCounts::Merge(const SymbolCounts& other) {
  for (std::size_t t = 0; t < counts_.size(); ++t) {
    for (std::size_t a = 0; a < kMagnitudes; ++a) counts_[t][a] += other.counts_[t][a];
  }
}

std::uint64_t SymbolCounts::total() const {
  std::uint64_t sum = 0;
  for (const auto& table : counts_) sum = std::accumulate(table.begin(), table.end(), sum);
  return sum;
}

FrequencyTables FitTables(const SymbolCounts& counts) {
  FrequencyTables tables;
  for (int t = 0; t < SymbolCounts::kTables; ++t) {
    const Bins bins = AeBins(t);
    const auto& seen = counts.of(t);
    const double n =
        static_cast<double>(std::accumulate(seen.begin(), seen.end(), std::uint64_t{0}));
    std::vector<double> mass(SymbolCounts::kMagnitudes);
    for (std::size_t a = 0; a < mass.size(); ++a) {
      mass[a] = (static_cast<double>(seen[a]) + kPriorSymbols * bins.Mass(static_cast<int>(a))) /
                (n + kPriorSymbols);
    }
    const int reach = BestReach(mass);
    std::vector<double> p;
    double inside = 0;
    for (int r = -reach; r <= reach; ++r) {
      p.push_back(r == 0 ? mass[0] : mass[static_cast<std::size_t>(std::abs(r))] / 2);
      inside += p.back();
    }
    p.push_back(std::max(1 - inside, 0.0));
    Append(p, reach, &tables);
  }
  return tables;
}

Status AddTables(const FrequencyTables& tables, SafetensorsWriter* writer) {
  const auto count = static_cast<std::int64_t>(tables.sizes.size());
  HALFMOON_RETURN_IF_ERROR(writer->Add("tables.sizes", {count}, tables.sizes));
  HALFMOON_RETURN_IF_ERROR(writer->Add("tables.offsets", {count}, tables.offsets));
  return writer->Add("tables.frequencies", {static_cast<std::int64_t>(tables.frequencies.size())},
                     tables.frequencies);
}

Status AddAeTables(const FrequencyTables& tables, SafetensorsWriter* writer) {
  HALFMOON_RETURN_IF_ERROR(AddTables(tables, writer));
  const std::vector<std::int32_t> dependent = {kAeTables.first, kAeTables.half_step};
  return writer->Add("tables.dependent", {2}, dependent);
}

}  // namespace halfmoon::training
