#include "codec/model_report.h"

#include "models/networks/ae_config.h"
#include "models/networks/complexity.h"
#include "models/networks/vqvae_config.h"
#include "models/runtime/ae_prior.h"
#include "models/runtime/manifest.h"
#include "models/runtime/vq_prior.h"

namespace halfmoon {

Result<std::vector<ModelReport>> ReportModels(const std::string& models_dir) {
  HALFMOON_ASSIGN_OR_RETURN(const std::filesystem::path dir,
                            runtime::FindModelsDirectory(models_dir));
  HALFMOON_ASSIGN_OR_RETURN(const runtime::Manifest manifest, runtime::Manifest::Load(dir));
  std::vector<ModelReport> reports;
  for (const runtime::ModelEntry& e : manifest.entries()) {
    HALFMOON_ASSIGN_OR_RETURN(const runtime::LoadedWeights loaded,
                              runtime::LoadModel(manifest, e.id));
    ModelReport r;
    r.id = e.id;
    r.name = e.name;
    r.architecture = e.architecture;
    r.file = e.file;
    r.sha256 = e.sha256;
    r.hash = e.ShortHash();
    for (const auto& before : e.previous) r.previous_hashes.push_back(before.identity);
    r.licence = e.licence;
    r.data = e.data;
    r.training = e.training;
    r.measured = e.measured;
    for (const std::string& name : loaded.weights->names()) {
      if (name.starts_with("tables.") || name.starts_with("mixture.")) continue;  // not networks
      HALFMOON_ASSIGN_OR_RETURN(const runtime::TensorView view, loaded.weights->Get(name));
      r.parameters += static_cast<std::int64_t>(view.element_count());
    }
    if (e.architecture == "ae") {
      HALFMOON_ASSIGN_OR_RETURN(const networks::AeConfig config,
                                networks::AeConfig::FromMetadata(loaded.weights->metadata()));
      HALFMOON_ASSIGN_OR_RETURN(const runtime::AePrior prior,
                                runtime::AePrior::Load(*loaded.weights));
      r.analysis_kmac_per_pixel = networks::AnalysisKmac(config);
      r.synthesis_kmac_per_pixel = networks::SynthesisKmac(config);
      r.prior_kmac_per_pixel = prior.macs_per_pixel() / 1000;
      r.receptive_field = networks::SynthesisReceptiveField(config);
    }
    if (e.architecture == "vqvae") {
      HALFMOON_ASSIGN_OR_RETURN(const networks::VqvaeConfig config,
                                networks::VqvaeConfig::FromMetadata(loaded.weights->metadata()));
      HALFMOON_ASSIGN_OR_RETURN(const runtime::VqPrior prior,
                                runtime::VqPrior::Load(*loaded.weights));
      r.analysis_kmac_per_pixel = networks::AnalysisKmac(config.transforms);
      r.synthesis_kmac_per_pixel = networks::SynthesisKmac(config.transforms);
      r.prior_kmac_per_pixel = prior.macs_per_pixel() / 1000;
      r.receptive_field = networks::SynthesisReceptiveField(config.transforms);
    }
    reports.push_back(std::move(r));
  }
  return reports;
}

}  // namespace halfmoon
