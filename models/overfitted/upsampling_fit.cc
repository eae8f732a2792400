#include "models/overfitted/upsampling_fit.h"

#include <algorithm>
#include <cstring>

namespace halfmoon::overfitted {
namespace {

constexpr std::size_t kMargin = 16;  // floats beside a row; kernels read four
constexpr int kRowsAtOnce = 32;

Taps TapsOf(const Networks& networks, int g) {
  const float* t = networks.of(kUpsamplingTaps) + g * kTaps;
  return {t[0], t[1], t[2], t[3]};
}

// The four coarse rows of a fine row, in the order of upsample_rows.
std::array<int, 4> RowsOf(int fine_row, int coarse_height) {
  const int m = fine_row / 2;
  const auto inside = [&](int y) { return std::clamp(y, 0, coarse_height - 1); };
  if (fine_row % 2 == 0) return {inside(m - 2), inside(m - 1), inside(m), inside(m + 1)};
  return {inside(m + 2), inside(m + 1), inside(m), inside(m - 1)};
}

// A row with margins that repeat its ends.
class ScratchRow {
 public:
  explicit ScratchRow(std::size_t count) : count_(count), values_(count + 2 * kMargin) {}
  float* data() { return values_.data() + kMargin; }
  void RepeatEnds() {
    std::fill_n(values_.data(), kMargin, data()[0]);
    std::fill_n(data() + count_, kMargin, data()[count_ - 1]);
  }

 private:
  std::size_t count_;
  std::vector<float> values_;
};

// One coarse row for a fine one: upsampled along columns.
void Between(const Taps& taps, const Plane& coarse, int fine_row, ScratchRow* out) {
  const auto rows = RowsOf(fine_row, coarse.shape().height);
  GetFitKernels().upsample_rows(taps, coarse.row(rows[0]), coarse.row(rows[1]), coarse.row(rows[2]),
                                coarse.row(rows[3]), out->data(),
                                static_cast<std::size_t>(coarse.shape().width));
  out->RepeatEnds();
}

std::size_t Strips(int height) {
  return static_cast<std::size_t>((height + kRowsAtOnce - 1) / kRowsAtOnce);
}

}  // namespace

void Upsample(const Networks& networks, int g, const std::vector<const Plane*>& coarse,
              const std::vector<Plane*>& fine, const Parallel& parallel) {
  const Taps taps = TapsOf(networks, g);
  const PlaneShape &from = coarse[0]->shape(), &to = fine[0]->shape();
  const std::size_t strips = Strips(to.height);
  const auto columns = static_cast<std::size_t>(from.width);
  parallel(coarse.size() * strips, [&](std::size_t item) {
    const std::size_t plane = item / strips;
    const int begin = static_cast<int>(item % strips) * kRowsAtOnce;
    ScratchRow between(columns);
    std::vector<float> out(2 * columns);
    for (int y = begin; y < std::min(to.height, begin + kRowsAtOnce); ++y) {
      Between(taps, *coarse[plane], y, &between);
      GetFitKernels().upsample_columns(taps, between.data(), out.data(), columns);
      std::memcpy(fine[plane]->row(y), out.data(),
                  static_cast<std::size_t>(to.width) * sizeof(float));
    }
  });
}

void UpsamplingGradient::Run(const Networks& networks, int g,
                             const std::vector<const Plane*>& coarse,
                             const std::vector<const Plane*>& d_fine,
                             const std::vector<Plane*>& d_coarse, Networks* gradients,
                             const Parallel& parallel) {
  const FitKernels& k = GetFitKernels();
  const Taps taps = TapsOf(networks, g);
  const PlaneShape &from = coarse[0]->shape(), &to = d_fine[0]->shape();
  const auto columns = static_cast<std::size_t>(from.width);
  const std::size_t planes = coarse.size(), strips = Strips(to.height);
  if (between_.size() < planes || between_[0].shape().width != from.width ||
      between_[0].shape().height != to.height) {
    between_.clear();
    for (std::size_t i = 0; i < planes; ++i)
      between_.emplace_back(PlaneShape(from.width, to.height));
  }
  std::vector<std::array<float, kTaps>> sums(planes * strips);
  // Along rows: each fine row gives a row of `between_`.
  parallel(planes * strips, [&](std::size_t item) {
    const std::size_t plane = item / strips;
    const int begin = static_cast<int>(item % strips) * kRowsAtOnce;
    ScratchRow between(columns), even(columns), odd(columns), d(columns);
    std::vector<float> fine_row(2 * columns);
    sums[item] = {};
    for (int y = begin; y < std::min(to.height, begin + kRowsAtOnce); ++y) {
      Between(taps, *coarse[plane], y, &between);
      std::memcpy(fine_row.data(), d_fine[plane]->row(y),
                  static_cast<std::size_t>(to.width) * sizeof(float));
      k.split(fine_row.data(), even.data(), odd.data(), columns);
      k.column_tap_gradient(even.data(), odd.data(), between.data(), sums[item].data(), columns);
      k.upsample_columns_gradient(taps, even.data(), odd.data(), d.data(), columns);
      // The ends had been repeated.
      float* row = d.data();
      row[0] += row[-1] + row[-2];
      row[columns - 1] += row[columns] + row[columns + 1];
      std::memcpy(between_[plane].row(y), row, columns * sizeof(float));
      const auto rows = RowsOf(y, from.height);
      const Plane& c = *coarse[plane];
      k.row_tap_gradient(row, c.row(rows[0]), c.row(rows[1]), c.row(rows[2]), c.row(rows[3]),
                         sums[item].data(), columns);
    }
  });
  // Along columns: a coarse row gathers from the fine rows it was seen in.
  const std::size_t coarse_strips = Strips(from.height);
  parallel(planes * coarse_strips, [&](std::size_t item) {
    const std::size_t plane = item / coarse_strips;
    const int begin = static_cast<int>(item % coarse_strips) * kRowsAtOnce;
    const int end = std::min(from.height, begin + kRowsAtOnce);
    const float by_row[4] = {taps.t0, taps.t2, taps.t3, taps.t1};
    for (int y = begin; y < end; ++y)
      std::fill_n(d_coarse[plane]->row(y), d_coarse[plane]->shape().stride, 0.0F);
    const int first = std::max(0, 2 * begin - 5), last = std::min(to.height - 1, 2 * end + 4);
    for (int n = first; n <= last; ++n) {
      const auto rows = RowsOf(n, from.height);
      for (std::size_t i = 0; i < 4; ++i) {
        if (rows[i] < begin || rows[i] >= end) continue;
        k.add_scaled(by_row[i], between_[plane].row(n), d_coarse[plane]->row(rows[i]), columns);
      }
    }
  });
  float* d_taps = gradients->of(kUpsamplingTaps) + g * kTaps;
  for (const auto& s : sums)
    for (std::size_t i = 0; i < kTaps; ++i) d_taps[i] += s[i];
}

}  // namespace halfmoon::overfitted
