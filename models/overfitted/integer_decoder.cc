#include "models/overfitted/integer_decoder.h"

#include <algorithm>
#include <cstring>
#include <string>

#include "bitstream/laplace_coder.h"

namespace halfmoon::overfitted {
namespace {

static_assert(1 << kMeanBits == laplace::kUnit);

// Scale index of a log-scale in 1 / 2^kMeanBits: laplace_coder.h, b = exp(index / 8 - 4.6).
constexpr std::int32_t kScaleOffset = 589 + 8;  // 4.6 * 128, and half a step
constexpr int kScaleShift = 4;                  // 128 / 8

constexpr std::size_t kMargin = 16;  // numbers beside a scratch row

std::int32_t PairOf(std::int16_t first, std::int16_t second) {
  return static_cast<std::int32_t>(
      (static_cast<std::uint32_t>(static_cast<std::uint16_t>(second)) << 16) |
      static_cast<std::uint16_t>(first));
}

const LayerBits& BitsOf(const std::array<LayerBits, 9>& layers, TensorId weight) {
  return *std::find_if(layers.begin(), layers.end(),
                       [&](const LayerBits& l) { return l.weight == weight; });
}

// The bias of an output in the unit of the sums, with the rounding of the shift behind it.
std::int32_t BiasOf(const IntegerNetworks& n, const LayerBits& bits, std::size_t output) {
  const int sum = n.shift(bits.weight) + bits.input, shift = sum - bits.output;
  std::int32_t bias = shift == 0 ? 0 : 1 << (shift - 1);
  if (bits.bias != bits.weight) bias += n.of(bits.bias)[output] * (1 << (sum - n.shift(bits.bias)));
  return bias;
}

PackedLayer Pack(const IntegerNetworks& n, TensorId weight, bool relu) {
  const auto layers = LayersOf(n.hidden_bits());
  const LayerBits& bits = BitsOf(layers, weight);
  const auto rows = static_cast<std::size_t>(kTensors[weight].rows);
  const auto columns = static_cast<std::size_t>(kTensors[weight].columns);
  PackedLayer layer;
  layer.outputs = rows;
  layer.pairs = (columns + 1) / 2;
  layer.shift = n.shift(weight) + bits.input - bits.output;
  layer.relu = relu;
  for (std::size_t row = 0; row < rows; ++row) {
    const auto w = n.of(weight).subspan(row * columns, columns);
    for (std::size_t i = 0; i < columns; i += 2)
      layer.weights.push_back(PairOf(w[i], i + 1 < columns ? w[i + 1] : std::int16_t{0}));
    layer.bias.push_back(BiasOf(n, bits, row));
  }
  return layer;
}

// Four taps for one output.
PackedLayer PackTaps(const IntegerNetworks& n, std::array<std::int16_t, kTaps> taps) {
  PackedLayer layer;
  layer.outputs = 1;
  layer.pairs = 2;
  layer.weights = {PairOf(taps[0], taps[1]), PairOf(taps[2], taps[3])};
  layer.shift = n.shift(kUpsamplingTaps);
  layer.bias = {layer.shift == 0 ? 0 : 1 << (layer.shift - 1)};
  return layer;
}

PackedEntropy PackEntropy(const IntegerNetworks& n) {
  PackedEntropy e;
  const auto layers = LayersOf(n.hidden_bits());
  const TensorId weights[3] = {kEntropyWeight1, kEntropyWeight2, kEntropyWeight3};
  for (std::size_t l = 0; l < 3; ++l) {
    const LayerBits& bits = BitsOf(layers, weights[l]);
    e.shift[l] = n.shift(bits.weight) + bits.input - bits.output;
    const auto rows = static_cast<std::size_t>(kTensors[bits.weight].rows);
    for (std::size_t row = 0; row < rows; ++row) {
      const auto w = n.of(bits.weight).subspan(row * kContext, kContext);
      for (std::size_t k = 0; k < kContextPairs; ++k)
        e.weights[l][k][row] = PairOf(w[2 * k], w[2 * k + 1]);
      e.bias[l][row] = BiasOf(n, bits, row);
    }
  }
  return e;
}

// A row with margins, for kernels.
class ScratchRow {
 public:
  explicit ScratchRow(int count)
      : count_(static_cast<std::size_t>(count)), values_(count_ + 2 * kMargin + kRowSlack) {}
  std::int16_t* data() { return values_.data() + kMargin; }
  void RepeatEnds() {
    std::fill_n(values_.data(), kMargin, data()[0]);
    std::fill_n(data() + count_, kMargin, data()[count_ - 1]);
  }

