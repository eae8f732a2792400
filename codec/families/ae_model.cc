#include "codec/families/ae_model.h"

#include <algorithm>
#include <cmath>
#include <cstring>

#include "bitstream/latent_coder.h"
#include "bitstream/trellis.h"
#include "codec/common/stopwatch.h"
#include "codec/tiling/tile_grid.h"

namespace halfmoon {
namespace {

using runtime::AePriorTile;
using runtime::AeResidual;
using runtime::AeSymbol;

// The nearest whole quality level: everything that selects probabilities uses it.
int NearestLevel(int q) { return (q + 128) >> 8; }

double SumBits(const CdfTables& tables, std::span<const std::uint8_t> index,
               std::span<const std::int32_t> symbols) {
  std::uint64_t cost = 0;
  for (std::size_t i = 0; i < symbols.size(); ++i) cost += tables.CostQ16(index[i], symbols[i]);
  return static_cast<double>(cost) / 65536;
}

// What a search has found lies where bits are cheap already, so that errors weigh more than
// kErrorWeight. Found by trying (docs/history/training-log.md, 30).
constexpr std::int64_t kSearchedErrorWeight = 40;

// Correct sees pixels through both transforms and the first once more.
WindowNeeds NeedsOfCorrection(const ModelAttributes& a) {
  const double latents = 2.0 * 4 * a.channels / (a.stride * a.stride), picture = 4 * 3;
  WindowNeeds needs = a.analysis;
  needs.bytes_per_pixel =
      std::max(a.analysis.bytes_per_pixel, a.synthesis.bytes_per_pixel) + latents + picture;
  needs.halo = 2 * a.analysis.halo + a.synthesis.halo;
  needs.window_budget = std::uint64_t{2} << 30;
  return needs;
}

// Of a map of such a size what is further than `halo` positions from cut sides.
Rect Inside(std::size_t width, std::size_t height, const CutSides& cut, std::size_t halo) {
  auto margin = [&](bool is_cut) { return is_cut ? halo : std::size_t{0}; };
  const std::size_t x = margin(cut.left), y = margin(cut.top);
  return {static_cast<std::uint32_t>(x), static_cast<std::uint32_t>(y),
          static_cast<std::uint32_t>(width - x - margin(cut.right)),
          static_cast<std::uint32_t>(height - y - margin(cut.bottom))};
}

// Of the plain quantiser's symbols.
void Dequantise(std::span<const std::int32_t> symbols, std::span<std::int32_t> values) {
  for (std::size_t i = 0; i < symbols.size(); ++i) values[i] = kAeStep * symbols[i];
}

}  // namespace

ModelAttributes TransformAttributes(const AeConfig& c, std::size_t file_bytes) {
  ModelAttributes a;
  a.stride = 16;
  a.channels = static_cast<int>(c.latent_channels);
  // Halos are whole latent positions.
  a.analysis.halo = static_cast<int>(16 * c.AnalysisHalo());
  a.synthesis.halo = static_cast<int>(16 * c.SynthesisHalo());
  // Floats per pixel at the peak: the pixels, three maps at 1/8 (one as wide as the pixels of its
  // block), latent and two maps at 1/16.
  const double at8 = static_cast<double>(2 * c.block_channels + 192) / 64;
  const double at16 = static_cast<double>(c.latent_channels + 2 * c.trunk_channels) / 256;
  // After them the refinement's: the latent, the last map at 1/8 and two at 1/4.
  const double refinement =
      c.refine_blocks == 0 ? 0
                           : static_cast<double>(2 * runtime::PadChannels(c.refine_channels)) / 16 +
                                 static_cast<double>(c.block_channels) / 64 +
                                 static_cast<double>(c.latent_channels) / 256;
  a.analysis.bytes_per_pixel = 4 * (3 + at8 + at16) + 8;
  a.synthesis.bytes_per_pixel = 4 * (3 + std::max(at8 + at16, refinement)) + 8;
  a.correction = a.analysis;
  // The file, and what of it is kept as 32-bit floats.
  a.resident_bytes = (std::uint64_t{20} << 20) + 3 * std::uint64_t{file_bytes};
  return a;
}

AeModel::AeModel(const AeConfig& config, std::size_t file_bytes, runtime::AePrior prior)
    : config_(config), prior_(std::move(prior)) {
  attributes_ = TransformAttributes(config, file_bytes);
  attributes_.correction = NeedsOfCorrection(attributes_);
  attributes_.dependent = prior_.dependent_tables() != nullptr;
  if (config.ms_ssim_share == 0) {
    attributes_.lambda = [config](int q) { return config.Lambda(static_cast<double>(q) / 256); };
  }
}

Result<std::unique_ptr<AeModel>> AeModel::Load(const runtime::WeightsFile& file, ModelParts parts) {
  HALFMOON_ASSIGN_OR_RETURN(const AeConfig config, FromMetadata<AeConfig>(file.metadata()));
  HALFMOON_ASSIGN_OR_RETURN(runtime::AePrior prior, runtime::AePrior::Load(file, config));
  std::unique_ptr<AeModel> model(new AeModel(config, file.size(), std::move(prior)));
  HALFMOON_ASSIGN_OR_RETURN(model->synthesis_, runtime::AeSynthesis::Load(file, config));
  if (parts == ModelParts::kBoth) {
    HALFMOON_ASSIGN_OR_RETURN(model->analysis_, runtime::AeAnalysis::Load(file, config));
  }
  return model;
}

Result<AnalysedLatents> AeModel::Analyse(const FloatPicture& x, int q, const EffortPlan& plan,
                                         int threads) const {
  HALFMOON_ENSURE(analysis_.has_value());
  AnalysedLatents latents;
  FloatLatent& y = latents.y;
  y = FloatLatent(x.width / 16, x.height / 16, Latents());
  analysis_->Run(prior_.isa(), x.samples.data(), y.height, y.width, q, threads, y.values.data());
  if (plan.correct) Correct(y, x.cut, q, threads);
  return latents;
}

// Each transform gets only what the next one needs.
void AeModel::Correct(FloatLatent& y, const CutSides& cut, int q, int threads) const {
  const std::size_t analysis = config_.AnalysisHalo(), synthesis = config_.SynthesisHalo();
  // What is right of y; of the picture decoded from it; of the latent found in that.
  const Rect known = Inside(y.width, y.height, cut, analysis),
             decoded = Inside(known.width, known.height, cut, synthesis),
             found = Inside(decoded.width, decoded.height, cut, analysis);

  std::vector<std::int32_t> rounded;
  rounded.reserve(std::size_t{known.width} * known.height * y.channels);
  for (std::size_t row = 0; row < known.height; ++row) {
    const float* from = y.at(known.x, known.y + row);
    for (std::size_t i = 0; i < known.width * y.channels; ++i)
      rounded.push_back(kAeStep * AeSymbol(from[i], 0));
  }
  FloatPicture x_hat(std::size_t{16} * known.width, std::size_t{16} * known.height);
  synthesis_.Run(prior_.isa(), rounded, known.height, known.width, q, threads,
                 x_hat.samples.data());

  std::vector<float> pixels;
  pixels.reserve(std::size_t{decoded.width} * decoded.height * 16 * 16 * 3);
  for (std::size_t row = 0; row < std::size_t{16} * decoded.height; ++row) {
    const float* from = x_hat.at(std::size_t{16} * decoded.x, std::size_t{16} * decoded.y + row);
    for (std::size_t i = 0; i < std::size_t{16} * decoded.width * 3; ++i)
      pixels.push_back(std::clamp(from[i], 0.0f, 1.0f));
  }
  x_hat = {};
  FloatLatent seen(decoded.width, decoded.height, y.channels);
  analysis_->Run(prior_.isa(), pixels.data(), seen.height, seen.width, q, threads,
                 seen.values.data());

  const std::size_t left = std::size_t{known.x} + decoded.x + found.x,
                    top = std::size_t{known.y} + decoded.y + found.y;
  for (std::size_t row = 0; row < found.height; ++row) {
    float* to = y.at(left, top + row);
    const float* from = seen.at(found.x, found.y + row);
    for (std::size_t i = 0; i < found.width * y.channels; ++i)
      to[i] += runtime::kAeCorrection * (static_cast<float>(AeSymbol(to[i], 0)) - from[i]);
  }
}

Result<std::vector<std::uint8_t>> AeModel::EncodeTile(const AnalysedLatents& latents, int q,
                                                      const EffortPlan& plan, int threads,
                                                      TileStats* stats) const {
  const FloatLatent& y = latents.y;
  const Quantiser quantiser = attributes_.dependent ? plan.quantiser : Quantiser::kPlain;
  if (!latents.z.empty()) return EncodeLatents(y, latents.z.values, q, quantiser, threads, stats);
  HALFMOON_ENSURE(analysis_.has_value());
  Stopwatch watch;
  std::vector<float> z(y.height / 4 * (y.width / 4) * HyperLatents());
  analysis_->RunHyper(prior_.isa(), y.values.data(), y.height, y.width, threads, z.data());
  const double seconds = watch.Lap();
  auto stream = EncodeLatents(y, z, q, quantiser, threads, stats);
  if (stats) stats->transform_seconds += seconds;
  return stream;
}

Result<std::vector<std::uint8_t>> AeModel::EncodeLatents(const FloatLatent& y,
                                                         std::span<const float> z, int q,
                                                         Quantiser quantiser, int threads,
                                                         TileStats* stats) const {
  Stopwatch watch;
  TileStats s;
  const int h64 = static_cast<int>(y.height / 4), w64 = static_cast<int>(y.width / 4);

  const int whole = NearestLevel(q);
  HALFMOON_ASSIGN_OR_RETURN(AePriorTile tile,
                            AePriorTile::Create(prior_, whole, h64, w64, threads));
  LatentEncoder coder(prior_.tables());

  const std::size_t hyper = tile.HyperSymbols();
  const auto z_channels = HyperLatents();
  std::vector<std::int32_t> symbols(hyper);
  std::vector<std::uint8_t> index(hyper);
  const auto z_table = prior_.z_table(whole);
  const auto z_mean = prior_.z_mean(whole);
  for (std::size_t i = 0; i < hyper; ++i) {
    index[i] = z_table[i % z_channels];
    symbols[i] = AeSymbol(z[i], z_mean[i % z_channels]);
  }
  HALFMOON_RETURN_IF_ERROR(tile.SetHyperLatent(symbols));
  s.prior_seconds += watch.Lap();
  coder.Append(index, symbols);
  s.estimated_bits += SumBits(prior_.tables(), index, symbols);
  s.symbols += hyper;
  s.entropy_seconds += watch.Lap();

  const std::size_t count = tile.SymbolsPerPass();
  const auto group = Latents() / 4;
  const DependentTables* const dependent =
      quantiser == Quantiser::kPlain ? nullptr : prior_.dependent_tables();
  const auto error_weight = quantiser == Quantiser::kSearched ? kSearchedErrorWeight : kErrorWeight;
  const int unit = dependent ? kResidualUnit : 1;
  index.resize(count);
  symbols.resize(count);
  std::vector<std::int16_t> mean(count);
  std::vector<std::int32_t> values(count);
  std::vector<std::int32_t> residuals(dependent ? count : 0);
  std::vector<std::uint8_t> tables(dependent ? count : 0);
  for (int k = 0; k < kAePasses; ++k) {
    HALFMOON_RETURN_IF_ERROR(tile.PredictPass(k, index, mean));
    const std::vector<std::size_t> offsets = tile.PassOffsets(k);
    std::vector<std::int32_t>& rounded = dependent ? residuals : symbols;
    for (std::size_t p = 0; p < offsets.size(); ++p) {
      const float* from = y.values.data() + offsets[p];
      for (std::size_t c = 0; c < group; ++c) {
        rounded[p * group + c] = AeResidual(from[c], mean[p * group + c], unit);
      }
    }
    s.prior_seconds += watch.Lap();
    if (dependent) {
      ChooseDependentSymbols(prior_.tables(), *dependent, index, residuals, error_weight, symbols);
      FollowPath(*dependent, index, symbols, values, tables);
    } else {
      Dequantise(symbols, values);
    }
    const std::vector<std::uint8_t>& table_index = dependent ? tables : index;
    coder.Append(table_index, symbols);
    s.estimated_bits += SumBits(prior_.tables(), table_index, symbols);
    s.symbols += count;
    s.entropy_seconds += watch.Lap();
    HALFMOON_RETURN_IF_ERROR(tile.CommitPass(k, values));
    s.prior_seconds += watch.Lap();
  }
  HALFMOON_ASSIGN_OR_RETURN(std::vector<std::uint8_t> stream, coder.Finish());
  s.entropy_seconds += watch.Lap();
  if (stats) *stats = s;
  return stream;
}

Result<TileLatent> AeModel::DecodeTile(const TileStream& stream, int threads,
                                       TileStats* stats) const {
  Stopwatch watch;
  TileStats s;
  const DependentTables* const dependent = stream.dependent ? prior_.dependent_tables() : nullptr;
  const int whole = NearestLevel(stream.q);
  HALFMOON_ASSIGN_OR_RETURN(AePriorTile tile,
                            AePriorTile::Create(prior_, whole, static_cast<int>(stream.height / 64),
                                                static_cast<int>(stream.width / 64), threads));
  const std::size_t hyper = tile.HyperSymbols();
  const std::size_t count = tile.SymbolsPerPass();
  s.symbols = hyper + kAePasses * count;
  HALFMOON_ASSIGN_OR_RETURN(LatentDecoder coder,
                            LatentDecoder::Create(prior_.tables(), stream.bytes, s.symbols));
  TileLatent latent;
  latent.symbols.resize(s.symbols);
  std::span<std::int32_t> rest(latent.symbols);

  std::vector<std::uint8_t> index(std::max(hyper, count));
  const auto z_table = prior_.z_table(whole);
  for (std::size_t i = 0; i < hyper; ++i) index[i] = z_table[i % z_table.size()];
  s.prior_seconds += watch.Lap();
  HALFMOON_RETURN_IF_ERROR(coder.Decode(std::span(index).first(hyper), rest.first(hyper)));
  s.entropy_seconds += watch.Lap();
  HALFMOON_RETURN_IF_ERROR(tile.SetHyperLatent(rest.first(hyper)));
  rest = rest.subspan(hyper);

  std::vector<std::int16_t> mean(count);
  std::vector<std::int32_t> values(count);
  for (int k = 0; k < kAePasses; ++k) {
    const std::span<std::uint8_t> scales = std::span(index).first(count);
    const std::span<std::int32_t> symbols = rest.first(count);
    HALFMOON_RETURN_IF_ERROR(tile.PredictPass(k, scales, mean));
    s.prior_seconds += watch.Lap();
    if (dependent != nullptr) {
      HALFMOON_RETURN_IF_ERROR(coder.DecodeDependent(*dependent, scales, symbols));
      FollowPath(*dependent, scales, symbols, values);
    } else {
      HALFMOON_RETURN_IF_ERROR(coder.Decode(scales, symbols));
      Dequantise(symbols, values);
    }
    s.entropy_seconds += watch.Lap();
    HALFMOON_RETURN_IF_ERROR(tile.CommitPass(k, values));
    rest = rest.subspan(count);
  }
  HALFMOON_RETURN_IF_ERROR(coder.Finish());
  const auto y = tile.latent();
  latent.values.assign(y.begin(), y.end());
  s.prior_seconds += watch.Lap();
  if (stats) *stats = s;
  return latent;
}

Result<FloatPicture> AeModel::Synthesise(std::span<const std::int32_t> values, int q,
                                         std::int64_t height, std::int64_t width,
                                         int threads) const {
  FloatPicture x(static_cast<std::size_t>(width), static_cast<std::size_t>(height));
  synthesis_.Run(prior_.isa(), values, x.height / 16, x.width / 16, q, threads, x.samples.data());
  return x;
}

}  // namespace halfmoon
