// What is known of the installed models: for `halfmoon models`. Internal; no LibTorch.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "halfmoon/status.h"
#include "models/config/architectures.h"

namespace halfmoon {

struct ModelReport {
  int id = 0;
  std::string name, architecture, file;
  std::string sha256;  // of the weights file
  std::string hash;    // 16 hex digits, ModelEntry::ShortHash(): as stored in .hmn files
  std::vector<std::string> previous_hashes;  // of earlier weights whose files are decoded as well
  std::string licence, data;
  std::string training, measured;  // JSON texts of the manifest
  std::int64_t parameters = 0;     // all tensors but the frequency tables
  ModelCosts costs;                // 0 for others than photographic codecs
};

// Loads and checks every model of the manifest. Errors: those of loading a model.
Result<std::vector<ModelReport>> ReportModels(const std::string& models_dir);

}  // namespace halfmoon
