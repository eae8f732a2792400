#include "codec/vqvae_model.h"

#include <algorithm>
#include <cmath>

#include "bitstream/byte_io.h"
#include "bitstream/frequency_coder.h"
#include "bitstream/limits.h"
#include "codec/stopwatch.h"

namespace halfmoon {
namespace {

using networks::VqvaeConfig;
using runtime::VqPriorTile;

// Bits of every frequency 0..65535; [0] is not used.
const std::vector<float>& BitsOfFrequency() {
  static const std::vector<float> bits = [] {
    std::vector<float> b(65536, 16.0f);
    for (std::uint32_t f = 1; f < 65536; ++f) {
      b[f] = static_cast<float>(rans::BitsQ16(f)) / 65536.0f;
    }
    return b;
  }();
  return bits;
}

Status Damaged(const std::string& what) {
  return {StatusCode::kCorrupt,
          "latent stream: " + what + "; the file is damaged, get a fresh copy"};
}

// The codes of one stage, as the search over them wants them.
struct StageCodes {
  std::vector<float> by_dimension;  // [g][K]
  std::vector<float> half_squares;  // [K]

  StageCodes(std::span<const float> codes, std::size_t count, std::size_t g)
      : by_dimension(count * g), half_squares(count, 0) {
    for (std::size_t k = 0; k < count; ++k) {
      for (std::size_t i = 0; i < g; ++i) {
        const float v = codes[k * g + i];
        by_dimension[i * count + k] = v;
        half_squares[k] += 0.5f * v * v;
      }
    }
  }

