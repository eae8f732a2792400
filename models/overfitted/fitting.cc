#include "models/overfitted/fitting.h"

#include <algorithm>
#include <cmath>
#include <numbers>

#include "models/overfitted/integer_decoder.h"
#include "models/overfitted/network_coder.h"
#include "models/overfitted/network_quantiser.h"

namespace halfmoon::overfitted {
namespace {

// The schedule, over the share of the iterations that is done. Up to kHardFrom everything is fitted
// with soft rounding, which becomes ever harder; then latents stay, and the networks learn what
// rounding made of them.
constexpr double kHardFrom = 0.95;
constexpr float kTemperature[2] = {0.35F, 0.08F};
constexpr float kNoise[2] = {0.25F, 0.12F};  // deviation, in steps of the latent
constexpr float kLatentRate = 0.16F;
constexpr float kLatentBeta1 = 0.7F, kLatentBeta2 = 0.95F;
constexpr float kNetworkRate = 0.01F;
constexpr float kHardNetworkRate = 0.001F;
constexpr float kClip = 0.5F;
// What comes of a fit depends on the initial networks: ends differ by up to 10 %, and what the
// first iterations reach foretells them. So several beginnings are tried, and the best one goes on.
constexpr int kStarts = 4;
constexpr int kStartLength = 50, kStartShare = 20;  // iterations, at most one of 20
// Far below any gradient that moves a latent: a picture's loss is a mean over its pixels.
constexpr float kLatentEpsilon = 1e-12F;

constexpr float kPeak = 255;

float Between(const float (&ends)[2], double weight_of_first) {
  return ends[1] + (ends[0] - ends[1]) * static_cast<float>(weight_of_first);
}

std::vector<float> Mean(std::span<const float> rgb) {
  double sums[kColours] = {};
  for (std::size_t i = 0; i < rgb.size(); ++i) sums[i % kColours] += static_cast<double>(rgb[i]);
  std::vector<float> mean;
  for (double s : sums)
    mean.push_back(static_cast<float>(s * kColours / static_cast<double>(rgb.size())));
  return mean;
}

}  // namespace

Fitting::Fitting(int width, int height, std::span<const float> rgb, const FitOptions& options)
    : options_(options),
      width_(width),
      height_(height),
      visible_width_(options.visible_width > 0 ? options.visible_width : width),
      visible_height_(options.visible_height > 0 ? options.visible_height : height),
      mean_(Mean(rgb)),
      starts_(options.iterations >= kStartShare ? kStarts : 1),
      start_length_(std::min(kStartLength, options.iterations / kStartShare)),
      length_(options.iterations - (starts_ - 1) * start_length_),
      synthesis_(PlaneShape(width, height)) {
  for (int g = 0; g < kGrids; ++g) {
    Grid& grid = grids_[static_cast<std::size_t>(g)];
    grid.shape = PlaneShape(GridSide(width, g), GridSide(height, g));
    for (Plane* p : {&grid.value, &grid.slope, &grid.d_value}) *p = Plane(grid.shape);
    for (int f = 0; f < kGrids - 1 - g; ++f) {
      grid.features.emplace_back(grid.shape);
      grid.d_features.emplace_back(grid.shape);
    }
  }
  for (std::size_t c = 0; c < kColours; ++c) {
    target_[c] = Plane(grids_[0].shape);
    for (int y = 0; y < height; ++y)
      for (int x = 0; x < width; ++x)
        target_[c].row(y)[x] = rgb[(static_cast<std::size_t>(y) * static_cast<std::size_t>(width) +
                                    static_cast<std::size_t>(x)) *
                                       kColours +
                                   c];
  }
  state_ = Begin(0);
  sums_.resize(Chunks(grids_[0].shape).count);
}

Fitting::State Fitting::Begin(int start) const {
  State state;
  state.networks = InitialNetworks(options_.seed + static_cast<std::uint32_t>(start),
                                   std::span<const float, kColours>(mean_));
  for (std::size_t g = 0; g < kGrids; ++g)
    for (Plane& p : state.latents[g]) p = Plane(grids_[g].shape);
  return state;
}

// `loss`: of the last iteration of a beginning.
void Fitting::EndOfStart(double loss) {
  if (!best_start_ || loss < best_start_loss_) {
    best_start_ = std::move(state_);
    best_start_loss_ = loss;
  }
  if (++start_ < starts_) {
    state_ = Begin(start_);
    iteration_ = 0;
  } else {
    state_ = *std::move(best_start_);
    best_start_.reset();
  }
}

double Fitting::Progress() const {
  return static_cast<double>(iteration_) / static_cast<double>(length_);
}

std::vector<const Plane*> Fitting::Stack(int g) const {
  const Grid& grid = grids_[static_cast<std::size_t>(g)];
  std::vector<const Plane*> stack = {&grid.value};
  for (const Plane& p : grid.features) stack.push_back(&p);
  return stack;
}

std::vector<Plane*> Fitting::GradientStack(int g) {
  Grid& grid = grids_[static_cast<std::size_t>(g)];
  std::vector<Plane*> stack = {&grid.d_value};
  for (Plane& p : grid.d_features) stack.push_back(&p);
  return stack;
}

void Fitting::Quantise(const Quantiser& quantiser, const Parallel& parallel) {
  constexpr int kRows = 64;
  for (std::size_t g = 0; g < kGrids; ++g) {
    Grid& grid = grids_[g];
    const Plane& latent = state_.latents[g][0];
    const int height = grid.shape.height;
    parallel(static_cast<std::size_t>((height + kRows - 1) / kRows), [&](std::size_t strip) {
      const int begin = static_cast<int>(strip) * kRows, end = std::min(height, begin + kRows);
      const std::size_t first = static_cast<std::size_t>(begin) * grid.shape.stride;
      const std::size_t count = static_cast<std::size_t>(end - begin) * grid.shape.stride;
      if (quantiser.hard) {
        for (std::size_t i = first; i < first + count; ++i)
          grid.value.at()[i] = std::nearbyint(latent.at()[i]);
      } else {
        // Another number for each iteration, grid and position.
        const std::uint32_t seed =
            (options_.seed + static_cast<std::uint32_t>(start_)) * 0x9E3779B9U +
            static_cast<std::uint32_t>(iteration_) * 0x85EBCA6BU +
            static_cast<std::uint32_t>(g) * 0xC2B2AE35U + static_cast<std::uint32_t>(first);
        GetFitKernels().soft_round(latent.at() + first, grid.value.at() + first,
                                   grid.slope.at() + first, count, quantiser.temperature,
                                   quantiser.noise, seed);
      }
      grid.value.ClearBeside(begin, end);
      grid.slope.ClearBeside(begin, end);
    });
  }
}

double Fitting::SquaredError(const ColourPlanes& picture, bool with_gradients,
                             const Parallel& parallel) {
  const double samples = VisiblePixels() * kColours;
  const auto width = static_cast<std::size_t>(width_);
  const auto visible = static_cast<std::size_t>(visible_width_);
  // Pixels are in [0, 1] here, lambda speaks of steps of 8 bits.
  const auto scale = static_cast<float>(options_.lambda * kPeak * kPeak * 2 / samples);
  std::vector<double> rows(static_cast<std::size_t>(height_));
  parallel(rows.size(), [&](std::size_t row) {
    const int y = static_cast<int>(row);
    std::vector<float> unused(with_gradients ? 0 : width);
    for (std::size_t c = 0; c < kColours; ++c) {
      float* d = with_gradients ? synthesis_.d_picture()[c].row(y) : unused.data();
      const std::size_t counted = y < visible_height_ ? visible : 0;
      if (counted > 0) {
        rows[row] +=
            GetFitKernels().squared_error(picture[c].row(y), target_[c].row(y), scale, d, counted);
      }
      std::fill(d + counted, d + width, 0.0F);
    }
  });
  double sum = 0;
  for (double r : rows) sum += r;
  return sum / samples * kPeak * kPeak;
}

double Fitting::SquaredError(const std::array<IntegerPlane, kColours>& decoded,
                             const Parallel& parallel) const {
  std::vector<double> rows(static_cast<std::size_t>(visible_height_));
  parallel(rows.size(), [&](std::size_t y) {
    for (std::size_t c = 0; c < kColours; ++c) {
      const std::int16_t* from = decoded[c].row(static_cast<int>(y));
      const float* target = target_[c].row(static_cast<int>(y));
      for (int x = 0; x < visible_width_; ++x) {
        const double d =
            static_cast<double>(from[x]) / (1 << kColourBits) - static_cast<double>(target[x]);
        rows[y] += d * d;
      }
    }
  });
  double sum = 0;
  for (double r : rows) sum += r;
  return sum / (VisiblePixels() * kColours) * kPeak * kPeak;
}

FitFigures Fitting::Pass(const Quantiser& quantiser, const Networks& networks, bool with_gradients,
                         const Parallel& parallel) {
  Quantise(quantiser, parallel);
  for (int g = kGrids - 2; g >= 0; --g) {
    std::vector<Plane*> fine;
    for (Plane& p : grids_[static_cast<std::size_t>(g)].features) fine.push_back(&p);
    Upsample(networks, g, Stack(g + 1), fine, parallel);
  }
  FitFigures figures;
  figures.squared_error =
      SquaredError(synthesis_.Forward(networks, Stack(0), parallel), with_gradients, parallel);
  entropy_.Prepare(networks);
  const auto scale = static_cast<float>(1.0 / VisiblePixels());
  if (with_gradients) {
    for (GradientSums& s : sums_) s.Clear();
    std::fill(gradients_.all().begin(), gradients_.all().end(), 0.0F);
    synthesis_.Backward(networks, Stack(0), GradientStack(0), &sums_, parallel);
  }
  for (int g = 0; g < kGrids; ++g) {
    Grid& grid = grids_[static_cast<std::size_t>(g)];
    GridView view;
    view.values = &grid.value;
    for (const Plane& p : grid.features) view.features.push_back(&p);
    if (!with_gradients) {
      figures.bits += entropy_.Bits(view, parallel);
      continue;
    }
    view.d_values = &grid.d_value;
    for (Plane& p : grid.d_features) view.d_features.push_back(&p);
    figures.bits += entropy_.BitsWithGradients(view, scale, &sums_, parallel);
    if (g + 1 == kGrids) continue;
    std::vector<const Plane*> d_fine(view.d_features.begin(), view.d_features.end());
    upsampling_.Run(networks, g, Stack(g + 1), d_fine, GradientStack(g + 1), &gradients_, parallel);
  }
  if (with_gradients)
    for (const GradientSums& s : sums_) s.AddTo(&gradients_);
  return figures;
}

void Fitting::UpdateLatents(float rate, const Parallel& parallel) {
  const auto step = static_cast<float>(iteration_ + 1);
  const AdamStep adam = {rate,
                         kLatentBeta1,
                         kLatentBeta2,
                         kLatentEpsilon,
                         1 / (1 - std::pow(kLatentBeta1, step)),
                         1 / (1 - std::pow(kLatentBeta2, step))};
  for (std::size_t g = 0; g < kGrids; ++g) {
    Grid& grid = grids_[g];
    auto& [latent, first, second] = state_.latents[g];
    const Chunks chunks(grid.shape);
    parallel(chunks.count, [&](std::size_t i) {
      const std::size_t begin = chunks.begin(i), end = chunks.end(i, grid.shape);
      // Beside the grid slopes are 0, and so latents stay 0.
      GetFitKernels().adam(adam, latent.at() + begin, grid.d_value.at() + begin,
                           grid.slope.at() + begin, first.at() + begin, second.at() + begin,
                           (end - begin + kGradientLanes - 1) / kGradientLanes * kGradientLanes);
    });
  }
}

FitFigures Fitting::Step(const Parallel& parallel) {
  const double progress = Progress();
  // The last one at the least.
  const bool hard = progress >= kHardFrom || iteration_ + 1 == length_;
  const double cosine =
      0.5 * (1 + std::cos(std::numbers::pi * std::min(1.0, progress / kHardFrom)));
  const Quantiser quantiser = {hard, Between(kTemperature, cosine), Between(kNoise, cosine)};
  if (hard && !steps_) {
    const double pixels = VisiblePixels();
    steps_ = ChooseSteps(state_.networks, 1 / pixels, [&](const Networks& n) {
      return Pass(quantiser, n, false, parallel).Loss(options_.lambda, pixels);
    });
  }
  // Gradients go straight through the rounding of networks.
  const FitFigures figures = Pass(quantiser, CurrentNetworks(), true, parallel);
  const auto falling = static_cast<float>(cosine);
  if (!hard) UpdateLatents(kLatentRate * falling, parallel);
  const float rate = hard ? kHardNetworkRate * static_cast<float>((1 - progress) / (1 - kHardFrom))
                          : kNetworkRate * falling;
  if (hard) KeepNetworks(figures);
  state_.optimiser.Step(gradients_, rate, kClip, &state_.networks);
  ++done_;
  ++iteration_;
  if (start_ < starts_ && iteration_ == start_length_)
    EndOfStart(figures.Loss(options_.lambda, VisiblePixels()));
  if (iteration_ == length_) state_.networks = best_networks_;
  return figures;
}

// Rounded networks get worse and better from iteration to iteration: the best ones count.
void Fitting::KeepNetworks(const FitFigures& figures) {
  const IntegerNetworks whole = RoundLike(*steps_, state_.networks);
  double bits = figures.bits;
  for (std::size_t t = 0; t < kTensorCount; ++t)
    bits += CostOf(whole.of(static_cast<TensorId>(t))).bits;
  const double loss =
      FitFigures{bits, figures.squared_error}.Loss(options_.lambda, VisiblePixels());
  if (best_networks_loss_ > 0 && loss >= best_networks_loss_) return;
  best_networks_loss_ = loss;
  best_networks_ = state_.networks;
}

Networks Fitting::CurrentNetworks() const {
  if (!steps_) return state_.networks;
  Networks rounded;
  RoundLike(*steps_, state_.networks).AddTo(&rounded);
  return rounded;
}

FitFigures Fitting::Measure(const Parallel& parallel) {
  return Pass({true, 0, 0}, CurrentNetworks(), false, parallel);
}

Result<Fitting::Fitted> Fitting::Finish(const Parallel& parallel) const {
  HALFMOON_ENSURE(steps_.has_value());
  LatentGrids grids(width_, height_);
  for (std::size_t g = 0; g < kGrids; ++g) {
    for (int y = 0; y < grids_[g].shape.height; ++y) {
      std::int16_t* to = grids.planes[g].row(y);
      const float* from = state_.latents[g][0].row(y);
      for (int x = 0; x < grids_[g].shape.width; ++x) {
        const long latent =
            std::clamp(std::lround(std::nearbyint(from[x])), -long{kMaxLatent}, long{kMaxLatent});
        to[x] = static_cast<std::int16_t>(latent * (1 << kLatentBits));
      }
    }
  }
  IntegerNetworks whole = RoundLike(*steps_, state_.networks);
  std::optional<Fitted> best;
  Status problem;
  for (int bits = 0; bits < kShifts; ++bits) {
    whole.set_hidden_bits(bits);
    const auto decoder = IntegerDecoder::Create(whole, options_.isa);
    if (!decoder.ok()) {  // other bits may do
      problem = decoder.status();
      continue;
    }
    const double error = SquaredError(decoder->Synthesise(grids, parallel), parallel);
    if (!best || error < best->squared_error) best = Fitted{whole, grids, error};
  }
  if (!best) return problem;
  return *std::move(best);
}

}  // namespace halfmoon::overfitted
