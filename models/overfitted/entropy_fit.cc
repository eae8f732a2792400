#include "models/overfitted/entropy_fit.h"

#include <algorithm>
#include <cstring>

namespace halfmoon::overfitted {
namespace {

constexpr auto kInputs = static_cast<std::size_t>(kContext);

// 1 where a position is in the grid, 0 between its rows and behind the last.
void FillMask(const PlaneShape& shape, std::size_t begin, std::size_t count, float* mask) {
  std::size_t column = begin % shape.stride;
  for (std::size_t i = 0; i < count; ++i) {
    mask[i] = column < static_cast<std::size_t>(shape.width) && begin + i < shape.count ? 1 : 0;
    if (++column == shape.stride) column = 0;
  }
}

std::ptrdiff_t Offset(const Neighbour& n, const PlaneShape& shape) {
  return n.rows * static_cast<std::ptrdiff_t>(shape.stride) + n.columns;
}

}  // namespace

// What is held of a block of latents; some 90 KB in all, of which a layer needs a third at a time.
struct EntropyFit::Block {
  alignas(64) float inputs[kInputs * kBlock];
  alignas(64) float hidden1[kInputs * kBlock];
  alignas(64) float hidden2[kInputs * kBlock];
  alignas(64) float out[2 * kBlock];
  alignas(64) float d_out[2 * kBlock];
  alignas(64) float d_hidden[kInputs * kBlock];
  alignas(64) float d_sum[kInputs * kBlock];
  alignas(64) float back[kInputs * kBlock];
  alignas(64) float value[kBlock];
  alignas(64) float mask[kBlock];
  alignas(64) float log_scale[kBlock];
};

void EntropyFit::Prepare(const Networks& networks) {
  networks_ = networks;
  back1_ = Transposed(networks, kEntropyWeight1);
  back2_ = Transposed(networks, kEntropyWeight2);
  back3_ = Transposed(networks, kEntropyWeight3);
}

double EntropyFit::Chunk(const GridView& grid, std::size_t begin, std::size_t end, float scale,
                         GradientSums* sums) const {
  const FitKernels& k = GetFitKernels();
  const PlaneShape& shape = grid.values->shape();
  const std::size_t neighbours = kNeighbours.size(), features = grid.features.size();
  Block b;
  // Features that this grid doesn't have.
  std::fill(b.inputs + (neighbours + features) * kBlock, b.inputs + kInputs * kBlock, 0.0F);
  double bits = 0;
  for (std::size_t p = begin; p < end; p += kBlock) {
    const std::size_t n = BlockCount(p, end);
    const float* values = grid.values->at() + p;
    for (std::size_t i = 0; i < neighbours; ++i)
      k.copy_rows(1, values + Offset(kNeighbours[i], shape), 0, b.inputs + i * kBlock, 0, n);
    for (std::size_t f = 0; f < features; ++f)
      k.copy_rows(1, grid.features[f]->at() + p, 0, b.inputs + (neighbours + f) * kBlock, 0, n);
    k.dense(kInputs, kInputs, networks_.of(kEntropyWeight1), networks_.of(kEntropyBias1), b.inputs,
            b.hidden1, n);
    k.relu(kInputs, b.hidden1, b.inputs, n);
    k.dense(kInputs, kInputs, networks_.of(kEntropyWeight2), networks_.of(kEntropyBias2), b.hidden1,
            b.hidden2, n);
    k.relu(kInputs, b.hidden2, b.hidden1, n);
    k.dense(2, kInputs, networks_.of(kEntropyWeight3), networks_.of(kEntropyBias3), b.hidden2,
            b.out, n);
    const float* raw = b.out + kBlock;
    for (std::size_t i = 0; i < n; ++i)
      b.log_scale[i] = std::clamp(raw[i], kLogScaleMin, kLogScaleMax);
    std::memcpy(b.value, values, n * sizeof(float));
    FillMask(shape, p, n, b.mask);
    bits += k.laplace({b.value, b.out, b.log_scale, b.mask, b.d_out, b.d_out + kBlock}, n);
    if (sums == nullptr) continue;

    // The mean's gradient is the value's, with the other sign.
    for (std::size_t i = 0; i < n; ++i) {
      const float d = scale * b.d_out[i];
      b.value[i] = d;
      b.d_out[i] = -d;
      b.d_out[kBlock + i] = raw[i] == b.log_scale[i] ? scale * b.d_out[kBlock + i] : 0.0F;
    }
    k.add_rows(1, b.value, 0, grid.d_values->at() + p, 0, n);
    k.weight_gradient(2, kInputs, b.d_out, b.hidden2, sums->of(kEntropyWeight3), n);
    k.bias_gradient(2, b.d_out, sums->of(kEntropyBias3), n);
    k.dense(kInputs, 2, back3_.data(), nullptr, b.d_out, b.d_hidden, n);

    k.relu_gradient(kInputs, b.hidden2, b.hidden1, b.d_hidden, b.d_sum, n);
    k.weight_gradient(kInputs, kInputs, b.d_sum, b.hidden1, sums->of(kEntropyWeight2), n);
    k.bias_gradient(kInputs, b.d_sum, sums->of(kEntropyBias2), n);
    k.dense(kInputs, kInputs, back2_.data(), nullptr, b.d_sum, b.back, n);
    k.add_rows(kInputs, b.back, kBlock, b.d_hidden, kBlock, n);

    k.relu_gradient(kInputs, b.hidden1, b.inputs, b.d_hidden, b.d_sum, n);
    k.weight_gradient(kInputs, kInputs, b.d_sum, b.inputs, sums->of(kEntropyWeight1), n);
    k.bias_gradient(kInputs, b.d_sum, sums->of(kEntropyBias1), n);
    k.dense(kInputs, kInputs, back1_.data(), nullptr, b.d_sum, b.back, n);
    k.add_rows(kInputs, b.back, kBlock, b.d_hidden, kBlock, n);
    for (std::size_t i = 0; i < neighbours; ++i)
      k.add_rows(1, b.d_hidden + i * kBlock, 0,
                 grid.d_values->at() + p + Offset(kNeighbours[i], shape), 0, n);
    for (std::size_t f = 0; f < features; ++f)
      k.add_rows(1, b.d_hidden + (neighbours + f) * kBlock, 0, grid.d_features[f]->at() + p, 0, n);
  }
  return bits;
}

double EntropyFit::Bits(const GridView& grid, const Parallel& parallel) const {
  const PlaneShape& shape = grid.values->shape();
  const Chunks chunks(shape);
  std::vector<double> bits(chunks.count);
  parallel(chunks.count, [&](std::size_t i) {
    bits[i] = Chunk(grid, chunks.begin(i), chunks.end(i, shape), 0, nullptr);
  });
  double total = 0;
  for (double b : bits) total += b;
  return total;
}

double EntropyFit::BitsWithGradients(const GridView& grid, float scale,
                                     std::vector<GradientSums>* sums,
                                     const Parallel& parallel) const {
  const PlaneShape& shape = grid.values->shape();
  const Chunks chunks(shape);
  std::vector<double> bits(chunks.count);
  // A chunk adds to gradients of neighbours that lie in the chunk before it, and of positions that
  // a last block overruns. So every second one at a time: in any order, the sums are the same.
  for (std::size_t parity = 0; parity < 2; ++parity) {
    parallel((chunks.count + 1 - parity) / 2, [&](std::size_t half) {
      const std::size_t i = 2 * half + parity;
      bits[i] = Chunk(grid, chunks.begin(i), chunks.end(i, shape), scale, &(*sums)[i]);
    });
  }
  double total = 0;
  for (double b : bits) total += b;
  return total;
}

}  // namespace halfmoon::overfitted
