#include "codec/ae_model.h"

#include <cmath>
#include <cstring>

#include "bitstream/latent_coder.h"
#include "codec/stopwatch.h"
#include "models/networks/complexity.h"
#include "models/networks/weights_io.h"

namespace halfmoon {
namespace {

using networks::AeConfig;
using runtime::AePriorTile;

// The nearest whole quality level: everything that selects probabilities uses it.
int NearestLevel(int q) { return (q + 128) >> 8; }

torch::Tensor LevelTensor(int q) { return torch::full({1}, static_cast<float>(q) / 256.0f); }

// Symbols whose magnitude an encoder never exceeds. A trained latent stays far below; the clamp only
// keeps hostile weights or pixels from overflowing what the format can carry.
constexpr float kSymbolClamp = 1 << 19;

// round(y - m / 16) of one float latent, to the nearest, halves away from zero.
std::int32_t Residual(float y, std::int16_t mean) {
  const float r = std::round(y - static_cast<float>(mean) * (1.0f / 16));
  if (!(r > -kSymbolClamp)) return static_cast<std::int32_t>(-kSymbolClamp);  // NaN, too
  return static_cast<std::int32_t>(std::min(r, kSymbolClamp));
}

double SumBits(const CdfTables& tables, std::span<const std::uint8_t> index,
               std::span<const std::int32_t> symbols) {
  std::uint64_t cost = 0;
  for (std::size_t i = 0; i < symbols.size(); ++i) cost += tables.CostQ16(index[i], symbols[i]);
  return static_cast<double>(cost) / 65536;
}

}  // namespace

ModelGeometry TransformGeometry(const AeConfig& config) {
  ModelGeometry g;
  g.stride = 16;
  g.channels = static_cast<int>(config.latent_channels);
  // Halos are whole latent positions.
  const auto whole = [](int pixels) { return (pixels + 15) / 16 * 16; };
  g.analysis_halo = whole(networks::AnalysisHalo(config));
  g.synthesis_halo = whole(networks::SynthesisHalo(config));
  // A block at 1/8 holds about six maps of its width at once, 4 bytes each; beside it lie picture,
  // its rearrangement and the linear path's result, 12 bytes each.
  const double blocks = 6.0 * 4 * static_cast<double>(config.block_channels) / 64;
  g.analysis_bytes_per_pixel = g.synthesis_bytes_per_pixel = blocks + 48;
  return g;
}

AeModel::AeModel(AeConfig config, runtime::AePrior prior)
    : config_(config), geometry_(TransformGeometry(config)), prior_(std::move(prior)) {}

Result<std::unique_ptr<AeModel>> AeModel::Load(const runtime::WeightsFile& file, Parts parts) {
  HALFMOON_ASSIGN_OR_RETURN(const AeConfig config, AeConfig::FromMetadata(file.metadata()));
  HALFMOON_ASSIGN_OR_RETURN(runtime::AePrior prior, runtime::AePrior::Load(file));
  std::unique_ptr<AeModel> model(new AeModel(config, std::move(prior)));
  model->g_s_ = networks::Synthesis(config);
  model->inverse_gain_ = networks::LevelVector(config.level_anchors, config.latent_channels, true);
  HALFMOON_RETURN_IF_ERROR(networks::LoadModule(file, "g_s", *model->g_s_));
  HALFMOON_RETURN_IF_ERROR(networks::LoadModule(file, "gain.inverse", *model->inverse_gain_));
  if (parts == Parts::kBoth) {
    model->g_a_ = networks::Analysis(config);
    model->h_a_ = networks::HyperAnalysis(config);
    model->gain_ = networks::LevelVector(config.level_anchors, config.latent_channels, true);
    HALFMOON_RETURN_IF_ERROR(networks::LoadModule(file, "g_a", *model->g_a_));
    HALFMOON_RETURN_IF_ERROR(networks::LoadModule(file, "h_a", *model->h_a_));
    HALFMOON_RETURN_IF_ERROR(networks::LoadModule(file, "gain.forward", *model->gain_));
  }
  return model;
}

torch::Tensor AeModel::Analyse(const torch::Tensor& x, int q) const {
  torch::InferenceMode inference;
  const torch::Tensor level = LevelTensor(q);
  return g_a_(x, level) * gain_(level);
}

Result<std::vector<std::uint8_t>> AeModel::EncodeTile(const torch::Tensor& latent, int q, int threads,
                                                      TileStats* stats) const {
  HALFMOON_ENSURE(!h_a_.is_empty());
  torch::InferenceMode inference;
  Stopwatch watch;
  TileStats s;
  // Channels-last memory of one picture is [h][w][channels], the layout of the integer path.
  const torch::Tensor y = latent.contiguous(torch::MemoryFormat::ChannelsLast);
  const torch::Tensor z = h_a_(y).contiguous(torch::MemoryFormat::ChannelsLast);
  const float* y_data = y.data_ptr<float>();
  const float* z_data = z.data_ptr<float>();
  const int h64 = static_cast<int>(y.size(2) / 4), w64 = static_cast<int>(y.size(3) / 4);
  s.transform_seconds += watch.Lap();

  const int whole = NearestLevel(q);
  HALFMOON_ASSIGN_OR_RETURN(
      AePriorTile tile,
      AePriorTile::Create(prior_, whole, h64, w64, threads));
  LatentEncoder coder(prior_.tables());

  const std::size_t hyper = tile.HyperSymbols();
  const auto z_channels = static_cast<std::size_t>(config_.hyper_channels);
  std::vector<std::int32_t> symbols(hyper);
  std::vector<std::uint8_t> index(hyper);
  const auto z_table = prior_.z_table(whole);
  const auto z_mean = prior_.z_mean(whole);
  for (std::size_t i = 0; i < hyper; ++i) {
    index[i] = z_table[i % z_channels];
    symbols[i] = Residual(z_data[i], z_mean[i % z_channels]);
  }
  HALFMOON_RETURN_IF_ERROR(tile.SetHyperLatent(symbols));
  s.prior_seconds += watch.Lap();
  coder.Append(index, symbols);
  s.estimated_bits += SumBits(prior_.tables(), index, symbols);
  s.symbols += hyper;
  s.entropy_seconds += watch.Lap();

  const std::size_t count = tile.SymbolsPerPass();
  const auto group = static_cast<std::size_t>(config_.latent_channels / 4);
  symbols.resize(count);
  index.resize(count);
  std::vector<std::int16_t> mean(count);
  for (int k = 0; k < AeConfig::kPasses; ++k) {
    HALFMOON_RETURN_IF_ERROR(tile.PredictPass(k, index, mean));
    const std::vector<std::size_t> offsets = tile.PassOffsets(k);
    for (std::size_t p = 0; p < offsets.size(); ++p) {
      const float* from = y_data + offsets[p];
      for (std::size_t c = 0; c < group; ++c) {
        symbols[p * group + c] = Residual(from[c], mean[p * group + c]);
      }
    }
    HALFMOON_RETURN_IF_ERROR(tile.CommitPass(k, symbols));
    s.prior_seconds += watch.Lap();
    coder.Append(index, symbols);
    s.estimated_bits += SumBits(prior_.tables(), index, symbols);
    s.symbols += count;
    s.entropy_seconds += watch.Lap();
  }
  HALFMOON_ASSIGN_OR_RETURN(std::vector<std::uint8_t> stream, coder.Finish());
  s.entropy_seconds += watch.Lap();
  if (stats) *stats = s;
  return stream;
}

Result<TileLatent> AeModel::DecodeTile(std::span<const std::uint8_t> stream, int q,
                                       std::int64_t height, std::int64_t width, int threads,
                                       TileStats* stats) const {
  Stopwatch watch;
  TileStats s;
  const int whole = NearestLevel(q);
  HALFMOON_ASSIGN_OR_RETURN(AePriorTile tile,
                            AePriorTile::Create(prior_, whole, static_cast<int>(height / 64),
                                                static_cast<int>(width / 64), threads));
  const std::size_t hyper = tile.HyperSymbols();
  const std::size_t count = tile.SymbolsPerPass();
  s.symbols = hyper + AeConfig::kPasses * count;
  HALFMOON_ASSIGN_OR_RETURN(LatentDecoder coder,
                            LatentDecoder::Create(prior_.tables(), stream, s.symbols));
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
  for (int k = 0; k < AeConfig::kPasses; ++k) {
    const std::span<std::uint8_t> pass_index = std::span(index).first(count);
    HALFMOON_RETURN_IF_ERROR(tile.PredictPass(k, pass_index, mean));
    s.prior_seconds += watch.Lap();
    HALFMOON_RETURN_IF_ERROR(coder.Decode(pass_index, rest.first(count)));
    s.entropy_seconds += watch.Lap();
    HALFMOON_RETURN_IF_ERROR(tile.CommitPass(k, rest.first(count)));
    rest = rest.subspan(count);
  }
  HALFMOON_RETURN_IF_ERROR(coder.Finish());
  const auto y = tile.latent();
  latent.values.assign(y.begin(), y.end());
  s.prior_seconds += watch.Lap();
  if (stats) *stats = s;
  return latent;
}

torch::Tensor AeModel::Synthesise(std::span<const std::int32_t> values, int q, std::int64_t height,
                                  std::int64_t width) const {
  torch::InferenceMode inference;
  const torch::Tensor level = LevelTensor(q);
  const torch::Tensor y =
      torch::from_blob(const_cast<std::int32_t*>(values.data()),
                       {1, height / 16, width / 16, config_.latent_channels}, torch::kInt32)
          .to(torch::kFloat32)
          .mul_(networks::kLatentUnit)
          .permute({0, 3, 1, 2});  // channels-last
  return g_s_(y * inverse_gain_(level), level);
}

}  // namespace halfmoon
