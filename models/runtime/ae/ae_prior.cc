#include "models/runtime/ae/ae_prior.h"

#include <algorithm>
#include <array>
#include <cstring>
#include <limits>
#include <new>
#include <string>
#include <utility>

#include "models/runtime/layers/int_conv.h"
#include "models/runtime/layers/parallel.h"

namespace halfmoon::runtime {
namespace {

// Positions of one class that a worker takes through a, b and c at once, so that no layer's output
// leaves the caches. The size as in int_conv.cc.
constexpr std::size_t kBlock = 24;
static_assert(kBlock % kRowMultiple == 0);

Status Corrupt(const std::string& what) {
  return {StatusCode::kModelCorrupt, what + "; fetch the model again or export it again"};
}

std::size_t Size(std::int64_t value) { return static_cast<std::size_t>(value); }

// What a checked configuration holds.
int Int(std::int64_t value) { return static_cast<int>(value); }

std::int16_t Saturate(std::int64_t value) {
  return static_cast<std::int16_t>(
      std::clamp<std::int64_t>(value, -kActivationBound, kActivationBound));
}

Result<IntLayer> LoadLayer(const WeightsFile& file, const LayerSpec& spec,
                           std::span<const int> rows = {}) {
  HALFMOON_ASSIGN_OR_RETURN(const LayerTensors tensors, LoadLayerTensors(file, spec));
  return IntLayer::Pack(tensors, rows);
}

constexpr int kReluMax = kActivationBound;

}  // namespace

// --- The networks ----------------------------------------------------------------------------

struct AePrior::Impl {
  struct Pass {
    std::optional<IntLayer> d;  // k >= 1
    std::optional<IntLayer> a;  // segments: f, and for k >= 1 X's four groups and d
    std::optional<IntLayer> b;
    std::array<std::optional<IntLayer>, 4> c;  // per group: M/4 table indices, then M/4 means
  };

  AeConfig config;
  int scales = 0;  // T
  Isa isa = Isa::kScalar;
  std::optional<IntLayer> h0, h1, h2, h3;
  std::array<Pass, kAePasses> passes;
  std::optional<CdfTables> tables;
  std::optional<DependentTables> dependent;
  std::vector<std::uint8_t> z_table;  // [levels][Nz]
  std::vector<std::int16_t> z_mean;
  std::int64_t parameters = 0;

