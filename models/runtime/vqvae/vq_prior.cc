#include "models/runtime/vqvae/vq_prior.h"

#include <algorithm>
#include <array>
#include <cstring>
#include <new>
#include <string>
#include <utility>

#include "models/runtime/layers/int_conv.h"
#include "models/runtime/layers/parallel.h"

namespace halfmoon::runtime {
namespace {

constexpr std::size_t kBlock = 24;  // positions a worker takes at once, as in int_conv.cc
static_assert(kBlock % kRowMultiple == 0);

std::size_t Size(std::int64_t value) { return static_cast<std::size_t>(value); }

Status Wrong(const std::string& what) {
  return {StatusCode::kInvalidArgument, "index prior: " + what};
}

// 2^(-i / 256) in units of 2^-16, i = 0..255: the i-th power of a root found by bisection in
// integers, so that no floating-point function decides a probability. bitstream/MODELS.md has the
// values' definition.
std::array<std::uint32_t, 256> MakePowers() {
  __extension__ using Wide = unsigned __int128;
  // r = floor(2^62 * 2^(-1/256)): 8 square roots of 1/2, each floor(sqrt(r * 2^62)).
  std::uint64_t root = std::uint64_t{1} << 61;
  for (int i = 0; i < 8; ++i) {
    const Wide target = static_cast<Wide>(root) << 62;
    std::uint64_t low = 0, high = std::uint64_t{1} << 62;
    while (high - low > 1) {
      const std::uint64_t middle = low + (high - low) / 2;
      (static_cast<Wide>(middle) * middle <= target ? low : high) = middle;
    }
    root = low;
  }
  std::array<std::uint32_t, 256> powers{};
  std::uint64_t power = std::uint64_t{1} << 62;
  for (std::uint32_t& p : powers) {
    p = static_cast<std::uint32_t>((power + (std::uint64_t{1} << 45)) >> 46);
    power = static_cast<std::uint64_t>((static_cast<Wide>(power) * root) >> 62);
  }
  return powers;
}

const std::array<std::uint32_t, 256>& Powers() {
  static const std::array<std::uint32_t, 256> powers = MakePowers();
  return powers;
}

// What a checked configuration holds.
int Int(std::int64_t value) { return static_cast<int>(value); }

}  // namespace

void FrequenciesFromLogits(std::span<const std::int16_t> logits,
                           std::span<std::uint16_t> frequencies) {
  const std::array<std::uint32_t, 256>& powers = Powers();
  const auto best = std::max_element(logits.begin(), logits.end());  // the first of them
  const int top = *best;
  std::array<std::uint32_t, 256> weight;
  std::uint32_t sum = 0;  // at most 256 * 2^16
  const std::size_t n = logits.size();
  for (std::size_t i = 0; i < n; ++i) {
    const auto below = static_cast<std::uint32_t>(top - logits[i]);  // 0..8190: a shift below 32
    weight[i] = powers[below & 255] >> (below >> 8);
    sum += weight[i];
  }
  const std::uint64_t share = (std::uint64_t{65536 - n} << 32) / sum;  // below 2^32
  std::uint32_t total = 0;
  for (std::size_t i = 0; i < n; ++i) {
    const auto f = static_cast<std::uint32_t>(1 + ((weight[i] * share) >> 32));
    frequencies[i] = static_cast<std::uint16_t>(f);
    total += f;
  }
  auto& first = frequencies[static_cast<std::size_t>(best - logits.begin())];
  first = static_cast<std::uint16_t>(first + (65536 - total));
}

// --- The networks ----------------------------------------------------------------------------

struct VqPrior::Impl {
  IndexPriorConfig config;
  Isa isa = Isa::kScalar;
  std::array<std::optional<IntLayer>, kVqPasses> a, b;
  std::vector<IntLayer> c;             // per stage
  std::vector<std::int8_t> embedding;  // [S][K][E]