 private:
  std::size_t count_;
  std::vector<std::int16_t> values_;
};

constexpr int kRowsAtOnce = 32;

// Calls work(from, to) for strips of rows.
void ForStrips(int height, const Parallel& parallel, const std::function<void(int, int)>& work) {
  parallel(static_cast<std::size_t>((height + kRowsAtOnce - 1) / kRowsAtOnce), [&](std::size_t i) {
    const int from = static_cast<int>(i) * kRowsAtOnce;
    work(from, std::min(height, from + kRowsAtOnce));
  });
}

}  // namespace

Result<IntegerDecoder> IntegerDecoder::Create(const IntegerNetworks& networks, runtime::Isa isa) {
  HALFMOON_RETURN_IF_ERROR(networks.Check());
  IntegerDecoder d;
  d.networks_ = networks;
  d.kernels_ = &IntegerKernelsFor(isa);
  d.entropy_ = PackEntropy(networks);
  d.hidden_ = Pack(networks, kSynthesisWeight1, true);
  d.colours_ = Pack(networks, kSynthesisWeight2, false);
  d.linear_ = Pack(networks, kLinearWeight, false);
  d.filter1_ = Pack(networks, kFilterWeight1, true);
  d.filter2_ = Pack(networks, kFilterWeight2, false);
  for (std::size_t g = 0; g + 1 < kGrids; ++g) {
    const auto t = networks.of(kUpsamplingTaps).subspan(g * kTaps, kTaps);
    d.upsampling_[g] = {PackTaps(networks, {t[0], t[2], t[3], t[1]}),
                        PackTaps(networks, {t[1], t[3], t[2], t[0]})};
  }
  return d;
}

// Rows [from, to) of `fine`, a plane of grid g. Beyond the edges the outermost numbers repeat.
void IntegerDecoder::Upsample(int g, const IntegerPlane& coarse, IntegerPlane* fine, int from,
                              int to) const {
  const Upsampling& taps = upsampling_[static_cast<std::size_t>(g)];
  const auto columns = static_cast<std::size_t>(coarse.width());
  ScratchRow between(coarse.width()), even(coarse.width()), odd(coarse.width()),
      both(2 * coarse.width());
  const auto row_at = [&](int y) { return coarse.row(std::clamp(y, 0, coarse.height() - 1)); };
  for (int y = from; y < to; ++y) {
    const int m = y / 2, step = y % 2 == 0 ? 1 : -1;
    const std::int16_t* rows[4] = {row_at(m - 2 * step), row_at(m - step), row_at(m),
                                   row_at(m + step)};
    std::int16_t* out = between.data();
    kernels_->layer(taps.forth, rows, nullptr, &out, columns);
    between.RepeatEnds();
    const std::int16_t* at = between.data();
    const std::int16_t* even_in[4] = {at - 2, at - 1, at, at + 1};
    const std::int16_t* odd_in[4] = {at - 1, at, at + 1, at + 2};
    out = even.data();
    kernels_->layer(taps.forth, even_in, nullptr, &out, columns);
    out = odd.data();
    kernels_->layer(taps.back, odd_in, nullptr, &out, columns);
    kernels_->interleave(even.data(), odd.data(), both.data(), columns);
    fine->SetRow(y, both.data());
  }
}

template <typename Visit>
Status IntegerDecoder::Walk(LatentGrids* grids, Visit visit) const {
  constexpr std::size_t kNeighbourCount = kNeighbours.size();
  std::vector<IntegerPlane> features;  // of the grid in work, the next coarser one's first
  for (int g = kGrids - 1; g >= 0; --g) {
    IntegerPlane& plane = grids->planes[static_cast<std::size_t>(g)];
    if (g + 1 < kGrids) {
      std::vector<IntegerPlane> finer;
      const auto upsampled = [&](const IntegerPlane& coarse) {
        IntegerPlane fine(plane.width(), plane.height());
        Upsample(g, coarse, &fine, 0, plane.height());
        return fine;
      };
      finer.push_back(upsampled(grids->planes[static_cast<std::size_t>(g) + 1]));
      for (const IntegerPlane& f : features) finer.push_back(upsampled(f));
      features = std::move(finer);
    }
    alignas(64) std::int16_t context[kPackedWidth] = {};
    for (int y = 0; y < plane.height(); ++y) {
      std::int16_t* row = plane.row(y);
      const std::int16_t *above1 = plane.row(y - 1), *above2 = plane.row(y - 2),
                         *above3 = plane.row(y - 3);
      for (int x = 0; x < plane.width(); ++x) {
        context[0] = row[x - 1];
        context[1] = row[x - 2];
        context[2] = row[x - 3];
        std::memcpy(context + 3, above1 + x - 3, 7 * sizeof(context[0]));
        std::memcpy(context + 10, above2 + x - 1, 3 * sizeof(context[0]));
        context[13] = above3[x];
        for (std::size_t f = 0; f < features.size(); ++f)
          context[kNeighbourCount + f] = features[f].row(y)[x];
        std::int32_t out[2];
        kernels_->entropy(entropy_, context, out);
        // A mean beyond every latent is as good as one at their end.
        const std::int32_t mean = std::clamp(out[0], -65536, 65535);
        const int scale =
            std::clamp((std::clamp(out[1], -65536, 65535) + kScaleOffset) >> kScaleShift, 0,
                       laplace::kScales - 1);
        HALFMOON_RETURN_IF_ERROR(visit(scale, mean, &row[x]));
      }
    }
  }
  return Status::Ok();
}

// The order of kNeighbours that Walk relies on.
static_assert(kNeighbours[0].columns == -1 && kNeighbours[2].columns == -3 &&
              kNeighbours[3].rows == -1 && kNeighbours[3].columns == -3 &&
              kNeighbours[9].columns == 3 && kNeighbours[10].rows == -2 &&
              kNeighbours[10].columns == -1 && kNeighbours[12].columns == 1 &&
              kNeighbours[13].rows == -3 && kNeighbours[13].columns == 0);

Result<std::vector<std::uint8_t>> IntegerDecoder::Encode(const LatentGrids& grids,
                                                         double* bits) const {
  LaplaceEncoder coder;
  LatentGrids copy = grids;
  HALFMOON_RETURN_IF_ERROR(Walk(&copy, [&](int scale, std::int32_t mean, std::int16_t* number) {
    coder.Append(scale, mean, *number >> kLatentBits);
    return Status::Ok();
  }));
  if (bits != nullptr) *bits = static_cast<double>(coder.CostQ16()) / 65536;
  return coder.Finish();
}

Result<LatentGrids> IntegerDecoder::Decode(std::span<const std::uint8_t> stream, int width,
                                           int height) const {
  HALFMOON_ASSIGN_OR_RETURN(LaplaceDecoder coder,
                            LaplaceDecoder::Create(stream, LatentCount(width, height)));
  LatentGrids grids(width, height);
  HALFMOON_RETURN_IF_ERROR(
      Walk(&grids, [&](int scale, std::int32_t mean, std::int16_t* number) -> Status {
        const std::optional<std::int32_t> latent = coder.Decode(scale, mean);
        if (!latent) return coder.status();
        if (*latent < -kMaxLatent || *latent > kMaxLatent) {
          return {StatusCode::kCorrupt,
                  "latent " + std::to_string(*latent) +
                      " is out of range; the file is damaged, get a fresh copy"};
        }
        *number = static_cast<std::int16_t>(*latent * (1 << kLatentBits));
        return Status::Ok();
      }));
  HALFMOON_RETURN_IF_ERROR(coder.Finish());
  return grids;
}

void IntegerDecoder::Filter(const PackedLayer& layer, const std::array<IntegerPlane, kColours>& in,
                            std::array<IntegerPlane, kColours>* out, int from, int to) const {
  const int width = in[0].width();
  std::array<ScratchRow, kColours> rows = {ScratchRow(width), ScratchRow(width), ScratchRow(width)};
  std::int16_t* outs[kColours] = {rows[0].data(), rows[1].data(), rows[2].data()};
  for (int y = from; y < to; ++y) {
    const std::int16_t* ins[kKernel + 1];
    const std::int16_t* residual[kColours];
    for (std::size_t c = 0; c < kColours; ++c) {
      residual[c] = in[c].row(y);
      for (int k = 0; k < 9; ++k)
        ins[c * 9 + static_cast<std::size_t>(k)] = in[c].row(y + k / 3 - 1) + k % 3 - 1;
    }
    ins[kKernel] = ins[0];  // times 0
    kernels_->layer(layer, ins, residual, outs, static_cast<std::size_t>(width));
    for (std::size_t c = 0; c < kColours; ++c) (*out)[c].SetRow(y, outs[c]);
  }
}

std::array<IntegerPlane, kColours> IntegerDecoder::Synthesise(const LatentGrids& grids,
                                                              const Parallel& parallel) const {
  // The stack, from coarse to fine: the finest plane last in grids, the coarser ones behind it.
  std::vector<IntegerPlane> stack;
  for (int g = kGrids - 2; g >= 0; --g) {
    const IntegerPlane& plane = grids.planes[static_cast<std::size_t>(g)];
    std::vector<const IntegerPlane*> coarse = {&grids.planes[static_cast<std::size_t>(g) + 1]};
    for (const IntegerPlane& p : stack) coarse.push_back(&p);
    std::vector<IntegerPlane> finer;
    for (std::size_t i = 0; i < coarse.size(); ++i)
      finer.emplace_back(plane.width(), plane.height());
    ForStrips(plane.height(), parallel, [&](int from, int to) {
      for (std::size_t i = 0; i < coarse.size(); ++i) Upsample(g, *coarse[i], &finer[i], from, to);
    });
    stack = std::move(finer);
  }

  const int width = grids.width, height = grids.height;
  std::array<IntegerPlane, kColours> mixed, filtered;
  for (IntegerPlane& p : mixed) p = IntegerPlane(width, height);
  for (IntegerPlane& p : filtered) p = IntegerPlane(width, height);
  ForStrips(height, parallel, [&](int from, int to) {
    std::vector<ScratchRow> hidden(kSynthesisWidth, ScratchRow(width));
    std::vector<ScratchRow> linear(kColours, ScratchRow(width)), out(kColours, ScratchRow(width));
    std::vector<std::int16_t*> hidden_rows, linear_rows, out_rows;
    for (ScratchRow& r : hidden) hidden_rows.push_back(r.data());
    for (ScratchRow& r : linear) linear_rows.push_back(r.data());
    for (ScratchRow& r : out) out_rows.push_back(r.data());
    const std::vector<const std::int16_t*> hidden_in(hidden_rows.begin(), hidden_rows.end());
    const std::vector<const std::int16_t*> residual(linear_rows.begin(), linear_rows.end());
    for (int y = from; y < to; ++y) {
      const std::int16_t* in[kGrids + 1];
      in[0] = grids.planes[0].row(y);
      for (std::size_t i = 0; i + 1 < kGrids; ++i) in[i + 1] = stack[i].row(y);
      in[kGrids] = in[0];  // times 0
      const auto count = static_cast<std::size_t>(width);
      kernels_->layer(linear_, in, nullptr, linear_rows.data(), count);
      kernels_->layer(hidden_, in, nullptr, hidden_rows.data(), count);
      kernels_->layer(colours_, hidden_in.data(), residual.data(), out_rows.data(), count);
      for (std::size_t c = 0; c < kColours; ++c) mixed[c].SetRow(y, out_rows[c]);
    }
  });
  for (IntegerPlane& p : mixed) p.RepeatEdges();
  ForStrips(height, parallel,
            [&](int from, int to) { Filter(filter1_, mixed, &filtered, from, to); });
  for (IntegerPlane& p : filtered) p.RepeatEdges();
  ForStrips(height, parallel,
            [&](int from, int to) { Filter(filter2_, filtered, &mixed, from, to); });
  return mixed;
}

}  // namespace halfmoon::overfitted