  // The code of least |r - e|^2 + slope * bits. `cost`: [K], scratch.
  std::uint8_t Cheapest(const float* r, std::size_t g, float slope,
                        std::span<const std::uint16_t> frequencies, std::span<float> cost) const {
    const std::vector<float>& bits = BitsOfFrequency();
    const std::size_t count = cost.size();
    for (std::size_t k = 0; k < count; ++k) {
      cost[k] = half_squares[k] + 0.5f * slope * bits[frequencies[k]];
    }
    for (std::size_t i = 0; i < g; ++i) {
      const float* row = by_dimension.data() + i * count;
      const float v = r[i];
      for (std::size_t k = 0; k < count; ++k) cost[k] -= v * row[k];
    }
    return static_cast<std::uint8_t>(std::min_element(cost.begin(), cost.end()) - cost.begin());
  }
};

// A matrix [out, in] as a layer without bias.
Result<runtime::FloatPointwise> LoadMatrix(const runtime::WeightsFile& file, const std::string& name,
                                           std::int64_t out, std::int64_t in) {
  HALFMOON_ASSIGN_OR_RETURN(const std::vector<float> w, runtime::LoadFloats(file, name, {out, in}));
  const auto columns = static_cast<std::size_t>(in);
  return runtime::FloatPointwise::Pack(
      columns, static_cast<std::size_t>(out),
      [&](std::size_t n, std::size_t k) { return w[n * columns + k]; });
}

}  // namespace

VqvaeModel::VqvaeModel(const VqvaeConfig& config, const runtime::TransformDims& dims,
                       std::size_t file_bytes, runtime::VqPrior prior)
    : config_(config), geometry_(TransformGeometry(dims, file_bytes)), prior_(std::move(prior)) {
  geometry_.channels = static_cast<int>(config.stages);
}

Result<std::unique_ptr<VqvaeModel>> VqvaeModel::Load(const runtime::WeightsFile& file,
                                                     ModelParts parts) {
  HALFMOON_ASSIGN_OR_RETURN(const VqvaeConfig c, VqvaeConfig::FromMetadata(file.metadata()));
  HALFMOON_ASSIGN_OR_RETURN(const runtime::TransformDims dims, runtime::TransformDims::Read(file));
  HALFMOON_ASSIGN_OR_RETURN(runtime::VqPrior prior, runtime::VqPrior::Load(file));
  std::unique_ptr<VqvaeModel> model(new VqvaeModel(c, dims, file.size(), std::move(prior)));
  const std::int64_t m = c.transforms.latent_channels;
  HALFMOON_ASSIGN_OR_RETURN(model->g_s_, runtime::PixelSynthesis::Load(file, dims));
  HALFMOON_ASSIGN_OR_RETURN(model->unproject_, LoadMatrix(file, "g_s.unproject", m, c.dim));
  HALFMOON_ASSIGN_OR_RETURN(
      model->codes_, runtime::LoadFloats(file, "g_s.codes", {c.stages, c.codes, c.code_dim}));
  HALFMOON_ASSIGN_OR_RETURN(const runtime::TensorView support,
                            file.Get("g_s.support", runtime::DType::kI32, {c.stages, c.code_dim}));
  model->support_ = support.Values<std::int32_t>();
  for (const std::int32_t direction : model->support_) {
    if (direction < 0 || direction >= c.dim) {
      return Status(StatusCode::kModelCorrupt,
                    "tensor \"g_s.support\" has " + std::to_string(direction) + ", expected 0.." +
                        std::to_string(c.dim - 1) + "; fetch the model again");
    }
  }
  if (parts == ModelParts::kBoth) {
    HALFMOON_ASSIGN_OR_RETURN(model->g_a_, runtime::PixelAnalysis::Load(file, dims));
    HALFMOON_ASSIGN_OR_RETURN(model->project_, LoadMatrix(file, "g_a.project", c.dim, m));
    HALFMOON_ASSIGN_OR_RETURN(model->slopes_,
                              runtime::LoadFloats(file, "g_a.slopes", {c.stages}));
  }
  return model;
}

int VqvaeModel::StagesOf(int q) const {
  const int last = static_cast<int>(config_.stages) - 1;
  return 1 + (q * last + kMaxQuality / 2) / kMaxQuality;
}

int VqvaeModel::QOf(int stages) const {
  const int last = static_cast<int>(config_.stages) - 1;
  return last == 0 ? kMaxQuality : (stages - 1) * kMaxQuality / last;
}

Result<FloatLatent> VqvaeModel::Analyse(const FloatPicture& x, int, int threads) const {
  HALFMOON_ENSURE(g_a_.has_value());
  const auto level = static_cast<int>(256 * config_.analysis_level);
  const std::size_t m = project_.in(), d = project_.out(), padded = runtime::PadChannels(d);
  FloatLatent y(x.width / 16, x.height / 16, d);
  std::vector<float> latent(y.width * y.height * m);
  g_a_->Run(prior_.isa(), x.samples.data(), y.height, y.width, level, threads, {}, latent.data());
  const runtime::FloatKernels& kernels = runtime::FloatKernelsFor(prior_.isa());
  std::vector<float> row(y.width * padded);
  for (std::size_t i = 0; i < y.height; ++i) {
    project_.Run(kernels, latent.data() + i * y.width * m, m, y.width, row.data(), padded);
    for (std::size_t j = 0; j < y.width; ++j) std::copy_n(row.data() + j * padded, d, y.at(j, i));
  }
  return y;
}

Result<std::vector<std::uint8_t>> VqvaeModel::EncodeTile(const FloatLatent& y, int q, int threads,
                                                         TileStats* stats) const {
  HALFMOON_ENSURE(g_a_.has_value());
  std::vector<float> left = y.values;  // what the stages so far left over

  const auto d = static_cast<std::size_t>(config_.dim),
             g = static_cast<std::size_t>(config_.code_dim);
  const auto count = static_cast<std::size_t>(config_.codes);
  std::vector<float> cost(count), r(g);
  std::optional<StageCodes> codes;
  std::size_t prepared = 0;
  const auto choose = [&](std::size_t stage, std::span<const std::uint32_t> positions,
                          std::span<const std::uint16_t> frequencies, std::span<std::uint8_t> indices) {
    const std::span<const float> stage_codes = std::span(codes_).subspan(stage * count * g, count * g);
    const std::int32_t* support = support_.data() + stage * g;
    if (!codes || prepared != stage) codes.emplace(stage_codes, count, g);  // both passes of a stage
    prepared = stage;
    for (std::size_t i = 0; i < indices.size(); ++i) {
      float* from = left.data() + positions[i] * d;
      for (std::size_t j = 0; j < g; ++j) r[j] = from[support[j]];
      const std::uint8_t index = codes->Cheapest(r.data(), g, slopes_[stage],
                                                frequencies.subspan(i * count, count), cost);
      indices[i] = index;
      for (std::size_t j = 0; j < g; ++j) from[support[j]] -= stage_codes[index * g + j];
    }
  };
  return CodeTile(StagesOf(q), y.height, y.width, threads, choose, stats);
}

Result<std::vector<std::uint8_t>> VqvaeModel::EncodeIndices(const TileLatent& latent, int stages,
                                                            std::int64_t height, std::int64_t width,
                                                            int threads, TileStats* stats) const {
  const std::size_t h = static_cast<std::size_t>(height) / 16, w = static_cast<std::size_t>(width) / 16;
  const auto all = static_cast<std::size_t>(config_.stages);
  HALFMOON_ENSURE(stages >= 1 && stages <= config_.stages && latent.values.size() == h * w * all);
  const auto choose = [&](std::size_t stage, std::span<const std::uint32_t> positions,
                          std::span<const std::uint16_t>, std::span<std::uint8_t> indices) {
    for (std::size_t i = 0; i < indices.size(); ++i) {
      indices[i] = static_cast<std::uint8_t>(latent.values[positions[i] * all + stage] - 1);
    }
  };
  return CodeTile(stages, h, w, threads, choose, stats);
}

Result<std::vector<std::uint8_t>> VqvaeModel::CodeTile(int stages, std::size_t h, std::size_t w,
                                                       int threads, const Choose& choose,
                                                       TileStats* stats) const {
  Stopwatch watch;
  TileStats s;
  HALFMOON_ASSIGN_OR_RETURN(VqPriorTile tile,
                            VqPriorTile::Create(prior_, static_cast<int>(h), static_cast<int>(w), threads));
  const auto count = static_cast<std::size_t>(config_.codes);
  ByteWriter writer;
  writer.U8(static_cast<std::uint8_t>(stages));
  std::vector<std::uint16_t> frequencies;
  std::vector<std::uint8_t> indices;
  for (int stage = 0; stage < stages; ++stage) {
    FrequencyEncoder coder;
    for (int k = 0; k < runtime::kVqPasses; ++k) {
      const std::size_t n = tile.IndexCount(k);
      frequencies.resize(n * count);
      indices.resize(n);
      HALFMOON_RETURN_IF_ERROR(tile.Predict(stage, k, frequencies));
      s.prior_seconds += watch.Lap();
      choose(static_cast<std::size_t>(stage), tile.Positions(k), frequencies, indices);
      s.transform_seconds += watch.Lap();
      HALFMOON_RETURN_IF_ERROR(tile.Commit(stage, k, indices));
      coder.Append(frequencies, count, indices);
      s.symbols += n;
    }
    s.estimated_bits += static_cast<double>(coder.CostQ16()) / 65536;
    HALFMOON_ASSIGN_OR_RETURN(const std::vector<std::uint8_t> stream, coder.Finish());
    writer.VarU32(static_cast<std::uint32_t>(stream.size()));
    writer.Bytes(stream);
    s.entropy_seconds += watch.Lap();
  }
  if (stats) *stats = s;
  return std::move(writer).Take();
}

Result<TileLatent> VqvaeModel::DecodeTile(std::span<const std::uint8_t> stream, int,
                                          std::int64_t height, std::int64_t width, int threads,
                                          TileStats* stats) const {
  return DecodeStages(stream, static_cast<int>(config_.stages), height, width, threads, stats);
}

Result<TileLatent> VqvaeModel::DecodeStages(std::span<const std::uint8_t> stream, int stages,
                                            std::int64_t height, std::int64_t width, int threads,
                                            TileStats* stats) const {
  ByteReader reader(stream);
  const int written = reader.U8();
  if (!reader.ok() || written < 1 || written > config_.stages) {
    return Damaged("number of stages is " + std::to_string(written) + ", legal are 1 to " +
                   std::to_string(config_.stages));
  }
  const int used = std::clamp(stages, 1, written);
  const auto open = [&](int stage, std::size_t positions) -> Result<FrequencyDecoder> {
    const std::size_t size = reader.VarU32();
    const std::span<const std::uint8_t> part = reader.Bytes(size);
    if (reader.malformed())
      return Damaged("size of stage " + std::to_string(stage + 1) + " is malformed");
    if (!reader.ok()) {
      return Status(StatusCode::kTruncated,
                    "latent stream: ends within stage " + std::to_string(stage + 1) + " of " +
                        std::to_string(written) + "; the file is damaged, get a fresh copy");
    }
    return FrequencyDecoder::Create(part, positions);
  };
  HALFMOON_ASSIGN_OR_RETURN(TileLatent latent,
                            Walk(used, height, width, threads, open, true, stats));
  if (used == written && reader.remaining() != 0) {
    return Damaged(std::to_string(reader.remaining()) + " byte(s) left over after the last stage");
  }
  return latent;
}

Result<TileLatent> VqvaeModel::DrawTile(int stages, std::int64_t height, std::int64_t width,
                                        int threads,
                                        const std::function<std::uint32_t()>& next) const {
  if (stages < 1 || stages > config_.stages) {
    return Status(StatusCode::kInvalidArgument, "stages " + std::to_string(stages) +
                                                    " is out of range; legal are 1 to " +
                                                    std::to_string(config_.stages));
  }
  const auto open = [&](int, std::size_t positions) {
    std::vector<std::uint64_t> states;
    for (int lane = 0; lane < LaneCount(positions); ++lane) {
      // A leading one and 62 random bits: a legal state whose low bits, which choose symbols, are
      // even.
      const std::uint64_t high = next(), low = next();
      states.push_back(std::uint64_t{1} << 62 | (high << 32 | low) >> 2);
    }
    // A symbol takes at most half a word and a rounding loss.
    std::vector<std::uint32_t> words(positions / 2 + positions / 1024 + 8);
    for (std::uint32_t& word : words) word = next();
    return FrequencyDecoder::FromRandom(states, std::move(words), positions);
  };
  return Walk(stages, height, width, threads, open, false, nullptr);
}

Result<TileLatent> VqvaeModel::Walk(
    int stages, std::int64_t height, std::int64_t width, int threads,
    const std::function<Result<FrequencyDecoder>(int, std::size_t)>& open, bool check_end,
    TileStats* stats) const {
  Stopwatch watch;
  TileStats s;
  HALFMOON_ASSIGN_OR_RETURN(VqPriorTile tile,
                            VqPriorTile::Create(prior_, static_cast<int>(height / 16),
                                                static_cast<int>(width / 16), threads));
  const std::size_t positions = tile.IndexCount(0) + tile.IndexCount(1);
  const auto count = static_cast<std::size_t>(config_.codes);
  TileLatent latent;
  const auto all = static_cast<std::size_t>(config_.stages);
  latent.values.assign(positions * all, 0);
  latent.symbols.reserve(positions * static_cast<std::size_t>(stages));
  std::vector<std::uint16_t> frequencies;
  std::vector<std::uint8_t> indices;
  for (int stage = 0; stage < stages; ++stage) {
    HALFMOON_ASSIGN_OR_RETURN(FrequencyDecoder coder, open(stage, positions));
    for (int k = 0; k < runtime::kVqPasses; ++k) {
      const std::size_t n = tile.IndexCount(k);
      frequencies.resize(n * count);
      indices.resize(n);
      HALFMOON_RETURN_IF_ERROR(tile.Predict(stage, k, frequencies));
      s.prior_seconds += watch.Lap();
      HALFMOON_RETURN_IF_ERROR(coder.Decode(frequencies, count, indices));
      s.entropy_seconds += watch.Lap();
      HALFMOON_RETURN_IF_ERROR(tile.Commit(stage, k, indices));
      for (std::size_t i = 0; i < n; ++i) {
        latent.values[tile.Positions(k)[i] * all + static_cast<std::size_t>(stage)] = indices[i] + 1;
        latent.symbols.push_back(indices[i]);
      }
    }
    if (check_end) HALFMOON_RETURN_IF_ERROR(coder.Finish());
  }
  s.symbols = latent.symbols.size();
  s.prior_seconds += watch.Lap();
  if (stats) *stats = s;
  return latent;
}

void VqvaeModel::Dequantise(std::span<const std::int32_t> indices, float* z) const {
  const auto g = static_cast<std::size_t>(config_.code_dim);
  const auto count = static_cast<std::size_t>(config_.codes);
  std::fill_n(z, config_.dim, 0.0f);
  for (std::size_t s = 0; s < indices.size() && indices[s] != 0; ++s) {
    const float* code = codes_.data() + (s * count + static_cast<std::size_t>(indices[s] - 1)) * g;
    for (std::size_t j = 0; j < g; ++j) z[support_[s * g + j]] += code[j];
  }
}

Result<FloatPicture> VqvaeModel::Synthesise(std::span<const std::int32_t> values, int,
                                            std::int64_t height, std::int64_t width,
                                            int threads) const {
  FloatPicture x(static_cast<std::size_t>(width), static_cast<std::size_t>(height));
  const std::size_t w = x.width / 16, h = x.height / 16;
  const auto stages = static_cast<std::size_t>(config_.stages);
  // All positions that are there have the same number of stages; those of a lost tile have none.
  std::size_t used = 0;
  for (std::size_t p = 0; p < h * w; ++p) {
    while (used < stages && values[p * stages + used] != 0) ++used;
  }
  const auto level = static_cast<int>(std::lround(256 * config_.LevelOf(static_cast<double>(used))));
  const runtime::FloatKernels& kernels = runtime::FloatKernelsFor(prior_.isa());
  runtime::FloatMap y;
  y.Resize(h, w, unproject_.out());
  const std::size_t d = unproject_.in();
  std::vector<float> z(w * d);
  for (std::size_t i = 0; i < h; ++i) {
    for (std::size_t j = 0; j < w; ++j) {
      Dequantise(values.subspan((i * w + j) * stages, stages), z.data() + j * d);
    }
    unproject_.Run(kernels, z.data(), d, w, y.at(i, 0), y.stride);
  }
  g_s_.Run(prior_.isa(), y, std::max(level, 0), threads, x.samples.data());
  return x;
}

}  // namespace halfmoon