  Status Read(const WeightsFile& file);
};

Status VqPrior::Impl::Read(const WeightsFile& file) {
  const int codes = Int(config.codes), stages = Int(config.stages),
            context = Int(config.context_channels), hidden = Int(config.context_hidden),
            out = Int(config.context_out);
  const auto load = [&](const LayerSpec& spec) -> Result<IntLayer> {
    HALFMOON_ASSIGN_OR_RETURN(const LayerTensors tensors, LoadLayerTensors(file, spec));
    return IntLayer::Pack(tensors);
  };
  for (int k = 0; k < kVqPasses; ++k) {
    const std::string n = std::to_string(k);
    HALFMOON_ASSIGN_OR_RETURN(a[Size(k)], load({.name = "prior.a" + n,
                                                .kernel = 3,
                                                .levels = stages,
                                                .inputs = {{context, kActivationBound}},
                                                .outputs = {{hidden, 0, kActivationBound}}}));
    HALFMOON_ASSIGN_OR_RETURN(b[Size(k)], load({.name = "prior.b" + n,
                                                .levels = stages,
                                                .inputs = {{hidden, kActivationBound}},
                                                .outputs = {{out, 0, kActivationBound}}}));
  }
  for (int s = 0; s < stages; ++s) {
    HALFMOON_ASSIGN_OR_RETURN(IntLayer layer,
                              load({.name = "prior.c" + std::to_string(s),
                                    .inputs = {{out, kActivationBound}},
                                    .outputs = {{codes, -kActivationBound, kActivationBound}}}));
    c.push_back(std::move(layer));
  }
  HALFMOON_ASSIGN_OR_RETURN(const TensorView view,
                            file.Get("prior.embedding", DType::kI8, {stages, codes, context}));
  embedding = view.Values<std::int8_t>();
  return Status::Ok();
}

Result<VqPrior> VqPrior::Load(const WeightsFile& file, const IndexPriorConfig& config,
                              std::optional<Isa> isa) {
  try {
    auto impl = std::make_shared<Impl>();
    HALFMOON_ASSIGN_OR_RETURN(impl->isa, ChooseIsa(isa));
    impl->config = config;
    HALFMOON_RETURN_IF_ERROR(impl->Read(file));
    return VqPrior(std::move(impl));
  } catch (const std::bad_alloc&) {
    return Status(StatusCode::kOutOfMemory, "not enough memory to load the prior");
  }
}

const IndexPriorConfig& VqPrior::config() const { return impl_->config; }
Isa VqPrior::isa() const { return impl_->isa; }

// --- One tile --------------------------------------------------------------------------------

struct VqPriorTile::State {
  std::shared_ptr<const VqPrior::Impl> prior;
  const Kernels* kernels = nullptr;
  std::size_t height = 0, width = 0;
  int threads = 1;
  int next_stage = 0, next_pass = 0;
  bool predicted = false;

  std::array<std::vector<std::uint32_t>, kVqPasses> positions;
  std::vector<std::int32_t> sum;  // [h][w][E]: sums of embeddings, |sum| <= 64 * 127
  std::vector<std::int16_t> u;    // the same, clamped to +-4095

  struct Scratch {
    std::vector<std::int16_t> rows, hidden, hidden_rows, out, out_rows, logits;
  };
  std::vector<Scratch> scratch;

