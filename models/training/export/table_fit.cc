#include "models/training/export/table_fit.h"

#include <algorithm>
#include <span>
#include <string>

#include "bitstream/trellis.h"
#include "models/config/ae_config.h"
#include "models/runtime/ae/ae_prior.h"
#include "models/runtime/ae/ae_transforms.h"
#include "models/training/export/safetensors_writer.h"
#include "models/training/loop/worker_pool.h"

namespace halfmoon::training {
namespace {

constexpr std::size_t kFirstFitShare = 4;  // the first fit sees one picture in four

using runtime::AePriorTile;
using runtime::AeResidual;
using runtime::AeSymbol;

// The middle of a picture.
struct Middle {
  const Pack* pack = nullptr;
  const PackEntry* entry = nullptr;

  std::size_t height() const { return Side(entry->height); }
  std::size_t width() const { return Side(entry->width); }
  std::vector<float> Pixels() const {
    const std::size_t w = width(), h = height(), stride = std::size_t{entry->width} * 3;
    const std::size_t first =
        entry->offset + (entry->height - h) / 2 * stride + (entry->width - w) / 2 * 3;
    std::vector<float> pixels;
    for (std::size_t y = 0; y < h; ++y) {
      for (std::size_t i = 0; i < 3 * w; ++i) {
        pixels.push_back(static_cast<float>(pack->bytes[first + y * stride + i]) / 255);
      }
    }
    return pixels;
  }

 private:
  static std::size_t Side(std::uint32_t n) { return std::min<std::size_t>(n / 64 * 64, kFitSide); }
};

std::vector<Middle> Choose(const std::vector<Pack>& packs, bool validation) {
  std::vector<Middle> all, chosen;
  for (const Pack& pack : packs) {
    for (const PackEntry& e : pack.entries) {
      if (e.validation == validation && !e.grey && std::min(e.width, e.height) >= 64)
        all.push_back({&pack, &e});
    }
  }
  const std::size_t n = std::min(all.size(), kFitPictures);
  for (std::size_t i = 0; i < n; ++i) chosen.push_back(all[i * all.size() / n]);
  return chosen;
}

struct Model {
  runtime::AeAnalysis analysis;
  runtime::AePrior prior;

