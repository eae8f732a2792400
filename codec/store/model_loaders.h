// What makes a model of an architecture (models/config/architectures.h) code or draw pictures.
// Internal; no LibTorch in this header.
#pragma once

#include <memory>
#include <string>

#include "codec/families/picture_model.h"
#include "codec/generate/generative_model.h"
#include "models/config/architectures.h"
#include "models/runtime/weights/safetensors.h"

namespace halfmoon {

struct CodecRequest {
  const runtime::WeightsFile& file;
  ModelParts parts;
};

struct GeneratorRequest {
  const runtime::WeightsFile& file;
  const runtime::WeightsFile* prior;  // the second file (Draws::kPriorFile), or null
  const std::string& prior_name;      // of the first one's own (Draws::kOwnPrior)
  int threads;
};

// Each is null where the architecture cannot. Errors of both: kModelCorrupt naming tensor or key;
// those of reading a prior.
struct ModelLoaders {
  const char* architecture;
  Result<std::unique_ptr<EncodingModel>> (*codec)(const CodecRequest&);
  Result<std::unique_ptr<GenerativeModel>> (*generator)(const GeneratorRequest&);
};

// Of an architecture that codes or draws pictures. Errors: those of GetNetworkModels for one that
// needs LibTorch; kInternal for one that has no line in a table.
Result<const ModelLoaders*> LoadersOf(const Architecture& architecture);

}  // namespace halfmoon
