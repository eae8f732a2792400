#include "codec/families/vqvae_model.h"

#include <algorithm>
#include <cmath>

#include "bitstream/frequency_coder.h"
#include "bitstream/limits.h"
#include "codec/common/stopwatch.h"

namespace halfmoon {
namespace {

// The share of (decoded - found) that is added to the latent. 0.7 to 0.9 save the same
// (docs/history/training-log.md, 35).
constexpr float kCorrection = 0.8f;
// Larger tiles (which must be asked for) are left as they are: they would need gigabytes.
constexpr std::size_t kLargestCorrected = 5 * (std::size_t{1} << 20) / 256;  // positions

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
Result<runtime::FloatPointwise> LoadMatrix(const runtime::WeightsFile& file,
                                           const std::string& name, std::int64_t out,
                                           std::int64_t in) {
  HALFMOON_ASSIGN_OR_RETURN(const std::vector<float> w, runtime::LoadFloats(file, name, {out, in}));
  const auto columns = static_cast<std::size_t>(in);
  return runtime::FloatPointwise::Pack(
      columns, static_cast<std::size_t>(out),
      [&](std::size_t n, std::size_t k) { return w[n * columns + k]; });
}

}  // namespace

VqvaeModel::VqvaeModel(const VqvaeConfig& config, std::size_t file_bytes, runtime::VqPrior prior)
    : config_(config), tiles_(std::move(prior)) {
  ModelAttributes& a = attributes_;
  a = TransformAttributes(config.transforms, file_bytes);
  a.channels = a.stages = static_cast<int>(config.stages);
  a.synthesis.bytes_per_pixel += 4 * static_cast<double>(config.dim) / 256;  // components
  // The networks' work, the picture twice, and the components four times.
  a.correction.tile_bytes_per_pixel =
      std::max(a.analysis.bytes_per_pixel, a.synthesis.bytes_per_pixel) +
      4 * (3 + 4 * static_cast<double>(config.dim) / 256);
}

Result<std::unique_ptr<VqvaeModel>> VqvaeModel::Load(const runtime::WeightsFile& file,
                                                     ModelParts parts) {
  HALFMOON_ASSIGN_OR_RETURN(const VqvaeConfig c, FromMetadata<VqvaeConfig>(file.metadata()));
  HALFMOON_ASSIGN_OR_RETURN(runtime::VqPrior prior, runtime::VqPrior::Load(file, c));
  std::unique_ptr<VqvaeModel> model(new VqvaeModel(c, file.size(), std::move(prior)));
  const std::int64_t m = c.transforms.latent_channels;
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
  const bool integers = runtime::HasIntegerTransforms(file);
  if (integers) {
    HALFMOON_ASSIGN_OR_RETURN(model->synthesis_,
                              LoadIntegers(file, c, model->support_, &model->codes_));
  } else {
    HALFMOON_ASSIGN_OR_RETURN(model->synthesis_, LoadFloats(file, c));
    HALFMOON_ASSIGN_OR_RETURN(
        model->codes_, runtime::LoadFloats(file, "g_s.codes", {c.stages, c.codes, c.code_dim}));
  }
  if (parts == ModelParts::kBoth) {
    if (integers) {
      HALFMOON_ASSIGN_OR_RETURN(model->g_a_, runtime::IntegerAnalysis::Load(file, c.transforms));
      HALFMOON_ASSIGN_OR_RETURN(model->y_units_, runtime::LoadFloats(file, "g_a.unit", {m}));
    } else {
      HALFMOON_ASSIGN_OR_RETURN(model->g_a_, runtime::PixelAnalysis::Load(file, c.transforms));
    }
    HALFMOON_ASSIGN_OR_RETURN(model->project_, LoadMatrix(file, "g_a.project", c.dim, m));
    HALFMOON_ASSIGN_OR_RETURN(model->slopes_, runtime::LoadFloats(file, "g_a.slopes", {c.stages}));
  }
  return model;
}

Result<VqvaeModel::InFloat> VqvaeModel::LoadFloats(const runtime::WeightsFile& file,
                                                   const VqvaeConfig& c) {
  InFloat parts;
  HALFMOON_ASSIGN_OR_RETURN(parts.unproject,
                            LoadMatrix(file, "g_s.unproject", c.transforms.latent_channels, c.dim));
  HALFMOON_ASSIGN_OR_RETURN(parts.g_s, runtime::PixelSynthesis::Load(file, c.transforms));
  return parts;
}

Result<VqvaeModel::InIntegers> VqvaeModel::LoadIntegers(const runtime::WeightsFile& file,
                                                        const VqvaeConfig& c,
                                                        std::span<const std::int32_t> support,
                                                        std::vector<float>* codes) {
  InIntegers parts;
  HALFMOON_ASSIGN_OR_RETURN(
      const runtime::TensorView whole,
      file.Get("g_s.codes", runtime::DType::kI16, {c.stages, c.codes, c.code_dim}));
  HALFMOON_ASSIGN_OR_RETURN(const runtime::TensorView shifts,
                            file.Get("g_a.code_shift", runtime::DType::kI32, {c.dim}));
  for (const std::int32_t shift : shifts.Values<std::int32_t>()) {
    if (shift < -30 || shift > 60) {
      return Status(StatusCode::kModelCorrupt, "tensor \"g_a.code_shift\" has " +
                                                   std::to_string(shift) +
                                                   ", expected -30..60; fetch the model again");
    }
    parts.units.push_back(std::ldexp(1.0f, -shift));
  }
  const std::vector<std::int16_t> values = whole.Values<std::int16_t>();
  const auto g = static_cast<std::size_t>(c.code_dim),
             stage = static_cast<std::size_t>(c.codes) * g;
  for (std::size_t i = 0; i < values.size(); ++i) {
    const auto direction = static_cast<std::size_t>(support[i / stage * g + i % g]);
    codes->push_back(static_cast<float>(values[i]) * parts.units[direction]);
  }
  HALFMOON_ASSIGN_OR_RETURN(
      parts.unproject,
      runtime::IntPointwise::Load(file, "g_s.unproject", static_cast<std::size_t>(c.dim),
                                  static_cast<std::size_t>(c.transforms.latent_channels)));
  HALFMOON_ASSIGN_OR_RETURN(parts.g_s, runtime::IntegerSynthesis::Load(file, c.transforms));
  return parts;
}

void VqvaeModel::Synthesise(const InFloat& parts, runtime::Isa isa, std::span<const float> z, int q,
                            int threads, FloatPicture* x) {
  const runtime::FloatKernels& kernels = runtime::FloatKernelsFor(isa);
  const std::size_t d = parts.unproject.in(), h = x->height / 16, w = x->width / 16;
  runtime::FloatMap y;
  y.Resize(h, w, parts.unproject.out());
  for (std::size_t i = 0; i < h; ++i) {
    parts.unproject.Run(kernels, z.data() + i * w * d, d, w, y.at(i, 0), y.stride);
  }
  parts.g_s.Run(isa, y, q, threads, x->samples.data());
}

void VqvaeModel::Synthesise(const InIntegers& parts, runtime::Isa isa, std::span<const float> z,
                            int q, int threads, FloatPicture* x) {
  const runtime::TransformKernels& kernels = runtime::TransformKernelsFor(isa);
  const std::size_t d = parts.units.size();
  runtime::IntMap whole, y;
  whole.Resize(x->height / 16, x->width / 16, d);
  for (std::size_t i = 0; i < z.size(); ++i) {
    // NaN, of a hostile model's encoder, becomes the lowest.
    const float v = std::min(std::max(-32768.0f, z[i] / parts.units[i % d]), 32767.0f);
    whole.values[i / d * whole.stride + i % d] = static_cast<std::int16_t>(std::nearbyint(v));
  }
  RunMap(kernels, parts.unproject, whole, &y, threads);
  std::vector<std::int16_t> samples(x->samples.size());
  parts.g_s.Run(isa, y, q, threads, samples.data());
  runtime::PixelsOfSamples(samples, x->height, x->width, x->samples.data());
}

int VqvaeModel::StagesOf(int q) const {
  const int last = static_cast<int>(config_.stages) - 1;
  return 1 + (q * last + kMaxQuality / 2) / kMaxQuality;
}

int VqvaeModel::QOf(int stages) const {
  const int last = static_cast<int>(config_.stages) - 1;
  return last == 0 ? kMaxQuality : (stages - 1) * kMaxQuality / last;
}

Result<AnalysedLatents> VqvaeModel::Analyse(const FloatPicture& x, int, const EffortPlan&,
                                            int threads) const {
  HALFMOON_ENSURE(g_a_.index() != 0);
  AnalysedLatents latents;
  latents.y = Components(x, threads);
  return latents;
}

FloatLatent VqvaeModel::Components(const FloatPicture& x, int threads) const {
  const auto level = static_cast<int>(256 * config_.analysis_level);
  const std::size_t m = project_.in(), d = project_.out(), padded = runtime::PadChannels(d);
  FloatLatent y(x.width / 16, x.height / 16, d);
  std::vector<float> latent(y.width * y.height * m);
  const runtime::Isa isa = tiles_.prior().isa();
  if (const auto* integers = std::get_if<runtime::IntegerAnalysis>(&g_a_)) {
    runtime::IntMap map;
    integers->Run(isa, runtime::SamplesOfPixels(x.samples.data(), x.height, x.width), y.height,
                  y.width, level, threads, &map);
    for (std::size_t i = 0; i < latent.size(); ++i)
      latent[i] = static_cast<float>(map.values[i / m * map.stride + i % m]) * y_units_[i % m];
  } else {
    std::get<runtime::PixelAnalysis>(g_a_).Run(isa, x.samples.data(), y.height, y.width, level,
                                               threads, {}, latent.data());
  }
  const runtime::FloatKernels& kernels = runtime::FloatKernelsFor(tiles_.prior().isa());
  std::vector<float> row(y.width * padded);
  for (std::size_t i = 0; i < y.height; ++i) {
    project_.Run(kernels, latent.data() + i * y.width * m, m, y.width, row.data(), padded);
    for (std::size_t j = 0; j < y.width; ++j) std::copy_n(row.data() + j * padded, d, y.at(j, i));
  }
  return y;
}

Result<std::vector<std::uint8_t>> VqvaeModel::EncodeTile(const AnalysedLatents& latents, int q,
                                                         const EffortPlan& plan, int threads,
                                                         TileStats* stats) const {
  HALFMOON_ENSURE(g_a_.index() != 0);
  const FloatLatent& y = latents.y;
  const int stages = StagesOf(q);
  std::vector<float> left;
  TileStats first;
  auto stream = Quantise(y, stages, threads, &left, &first);
  if (!plan.correct || y.width * y.height > kLargestCorrected || !stream.ok()) {
    if (stats) *stats = first;
    return stream;
  }
  Stopwatch watch;
  const FloatLatent corrected = Corrected(y, left, stages, threads);
  const double seconds = watch.Lap();
  TileStats second;
  stream = Quantise(corrected, stages, threads, &left, &second);
  second.transform_seconds += first.transform_seconds + seconds;
  second.prior_seconds += first.prior_seconds;
  second.entropy_seconds += first.entropy_seconds;
  if (stats) *stats = second;
  return stream;
}

FloatLatent VqvaeModel::Corrected(const FloatLatent& y, std::span<const float> left, int stages,
                                  int threads) const {
  std::vector<float> z(y.values.size());
  for (std::size_t i = 0; i < z.size(); ++i) z[i] = y.values[i] - left[i];
  FloatPicture x = PictureOf(z, y.height, y.width, stages, threads);
  for (float& v : x.samples) v = std::clamp(v, 0.0f, 1.0f);
  const FloatLatent found = Components(x, threads);
  // A tile is synthesised by itself, so what is found at its edges is a little wrong; leaving them
  // as they are loses more (docs/history/training-log.md, 35).
  FloatLatent corrected = y;
  for (std::size_t i = 0; i < z.size(); ++i)
    corrected.values[i] += kCorrection * (z[i] - found.values[i]);
  return corrected;
}

Result<std::vector<std::uint8_t>> VqvaeModel::Quantise(const FloatLatent& y, int stages,
                                                       int threads, std::vector<float>* rest,
                                                       TileStats* stats) const {
  std::vector<float>& left = *rest;  // what the stages so far left over
  left = y.values;

  const auto d = static_cast<std::size_t>(config_.dim),
             g = static_cast<std::size_t>(config_.code_dim);
  const auto count = static_cast<std::size_t>(config_.codes);
  std::vector<float> cost(count), r(g);
  std::optional<StageCodes> codes;
  std::size_t prepared = 0;
  const auto choose = [&](std::size_t stage, std::span<const std::uint32_t> positions,
                          std::span<const std::uint16_t> frequencies,
                          std::span<std::uint8_t> indices) {
    const std::span<const float> stage_codes =
        std::span(codes_).subspan(stage * count * g, count * g);
    const std::int32_t* support = support_.data() + stage * g;
    if (!codes || prepared != stage)
      codes.emplace(stage_codes, count, g);  // both passes of a stage
    prepared = stage;
    const double share = config_.SlopeShare(static_cast<std::int64_t>(stage));
    const auto slope = static_cast<float>(slopes_[stage] * share);
    for (std::size_t i = 0; i < indices.size(); ++i) {
      float* from = left.data() + positions[i] * d;
      for (std::size_t j = 0; j < g; ++j) r[j] = from[support[j]];
      const std::uint8_t index =
          codes->Cheapest(r.data(), g, slope, frequencies.subspan(i * count, count), cost);
      indices[i] = index;
      for (std::size_t j = 0; j < g; ++j) from[support[j]] -= stage_codes[index * g + j];
    }
  };
  return tiles_.Encode(stages, y.height, y.width, threads, choose, stats);
}

Result<std::vector<std::uint8_t>> VqvaeModel::EncodeIndices(const TileLatent& latent, int stages,
                                                            std::int64_t height, std::int64_t width,
                                                            int threads, TileStats* stats) const {
  return tiles_.EncodeValues(latent.values, stages, static_cast<std::size_t>(height) / 16,
                             static_cast<std::size_t>(width) / 16, threads, stats);
}

Result<TileLatent> VqvaeModel::DecodeTile(const TileStream& stream, int threads,
                                          TileStats* stats) const {
  const int stages = stream.stages == 0 ? static_cast<int>(config_.stages) : stream.stages;
  return tiles_.Decode(stream.bytes, stages, static_cast<std::size_t>(stream.height) / 16,
                       static_cast<std::size_t>(stream.width) / 16, threads, stats);
}

Result<TileLatent> VqvaeModel::DrawTile(int stages, std::int64_t height, std::int64_t width,
                                        int threads,
                                        const std::function<std::uint32_t()>& next) const {
  return tiles_.Draw(stages, static_cast<std::size_t>(height) / 16,
                     static_cast<std::size_t>(width) / 16, threads, next);
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
  const std::size_t w = static_cast<std::size_t>(width) / 16,
                    h = static_cast<std::size_t>(height) / 16;
  const auto stages = static_cast<std::size_t>(config_.stages);
  // All positions that are there have the same number of stages; those of a lost tile have none.
  std::size_t used = 0;
  for (std::size_t p = 0; p < h * w; ++p) {
    while (used < stages && values[p * stages + used] != 0) ++used;
  }
  const auto d = static_cast<std::size_t>(config_.dim);
  std::vector<float> z(h * w * d);
  for (std::size_t p = 0; p < h * w; ++p) {
    Dequantise(values.subspan(p * stages, stages), z.data() + p * d);
  }
  return PictureOf(z, h, w, static_cast<int>(used), threads);
}

FloatPicture VqvaeModel::PictureOf(std::span<const float> z, std::size_t h, std::size_t w,
                                   int stages, int threads) const {
  FloatPicture x(16 * w, 16 * h);
  const auto level =
      static_cast<int>(std::lround(256 * config_.LevelOf(static_cast<double>(stages))));
  std::visit(
      [&](const auto& parts) {
        Synthesise(parts, tiles_.prior().isa(), z, std::max(level, 0), threads, &x);
      },
      synthesis_);
  return x;
}

}  // namespace halfmoon
