#include "codec/model_report.h"

#include "models/runtime/weights/manifest.h"

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
    const Architecture* architecture = FindArchitecture(e.architecture);
    if (architecture != nullptr && architecture->costs != nullptr) {
      HALFMOON_ASSIGN_OR_RETURN(r.costs, architecture->costs(loaded.weights->metadata()));
    }
    reports.push_back(std::move(r));
  }
  return reports;
}

}  // namespace halfmoon