  static Result<Model> Load(const std::vector<std::uint8_t>& weights);
};

Result<Model> Model::Load(const std::vector<std::uint8_t>& weights) {
  HALFMOON_ASSIGN_OR_RETURN(const runtime::WeightsFile file,
                            runtime::WeightsFile::FromBytes(weights));
  HALFMOON_ASSIGN_OR_RETURN(const AeConfig config, FromMetadata<AeConfig>(file.metadata()));
  HALFMOON_ASSIGN_OR_RETURN(runtime::AeAnalysis analysis, runtime::AeAnalysis::Load(file, config));
  HALFMOON_ASSIGN_OR_RETURN(runtime::AePrior prior, runtime::AePrior::Load(file, config));
  static_assert(AeConfig::kLevels % kFitLevels == 0);
  if (prior.scales() != kScaleTables) {
    return Status(StatusCode::kModelMismatch,
                  "the weights file has " + std::to_string(prior.scales()) +
                      " scale indexes, expected " + std::to_string(kScaleTables) +
                      "; export it from its checkpoint");
  }
  return Model{std::move(analysis), std::move(prior)};
}

// The four passes of a latent, with one quantiser.
Status CountPasses(AePriorTile& tile, const CdfTables* path_tables, std::span<const float> y,
                   SymbolCounts* counts) {
  HALFMOON_RETURN_IF_ERROR(tile.ResetPasses());
  const std::size_t n = tile.SymbolsPerPass();
  const std::size_t group = n / tile.PassOffsets(0).size();
  std::vector<std::int32_t> residuals(n), symbols(n), values(n);
  std::vector<std::uint8_t> scales(n), tables(n);
  std::vector<std::int16_t> mean(n);
  const int unit = path_tables != nullptr ? kResidualUnit : 1;
  for (int k = 0; k < kAePasses; ++k) {
    HALFMOON_RETURN_IF_ERROR(tile.PredictPass(k, scales, mean));
    const std::vector<std::size_t> offsets = tile.PassOffsets(k);
    for (std::size_t i = 0; i < n; ++i)
      residuals[i] = AeResidual(y[offsets[i / group] + i % group], mean[i], unit);
    if (path_tables == nullptr) {
      for (std::size_t i = 0; i < n; ++i) {
        values[i] = kAeStep * residuals[i];
        counts->Add(scales[i], residuals[i]);
      }
    } else {
      ChooseDependentSymbols(*path_tables, kAeTables, scales, residuals, kErrorWeight, symbols);
      FollowPath(kAeTables, scales, symbols, values, tables);
      for (std::size_t i = 0; i < n; ++i) counts->Add(tables[i], symbols[i]);
    }
    HALFMOON_RETURN_IF_ERROR(tile.CommitPass(k, values));
  }
  return Status::Ok();
}

Status CountTile(const Model& m, const CdfTables& path_tables, const Middle& middle,
                 const std::vector<float>& pixels, int level, SymbolCounts* counts) {
  const AeConfig& config = m.prior.config();
  const std::size_t h16 = middle.height() / 16, w16 = middle.width() / 16;
  const auto hyper = static_cast<std::size_t>(config.hyper_channels);
  std::vector<float> y(h16 * w16 * static_cast<std::size_t>(config.latent_channels)),
      z(h16 / 4 * (w16 / 4) * hyper);
  m.analysis.Run(m.prior.isa(), pixels.data(), h16, w16, level << 8, 1, y.data());
  m.analysis.RunHyper(m.prior.isa(), y.data(), h16, w16, 1, z.data());
  HALFMOON_ASSIGN_OR_RETURN(
      AePriorTile tile,
      AePriorTile::Create(m.prior, level, static_cast<int>(h16 / 4), static_cast<int>(w16 / 4), 1));
  std::vector<std::int32_t> symbols(z.size());
  for (std::size_t i = 0; i < z.size(); ++i) {
    symbols[i] = AeSymbol(z[i], m.prior.z_mean(level)[i % hyper]);
    counts->Add(m.prior.z_table(level)[i % hyper], symbols[i]);
  }
  HALFMOON_RETURN_IF_ERROR(tile.SetHyperLatent(symbols));
  HALFMOON_RETURN_IF_ERROR(CountPasses(tile, nullptr, y, counts));
  return CountPasses(tile, &path_tables, y, counts);
}

// Of the symbols of these pictures. Counts are sums of integers: which worker adds what changes
// nothing.
Result<SymbolCounts> CountSymbols(const Model& model, const CdfTables& path_tables,
                                  const std::vector<Middle>& pictures, int threads) {
  constexpr int kStep = AeConfig::kLevels / kFitLevels;
  WorkerPool pool(std::max(1, threads));
  const auto workers = static_cast<std::size_t>(pool.size());
  std::vector<SymbolCounts> counts(workers);
  std::vector<Status> status(workers);
  pool.Run([&](int worker) {
    const auto w = static_cast<std::size_t>(worker);
    for (std::size_t i = w; i < pictures.size() && status[w].ok(); i += workers) {
      const std::vector<float> pixels = pictures[i].Pixels();
      for (int j = 0; j < kFitLevels && status[w].ok(); ++j) {
        const int level = j * kStep + static_cast<int>(i) % kStep;
        status[w] = CountTile(model, path_tables, pictures[i], pixels, level, &counts[w]);
      }
    }
  });
  for (const Status& s : status) HALFMOON_RETURN_IF_ERROR(s);
  for (std::size_t w = 1; w < workers; ++w) counts[0].Merge(counts[w]);
  return std::move(counts[0]);
}

Result<CdfTables> Prepare(const FrequencyTables& tables) {
  return CdfTables::Create(tables.sizes, tables.offsets, tables.frequencies);
}

Status NoPictures(const char* kind) {
  return {StatusCode::kInvalidArgument,
          std::string("the packs hold no ") + kind +
              " picture in colour of at least 64x64 pixels; make one of photographs"};
}

// In units of 2^-16 bit, as the coder pays.
double Cost(const CdfTables& tables, const SymbolCounts& counts) {
  double cost = 0;
  for (int t = 0; t < SymbolCounts::kTables; ++t) {
    for (int a = 0; a < SymbolCounts::kMagnitudes; ++a) {
      const auto n = static_cast<double>(counts.of(t)[static_cast<std::size_t>(a)]);
      cost += n * tables.CostQ16(static_cast<std::size_t>(t), a);
    }
  }
  return cost;
}

}  // namespace

Result<std::vector<std::uint8_t>> FitTablesOf(const std::vector<std::uint8_t>& weights,
                                              const std::vector<Pack>& packs, int threads,
                                              const std::map<std::string, std::string>& metadata) {
  HALFMOON_ASSIGN_OR_RETURN(const Model model, Model::Load(weights));
  const std::vector<Middle> pictures = Choose(packs, false);
  if (pictures.empty()) return NoPictures("training");
  std::vector<Middle> few;
  for (std::size_t i = 0; i < pictures.size(); i += kFirstFitShare) few.push_back(pictures[i]);
  HALFMOON_ASSIGN_OR_RETURN(const CdfTables normal, Prepare(MakeGaussianTables()));
  HALFMOON_ASSIGN_OR_RETURN(const SymbolCounts first, CountSymbols(model, normal, few, threads));
  HALFMOON_ASSIGN_OR_RETURN(const CdfTables better, Prepare(FitTables(first)));
  HALFMOON_ASSIGN_OR_RETURN(const SymbolCounts counts,
                            CountSymbols(model, better, pictures, threads));
  HALFMOON_ASSIGN_OR_RETURN(const runtime::WeightsFile file,
                            runtime::WeightsFile::FromBytes(weights));
  SafetensorsWriter writer;
  for (const auto& [key, value] : file.metadata()) writer.SetMetadata(key, value);
  for (const auto& [key, value] : metadata) writer.SetMetadata(key, value);
  writer.SetMetadata("tables", "fitted");
  for (const std::string& name : file.names()) {
    HALFMOON_ASSIGN_OR_RETURN(const runtime::TensorView t, file.Get(name));
    HALFMOON_RETURN_IF_ERROR(writer.AddBytes(name, t.dtype, t.shape, t.bytes));
  }
  HALFMOON_RETURN_IF_ERROR(AddAeTables(FitTables(counts), &writer));
  return writer.ToBytes();
}

Result<double> TableGain(const std::vector<std::uint8_t>& weights, const std::vector<Pack>& packs,
                         int threads) {
  HALFMOON_ASSIGN_OR_RETURN(const Model model, Model::Load(weights));
  const CdfTables& tables = model.prior.tables();
  if (tables.count() != SymbolCounts::kTables) {
    return Status(StatusCode::kModelMismatch,
                  "the weights file has " + std::to_string(tables.count()) +
                      " frequency tables, expected " + std::to_string(SymbolCounts::kTables) +
                      "; export it from its checkpoint");
  }
  const std::vector<Middle> pictures = Choose(packs, true);
  if (pictures.empty()) return NoPictures("validation");
  HALFMOON_ASSIGN_OR_RETURN(const SymbolCounts counts,
                            CountSymbols(model, tables, pictures, threads));
  HALFMOON_ASSIGN_OR_RETURN(const CdfTables before, Prepare(MakeGaussianTables()));
  return 100 * (1 - Cost(tables, counts) / Cost(before, counts));
}

}  // namespace halfmoon::training