  Status ReadTables(const WeightsFile& file);
  Status ReadDependent(const WeightsFile& file, int count);
  Status ReadHyper(const WeightsFile& file);
  Status ReadPass(const WeightsFile& file, int k);
};

Status AePrior::Impl::ReadTables(const WeightsFile& file) {
  HALFMOON_ASSIGN_OR_RETURN(const TensorView sizes,
                            file.Get("tables.sizes", DType::kI32, {kAnySize}));
  const std::int64_t count = sizes.shape[0];
  if (count < 1 || count > 256) {
    return Corrupt("tensor \"tables.sizes\" names " + std::to_string(count) +
                   " tables, expected 1..256");
  }
  HALFMOON_ASSIGN_OR_RETURN(const TensorView offsets,
                            file.Get("tables.offsets", DType::kI32, {count}));
  HALFMOON_ASSIGN_OR_RETURN(const TensorView frequencies,
                            file.Get("tables.frequencies", DType::kI32, {kAnySize}));
  auto made = CdfTables::Create(sizes.Values<std::int32_t>(), offsets.Values<std::int32_t>(),
                                frequencies.Values<std::int32_t>());
  if (made.status().code() == StatusCode::kOutOfMemory) return made.status();
  if (!made.ok()) return Corrupt("tensors \"tables.*\": " + made.status().message());
  tables.emplace(std::move(made).value());
  scales = static_cast<int>(count);
  if (file.Has("tables.dependent"))
    HALFMOON_RETURN_IF_ERROR(ReadDependent(file, static_cast<int>(count)));

  HALFMOON_ASSIGN_OR_RETURN(
      const TensorView table,
      file.Get("prior.z_table", DType::kU8, {AeConfig::kLevels, config.hyper_channels}));
  HALFMOON_ASSIGN_OR_RETURN(
      const TensorView mean,
      file.Get("prior.z_mean", DType::kI16, {AeConfig::kLevels, config.hyper_channels}));
  z_table = table.Values<std::uint8_t>();
  z_mean = mean.Values<std::int16_t>();
  for (std::size_t i = 0; i < z_table.size(); ++i) {
    const std::string where = " at level " + std::to_string(i / Size(config.hyper_channels)) +
                              ", channel " + std::to_string(i % Size(config.hyper_channels));
    if (z_table[i] >= scales) {
      return Corrupt("tensor \"prior.z_table\" has " + std::to_string(z_table[i]) + where +
                     ", there are " + std::to_string(scales) + " tables");
    }
    if (z_mean[i] < -kActivationBound || z_mean[i] > kActivationBound) {
      return Corrupt("tensor \"prior.z_mean\" has " + std::to_string(z_mean[i]) + where +
                     ", expected -4095..4095");
    }
  }
  return Status::Ok();
}

Status AePrior::Impl::ReadDependent(const WeightsFile& file, int count) {
  HALFMOON_ASSIGN_OR_RETURN(const TensorView tensor,
                            file.Get("tables.dependent", DType::kI32, {2}));
  const std::vector<std::int32_t> values = tensor.Values<std::int32_t>();
  const std::int64_t first = values[0], half_step = values[1];
  // count = scales + 2 (scales - first)
  const std::int64_t thrice = count + 2 * first;
  if (first < 0 || first >= count || thrice % 3 != 0) {
    return Corrupt("tensor \"tables.dependent\": with " + std::to_string(count) +
                   " tables scale indexes can't be dependent from " + std::to_string(first) +
                   " on");
  }
  if (half_step < 1 || half_step > kAeStep) {
    return Corrupt("tensor \"tables.dependent\" has a half step of " + std::to_string(half_step) +
                   ", expected 1.." + std::to_string(kAeStep));
  }
  scales = static_cast<int>(thrice / 3);
  dependent = {
      .scales = scales, .first = static_cast<int>(first), .half_step = static_cast<int>(half_step)};
  static_assert(DependentTables::kStep == kAeStep);
  return Status::Ok();
}

Status AePrior::Impl::ReadHyper(const WeightsFile& file) {
  const int bound = kActivationBound;
  const int z = Int(config.hyper_channels), hidden0 = Int(config.prior_h0),
            hidden1 = Int(config.prior_h1), features = Int(config.prior_features);
  HALFMOON_ASSIGN_OR_RETURN(h0, LoadLayer(file, {.name = "prior.h0",
                                                 .kernel = 3,
                                                 .levels = AeConfig::kLevels,
                                                 .inputs = {{z, bound}},
                                                 .outputs = {{hidden0, 0, kReluMax}}}));
  HALFMOON_ASSIGN_OR_RETURN(h1, LoadLayer(file,
                                          {.name = "prior.h1",
                                           .levels = AeConfig::kLevels,
                                           .inputs = {{hidden0, bound}},
                                           .outputs = {{4 * hidden1, 0, kReluMax}}},
                                          PixelShuffleRows(4 * hidden1)));
  HALFMOON_ASSIGN_OR_RETURN(h2, LoadLayer(file, {.name = "prior.h2",
                                                 .kernel = 3,
                                                 .levels = AeConfig::kLevels,
                                                 .inputs = {{hidden1, bound}},
                                                 .outputs = {{hidden1, 0, kReluMax}}}));
  HALFMOON_ASSIGN_OR_RETURN(h3, LoadLayer(file,
                                          {.name = "prior.h3",
                                           .levels = AeConfig::kLevels,
                                           .inputs = {{hidden1, bound}},
                                           .outputs = {{4 * features, 0, kReluMax}}},
                                          PixelShuffleRows(4 * features)));
  return Status::Ok();
}

Status AePrior::Impl::ReadPass(const WeightsFile& file, int k) {
  const int bound = kActivationBound;
  const int m = Int(config.latent_channels), features = Int(config.prior_features),
            hidden = Int(config.prior_hidden);
  const std::string number = std::to_string(k);
  Pass& pass = passes[Size(k)];
  std::vector<InputSegment> inputs = {{features, bound}};
  if (k > 0) {
    HALFMOON_ASSIGN_OR_RETURN(pass.d, LoadLayer(file, {.name = "prior.d" + number,
                                                       .kernel = 3,
                                                       .depthwise = true,
                                                       .levels = AeConfig::kLevels,
                                                       .inputs = {{m, bound}},
                                                       .outputs = {{m, -bound, bound}}}));
    // X in its four groups, so that groups not decoded yet (all 0) can be skipped, and d.
    inputs.insert(inputs.end(), 4, {m / 4, bound});
    inputs.push_back({m, bound});
  }
  HALFMOON_ASSIGN_OR_RETURN(pass.a, LoadLayer(file, {.name = "prior.a" + number,
                                                     .levels = AeConfig::kLevels,
                                                     .inputs = inputs,
                                                     .outputs = {{hidden, 0, kReluMax}}}));
  HALFMOON_ASSIGN_OR_RETURN(pass.b, LoadLayer(file, {.name = "prior.b" + number,
                                                     .levels = AeConfig::kLevels,
                                                     .inputs = {{hidden, bound}},
                                                     .outputs = {{hidden, 0, kReluMax}}}));
  HALFMOON_ASSIGN_OR_RETURN(
      const LayerTensors c,
      LoadLayerTensors(file, {.name = "prior.c" + number,
                              .levels = AeConfig::kLevels,
                              .inputs = {{hidden, bound}},
                              .outputs = {{m, 0, scales - 1}, {m, -bound, bound}}}));
  for (int group = 0; group < 4; ++group) {
    std::vector<int> rows(Size(m / 2));
    for (int i = 0; i < m / 4; ++i) {
      rows[Size(i)] = group * (m / 4) + i;
      rows[Size(m / 4 + i)] = m + group * (m / 4) + i;
    }
    pass.c[Size(group)] = IntLayer::Pack(c, rows);
  }
  return Status::Ok();
}

Result<AePrior> AePrior::Load(const WeightsFile& file, const AeConfig& config,
                              std::optional<Isa> isa) {
  try {
    auto impl = std::make_shared<Impl>();
    HALFMOON_ASSIGN_OR_RETURN(impl->isa, ChooseIsa(isa));
    impl->config = config;
    HALFMOON_RETURN_IF_ERROR(impl->ReadTables(file));
    HALFMOON_RETURN_IF_ERROR(impl->ReadHyper(file));
    for (int k = 0; k < kAePasses; ++k) HALFMOON_RETURN_IF_ERROR(impl->ReadPass(file, k));
    for (const std::string& name : file.names()) {
      if (!name.starts_with("prior.")) continue;
      HALFMOON_ASSIGN_OR_RETURN(const TensorView tensor, file.Get(name));
      impl->parameters += static_cast<std::int64_t>(tensor.element_count());
    }
    return AePrior(std::move(impl));
  } catch (const std::bad_alloc&) {
    return Status(StatusCode::kOutOfMemory, "not enough memory to load the prior");
  }
}

const AeConfig& AePrior::config() const { return impl_->config; }
int AePrior::scales() const { return impl_->scales; }
Isa AePrior::isa() const { return impl_->isa; }
const CdfTables& AePrior::tables() const { return *impl_->tables; }
const DependentTables* AePrior::dependent_tables() const {
  return impl_->dependent ? &*impl_->dependent : nullptr;
}

std::span<const std::uint8_t> AePrior::z_table(int level) const {
  const std::size_t n = Size(config().hyper_channels);
  return std::span(impl_->z_table).subspan(Size(level) * n, n);
}

std::span<const std::int16_t> AePrior::z_mean(int level) const {
  const std::size_t n = Size(config().hyper_channels);
  return std::span(impl_->z_mean).subspan(Size(level) * n, n);
}

std::int64_t AePrior::parameter_count() const { return impl_->parameters; }

// --- One tile --------------------------------------------------------------------------------

struct AePriorTile::State {
  std::shared_ptr<const AePrior::Impl> prior;
  const Kernels* kernels = nullptr;
  int level = 0;
  int h64 = 0;
  int w64 = 0;
  int threads = 1;