  void PredictBlock(int stage, int k, std::size_t first, std::size_t count, Scratch& s,
                    std::span<std::uint16_t> frequencies) const;
};

void VqPriorTile::State::PredictBlock(int stage, int k, std::size_t first, std::size_t count,
                                      Scratch& s, std::span<std::uint16_t> frequencies) const {
  const IntLayer& a = *prior->a[Size(k)];
  const IntLayer& b = *prior->b[Size(k)];
  const IntLayer& c = prior->c[Size(stage)];
  const std::size_t channels = Size(prior->config.context_channels),
                    codes = Size(prior->config.codes);
  for (std::size_t r = 0; r < count; ++r) {
    const std::size_t position = positions[Size(k)][first + r];
    const std::size_t row = position / width, column = position % width;
    for (std::size_t tap = 0; tap < 9; ++tap) {
      std::int16_t* to = s.rows.data() + r * a.row_stride() + a.segment(tap).begin * 2;
      const std::size_t y = row + tap / 3, x = column + tap % 3;  // one too large
      if (y == 0 || y > height || x == 0 || x > width) {
        std::memset(to, 0, channels * sizeof(*to));
      } else {
        std::memcpy(to, u.data() + ((y - 1) * width + x - 1) * channels, channels * sizeof(*to));
      }
    }
  }
  a.Gemm(*kernels, stage, s.rows.data(), a.row_stride(), count, a.segments(), s.hidden.data());
  for (std::size_t r = 0; r < count; ++r) {
    b.GatherSegments(s.hidden.data() + r * a.out_stride(),
                     s.hidden_rows.data() + r * b.row_stride());
  }
  b.Gemm(*kernels, stage, s.hidden_rows.data(), b.row_stride(), count, b.segments(), s.out.data());
  for (std::size_t r = 0; r < count; ++r) {
    c.GatherSegments(s.out.data() + r * b.out_stride(), s.out_rows.data() + r * c.row_stride());
  }
  c.Gemm(*kernels, 0, s.out_rows.data(), c.row_stride(), count, c.segments(), s.logits.data());
  for (std::size_t r = 0; r < count; ++r) {
    FrequenciesFromLogits(std::span(s.logits).subspan(r * c.out_stride(), codes),
                          frequencies.subspan((first + r) * codes, codes));
  }
}

VqPriorTile::VqPriorTile(std::unique_ptr<State> state) : state_(std::move(state)) {}
VqPriorTile::VqPriorTile(VqPriorTile&&) noexcept = default;
VqPriorTile& VqPriorTile::operator=(VqPriorTile&&) noexcept = default;
VqPriorTile::~VqPriorTile() = default;

Result<VqPriorTile> VqPriorTile::Create(const VqPrior& prior, int h16, int w16, int threads) {
  if (h16 < 1 || w16 < 1 || h16 > kMaxVqTileSide || w16 > kMaxVqTileSide || threads < 1) {
    return Wrong("a tile of " + std::to_string(h16) + "x" + std::to_string(w16) +
                 " positions with " + std::to_string(threads) +
                 " threads; legal are sides of 1 to 4096 and at least one thread");
  }
  try {
    auto state = std::make_unique<State>();
    State& t = *state;
    t.prior = prior.impl_;
    t.kernels = &KernelsFor(prior.impl_->isa);
    t.height = Size(h16);
    t.width = Size(w16);
    t.threads = threads;
    const std::size_t count = t.height * t.width;
    for (std::size_t p = 0; p < count; ++p) {
      t.positions[(p / t.width + p % t.width) % 2].push_back(static_cast<std::uint32_t>(p));
    }
    t.sum.assign(count * Size(prior.config().context_channels), 0);
    t.u.assign(count * Size(prior.config().context_channels), 0);
    const IntLayer& a = *t.prior->a[0];
    const IntLayer& b = *t.prior->b[0];
    const IntLayer& c = t.prior->c[0];
    t.scratch.resize(Workers(threads, (count / 2 + kBlock) / kBlock));
    for (State::Scratch& s : t.scratch) {
      s.rows.assign(kBlock * a.row_stride(), 0);
      s.hidden.assign(kBlock * a.out_stride(), 0);
      s.hidden_rows.assign(kBlock * b.row_stride(), 0);
      s.out.assign(kBlock * b.out_stride(), 0);
      s.out_rows.assign(kBlock * c.row_stride(), 0);
      s.logits.assign(kBlock * c.out_stride(), 0);
    }
    return VqPriorTile(std::move(state));
  } catch (const std::bad_alloc&) {
    return Status(StatusCode::kOutOfMemory, "index prior: not enough memory for a tile of " +
                                                std::to_string(h16) + "x" + std::to_string(w16) +
                                                " positions");
  }
}

std::size_t VqPriorTile::IndexCount(int k) const { return state_->positions[Size(k)].size(); }
std::span<const std::uint32_t> VqPriorTile::Positions(int k) const {
  return state_->positions[Size(k)];
}

Status VqPriorTile::Predict(int stage, int k, std::span<std::uint16_t> frequencies) {
  State& t = *state_;
  if (stage != t.next_stage || k != t.next_pass || stage >= t.prior->config.stages) {
    return Wrong("stage " + std::to_string(stage) + ", pass " + std::to_string(k) +
                 " is not the next one");
  }
  const std::size_t count = t.positions[Size(k)].size();
  if (frequencies.size() != count * Size(t.prior->config.codes)) {
    return Wrong("wrong number of frequencies: " + std::to_string(frequencies.size()));
  }
  ParallelFor(t.threads, (count + kBlock - 1) / kBlock, [&](std::size_t worker, std::size_t block) {
    const std::size_t first = block * kBlock;
    t.PredictBlock(stage, k, first, std::min(kBlock, count - first), t.scratch[worker],
                   frequencies);
  });
  t.predicted = true;
  return Status::Ok();
}

Status VqPriorTile::Commit(int stage, int k, std::span<const std::uint8_t> indices) {
  State& t = *state_;
  const IndexPriorConfig& n = t.prior->config;
  if (!t.predicted || stage != t.next_stage || k != t.next_pass) {
    return Wrong("stage " + std::to_string(stage) + ", pass " + std::to_string(k) +
                 " was not predicted");
  }
  const std::vector<std::uint32_t>& at = t.positions[Size(k)];
  if (indices.size() != at.size()) {
    return Wrong("wrong number of indices: " + std::to_string(indices.size()));
  }
  for (const std::uint8_t index : indices) {
    if (index >= n.codes) return Wrong("index " + std::to_string(index) + " is not a code");
  }
  const std::size_t e = Size(n.context_channels);
  for (std::size_t i = 0; i < indices.size(); ++i) {
    const std::int8_t* from =
        t.prior->embedding.data() + (Size(stage) * Size(n.codes) + indices[i]) * e;
    for (std::size_t c = 0; c < e; ++c) {
      const std::size_t j = at[i] * e + c;
      t.sum[j] += from[c];
      t.u[j] = static_cast<std::int16_t>(
          std::clamp<std::int32_t>(t.sum[j], -kActivationBound, kActivationBound));
    }
  }
  t.predicted = false;
  t.next_pass = k + 1;
  if (t.next_pass == kVqPasses) {
    t.next_pass = 0;
    ++t.next_stage;
  }
  return Status::Ok();
}

}  // namespace halfmoon::runtime
