#include "models/config/architectures.h"

#include "models/config/ae_config.h"
#include "models/config/index_transformer_config.h"
#include "models/config/small_picture_config.h"
#include "models/config/vqvae_config.h"

namespace halfmoon {
namespace {

ModelCosts Costs(const AeConfig& transforms, double prior_kmac) {
  return {transforms.AnalysisKmac(), transforms.SynthesisKmac(), prior_kmac,
          static_cast<int>(transforms.ReceptiveField())};
}

Result<ModelCosts> AeCosts(const ModelMetadata& metadata) {
  HALFMOON_ASSIGN_OR_RETURN(const AeConfig c, FromMetadata<AeConfig>(metadata));
  return Costs(c, c.PriorKmac());
}

Result<ModelCosts> VqvaeCosts(const ModelMetadata& metadata) {
  HALFMOON_ASSIGN_OR_RETURN(const VqvaeConfig c, FromMetadata<VqvaeConfig>(metadata));
  return Costs(c.transforms, c.PriorKmac());
}

using Draws = Architecture::Draws;
using ExportData = Architecture::ExportData;

constexpr Architecture kArchitectures[] = {
    {.name = AeConfig::kArchitecture,
     .codes_pictures = true,
     .has_search = true,
     .export_data = ExportData::kTables,
     .costs = AeCosts},
    {.name = VqvaeConfig::kArchitecture,
     .codes_pictures = true,
     .draws = Draws::kAlone,
     .costs = VqvaeCosts},
    {.name = VaeConfig::kArchitecture,
     .codes_pictures = true,
     .on_libtorch = true,
     .draws = Draws::kOwnPrior,
     .export_data = ExportData::kMixture},
    {.name = SmallVqvaeConfig::kArchitecture,
     .codes_pictures = true,
     .on_libtorch = true,
     .draws = Draws::kPriorFile},
    {.name = IndexTransformerConfig::kArchitecture, .on_libtorch = true},
    {.name = ClassifierConfig::kArchitecture, .on_libtorch = true},
};

}  // namespace

std::span<const Architecture> Architectures() { return kArchitectures; }

const Architecture* FindArchitecture(std::string_view name) {
  for (const Architecture& a : kArchitectures) {
    if (name == a.name) return &a;
  }
  return nullptr;
}

}  // namespace halfmoon