  bool has_hyper = false;
  int next_pass = 0;
  bool predicted = false;  // of next_pass

  std::size_t x_stride = 0;         // M rounded up to whole panels, for the depthwise kernel
  std::vector<std::int16_t> f;      // [h16][w16][F]
  std::vector<std::int16_t> x;      // [h16][w16][x_stride]: Y clamped, 0 where not decoded
  std::vector<std::int16_t> zeros;  // [x_stride]: what lies outside
  std::vector<std::int32_t> y;      // [h16][w16][M]
  std::vector<std::int16_t> mean;   // [h16][w16][M/4] of the predicted pass

  // Scratch of one worker in PredictPass.
  struct Scratch {
    std::vector<std::int16_t> rows, d, hidden_a, hidden_b, result;
  };
  std::vector<Scratch> scratch;

  std::size_t h16() const { return 4 * Size(h64); }
  std::size_t w16() const { return 4 * Size(w64); }
  std::size_t positions() const { return h16() * w16(); }

  Status Allocate();
  Status RunHyper(std::span<const std::int32_t> symbols);
  void PredictBlock(int k, int position_class, std::size_t first, std::size_t count, Scratch& s,
                    std::span<std::uint8_t> table_index, std::span<std::int16_t> mean_out);
  void GatherContext(const AePrior::Impl::Pass& pass, int k, int position_class, std::size_t row,
                     std::size_t column, std::int16_t* out, Scratch& s) const;
};

namespace {

// Row and column of the j-th position of a class (2 * (row & 1) + (column & 1)).
struct Place {
  std::size_t row;
  std::size_t column;
};
Place PlaceInClass(int position_class, std::size_t j, std::size_t width) {
  const std::size_t half = width / 2;
  return {j / half * 2 + Size(position_class / 2), j % half * 2 + Size(position_class % 2)};
}

}  // namespace

Status AePriorTile::State::Allocate() {
  const AeConfig& n = prior->config;
  const std::size_t m = Size(n.latent_channels);
  x_stride = (m + kPanel - 1) / kPanel * kPanel;
  f.assign(positions() * Size(n.prior_features), 0);
  x.assign(positions() * x_stride, 0);
  zeros.assign(x_stride, 0);
  y.assign(positions() * m, 0);
  mean.assign(positions() * (m / 4), 0);
  const std::size_t blocks = 4 * ((positions() / 4 + kBlock - 1) / kBlock);
  scratch.resize(Workers(threads, blocks));
  std::size_t row_stride = 0;
  std::size_t out_stride = 0;
  for (const auto& pass : prior->passes) {
    row_stride = std::max(row_stride, pass.a->row_stride());
    for (const auto& c : pass.c) out_stride = std::max(out_stride, c->out_stride());
  }
  for (Scratch& s : scratch) {
    s.rows.assign(kBlock * row_stride, 0);
    s.d.assign(x_stride, 0);
    s.hidden_a.assign(kBlock * prior->passes[0].a->out_stride(), 0);
    s.hidden_b.assign(kBlock * prior->passes[0].b->out_stride(), 0);
    s.result.assign(kBlock * out_stride, 0);
  }
  return Status::Ok();
}

Status AePriorTile::State::RunHyper(std::span<const std::int32_t> symbols) {
  const AeConfig& n = prior->config;
  const std::size_t nz = Size(n.hyper_channels);
  const std::int16_t* z_mean = prior->z_mean.data() + Size(level) * nz;
  const std::size_t h = Size(h64);
  const std::size_t w = Size(w64);
  std::vector<std::int16_t> z(symbols.size());
  for (std::size_t i = 0; i < symbols.size(); ++i) {
    z[i] = Saturate(std::int64_t{kAeStep} * symbols[i] + z_mean[i % nz]);
  }
  const std::size_t hidden1 = Size(n.prior_h1);
  std::vector<std::int16_t> u0(h * w * Size(n.prior_h0));
  std::vector<std::int16_t> u1(4 * h * w * hidden1);
  std::vector<std::int16_t> u2(4 * h * w * hidden1);
  HALFMOON_RETURN_IF_ERROR(
      RunLayer(*prior->h0, *kernels, level, z, h, w, OutputLayout::kPlain, threads, u0));
  HALFMOON_RETURN_IF_ERROR(
      RunLayer(*prior->h1, *kernels, level, u0, h, w, OutputLayout::kPixelShuffle2, threads, u1));
  HALFMOON_RETURN_IF_ERROR(
      RunLayer(*prior->h2, *kernels, level, u1, 2 * h, 2 * w, OutputLayout::kPlain, threads, u2));
  return RunLayer(*prior->h3, *kernels, level, u2, 2 * h, 2 * w, OutputLayout::kPixelShuffle2,
                  threads, f);
}

// Fills one row of a{k}'s inputs: f, the decoded groups of X, d. Only the segments that
// PredictBlock lists as runs, in that order.
void AePriorTile::State::GatherContext(const AePrior::Impl::Pass& pass, int k, int position_class,
                                       std::size_t row, std::size_t column, std::int16_t* out,
                                       Scratch& s) const {
  const AeConfig& n = prior->config;
  const std::size_t position = row * w16() + column;
  const std::size_t features = Size(n.prior_features);
  std::memcpy(out, f.data() + position * features, features * sizeof(*out));
  out += pass.a->segment(0).count * 2;
  if (k == 0) return;

  const std::size_t m = Size(n.latent_channels);
  const std::int16_t* here = x.data() + position * x_stride;
  for (int group = 0; group < 4; ++group) {
    bool decoded = false;
    for (int j = 0; j < k; ++j) {
      decoded |= GroupOf(j, position_class / 2, position_class % 2) == group;
    }
    if (!decoded) continue;
    std::memcpy(out, here + Size(group) * (m / 4), m / 4 * sizeof(*out));
    out += pass.a->segment(1 + Size(group)).count * 2;
  }

  const std::int16_t* taps[9];
  for (std::size_t tap = 0; tap < 9; ++tap) {
    const std::size_t r = row + tap / 3;  // one too large, as is c
    const std::size_t c = column + tap % 3;
    const bool inside = r >= 1 && r <= h16() && c >= 1 && c <= w16();
    taps[tap] = inside ? x.data() + ((r - 1) * w16() + (c - 1)) * x_stride : zeros.data();
  }
  pass.d->Depthwise(*kernels, level, taps, s.d.data());
  std::memcpy(out, s.d.data(), m * sizeof(*out));
}

// Positions [first, first + count) of a class, through gather, a, b and c.
void AePriorTile::State::PredictBlock(int k, int position_class, std::size_t first,
                                      std::size_t count, Scratch& s,
                                      std::span<std::uint8_t> table_index,
                                      std::span<std::int16_t> mean_out) {
  const AePrior::Impl::Pass& pass = prior->passes[Size(k)];
  const IntLayer& a = *pass.a;
  std::array<PairRun, 6> runs;
  std::size_t run_count = 0;
  std::size_t pairs = 0;
  const auto add_run = [&](const PairRun& run) {
    runs[run_count++] = run;
    pairs += run.count;
  };
  add_run(a.segment(0));
  if (k > 0) {
    std::array<bool, 4> decoded{};
    for (int j = 0; j < k; ++j) {
      decoded[Size(GroupOf(j, position_class / 2, position_class % 2))] = true;
    }
    for (std::size_t group = 0; group < 4; ++group) {
      if (decoded[group]) add_run(a.segment(1 + group));
    }
    add_run(a.segment(5));
  }
  const std::size_t row_stride = pairs * 2;
  for (std::size_t i = 0; i < count; ++i) {
    const Place place = PlaceInClass(position_class, first + i, w16());
    GatherContext(pass, k, position_class, place.row, place.column, s.rows.data() + i * row_stride,
                  s);
  }
  a.Gemm(*kernels, level, s.rows.data(), row_stride, count, std::span(runs).first(run_count),
         s.hidden_a.data());
  pass.b->Gemm(*kernels, level, s.hidden_a.data(), a.out_stride(), count, pass.b->segments(),
               s.hidden_b.data());
  const int group = GroupOf(k, position_class / 2, position_class % 2);
  const IntLayer& c = *pass.c[Size(group)];
  c.Gemm(*kernels, level, s.hidden_b.data(), pass.b->out_stride(), count, c.segments(),
         s.result.data());

  const std::size_t quarter = Size(prior->config.latent_channels / 4);
  for (std::size_t i = 0; i < count; ++i) {
    const Place place = PlaceInClass(position_class, first + i, w16());
    const std::size_t at = (place.row * w16() + place.column) * quarter;
    const std::int16_t* result = s.result.data() + i * c.out_stride();
    for (std::size_t j = 0; j < quarter; ++j) {
      table_index[at + j] = static_cast<std::uint8_t>(result[j]);
    }
    std::memcpy(mean_out.data() + at, result + quarter, quarter * sizeof(*result));
  }
}

AePriorTile::AePriorTile(std::unique_ptr<State> state) : state_(std::move(state)) {}
AePriorTile::AePriorTile(AePriorTile&&) noexcept = default;
AePriorTile& AePriorTile::operator=(AePriorTile&&) noexcept = default;
AePriorTile::~AePriorTile() = default;

Result<AePriorTile> AePriorTile::Create(const AePrior& prior, int level, int h64, int w64,
                                        int threads) {
  if (level < 0 || level >= AeConfig::kLevels) {
    return Status(StatusCode::kInvalidArgument, "quality level " + std::to_string(level) +
                                                    " is not in 0.." +
                                                    std::to_string(AeConfig::kLevels - 1));
  }
  if (h64 < 1 || h64 > kMaxAeTileSide || w64 < 1 || w64 > kMaxAeTileSide) {
    return Status(StatusCode::kInvalidArgument, "a tile of " + std::to_string(h64) + "x" +
                                                    std::to_string(w64) +
                                                    " units of 64 pixels, each side must be 1.." +
                                                    std::to_string(kMaxAeTileSide));
  }
  if (threads < 1 || threads > 1024) {
    return Status(StatusCode::kInvalidArgument,
                  std::to_string(threads) + " threads, expected 1..1024");
  }
  try {
    auto state = std::make_unique<State>();
    state->prior = prior.impl_;
    state->kernels = &KernelsFor(prior.impl_->isa);
    state->level = level;
    state->h64 = h64;
    state->w64 = w64;
    state->threads = threads;
    HALFMOON_RETURN_IF_ERROR(state->Allocate());
    return AePriorTile(std::move(state));
  } catch (const std::bad_alloc&) {
    return Status(StatusCode::kOutOfMemory, "not enough memory for the prior of a tile of " +
                                                std::to_string(h64) + "x" + std::to_string(w64) +
                                                " units of 64 pixels; use smaller tiles");
  }
}

int AePriorTile::h64() const { return state_->h64; }
int AePriorTile::w64() const { return state_->w64; }
int AePriorTile::latent_channels() const { return Int(state_->prior->config.latent_channels); }
std::span<const std::int32_t> AePriorTile::latent() const { return state_->y; }
std::span<const std::int16_t> AePriorTile::features() const { return state_->f; }

std::size_t AePriorTile::HyperSymbols() const {
  return Size(h64()) * Size(w64()) * Size(state_->prior->config.hyper_channels);
}

std::vector<std::size_t> AePriorTile::PassOffsets(int k) const {
  const std::size_t m = Size(latent_channels());
  std::vector<std::size_t> offsets;
  offsets.reserve(state_->positions());
  for (int row = 0; row < h16(); ++row) {
    for (int column = 0; column < w16(); ++column) {
      const std::size_t position = Size(row) * Size(w16()) + Size(column);
      offsets.push_back(position * m + Size(GroupOf(k, row, column)) * (m / 4));
    }
  }
  return offsets;
}

Status AePriorTile::SetHyperLatent(std::span<const std::int32_t> symbols) {
  State& s = *state_;
  s.has_hyper = false;
  if (symbols.size() != HyperSymbols()) {
    return {StatusCode::kInvalidArgument, std::to_string(symbols.size()) +
                                              " hyper symbols given, the tile has " +
                                              std::to_string(HyperSymbols())};
  }
  try {
    HALFMOON_RETURN_IF_ERROR(s.RunHyper(symbols));
  } catch (const std::bad_alloc&) {
    return {StatusCode::kOutOfMemory, "not enough memory for the hyper decoder of a tile"};
  }
  s.has_hyper = true;
  return ResetPasses();
}

Status AePriorTile::ResetPasses() {
  State& s = *state_;
  if (!s.has_hyper) return {StatusCode::kInvalidArgument, "SetHyperLatent must come first"};
  s.next_pass = 0;
  s.predicted = false;
  std::fill(s.x.begin(), s.x.end(), std::int16_t{0});
  std::fill(s.y.begin(), s.y.end(), 0);
  return Status::Ok();
}

Status AePriorTile::PredictPass(int k, std::span<std::uint8_t> table_index,
                                std::span<std::int16_t> mean) {
  State& s = *state_;
  if (!s.has_hyper || k != s.next_pass || k >= kAePasses) {
    return {StatusCode::kInvalidArgument, "PredictPass(" + std::to_string(k) +
                                              ") out of order; SetHyperLatent, then Predict and "
                                              "Commit of passes 0, 1, 2, 3"};
  }
  if (table_index.size() != SymbolsPerPass() || mean.size() != SymbolsPerPass()) {
    return {StatusCode::kInvalidArgument, "room for " + std::to_string(table_index.size()) +
                                              " table indices and " + std::to_string(mean.size()) +
                                              " means, a pass has " +
                                              std::to_string(SymbolsPerPass())};
  }
  const std::size_t per_class = s.positions() / 4;
  const std::size_t blocks = (per_class + kBlock - 1) / kBlock;
  ParallelFor(s.threads, 4 * blocks, [&](std::size_t worker, std::size_t i) {
    const std::size_t first = i % blocks * kBlock;
    s.PredictBlock(k, static_cast<int>(i / blocks), first, std::min(kBlock, per_class - first),
                   s.scratch[worker], table_index, mean);
  });
  std::copy(mean.begin(), mean.end(), s.mean.begin());
  s.predicted = true;
  return Status::Ok();
}

Status AePriorTile::CommitPass(int k, std::span<const std::int32_t> values) {
  State& s = *state_;
  if (!s.predicted || k != s.next_pass) {
    return {StatusCode::kInvalidArgument,
            "CommitPass(" + std::to_string(k) + ") without PredictPass of the same pass before"};
  }
  if (values.size() != SymbolsPerPass()) {
    return {StatusCode::kInvalidArgument, std::to_string(values.size()) +
                                              " values given, a pass has " +
                                              std::to_string(SymbolsPerPass())};
  }
  for (const std::int32_t value : values) {
    if (value < -kMaxAeValue || value > kMaxAeValue) {
      return {StatusCode::kCorrupt, "latent value " + std::to_string(value) +
                                        " is beyond the legal +-" + std::to_string(kMaxAeValue) +
                                        "; the stream is damaged"};
    }
  }
  const std::size_t m = Size(latent_channels());
  const std::size_t quarter = m / 4;
  std::size_t i = 0;
  for (int row = 0; row < h16(); ++row) {
    for (int column = 0; column < w16(); ++column) {
      const std::size_t position = Size(row) * Size(w16()) + Size(column);
      const std::size_t channel = Size(GroupOf(k, row, column)) * quarter;
      std::int32_t* y = s.y.data() + position * m + channel;
      std::int16_t* x = s.x.data() + position * s.x_stride + channel;
      for (std::size_t c = 0; c < quarter; ++c, ++i) {
        y[c] = values[i] + s.mean[i];
        x[c] = Saturate(y[c]);
      }
    }
  }
  ++s.next_pass;
  s.predicted = false;
  return Status::Ok();
}

}  // namespace halfmoon::runtime
