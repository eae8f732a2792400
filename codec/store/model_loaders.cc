#include "codec/store/model_loaders.h"

#include "codec/families/ae_model.h"
#include "codec/families/vqvae_model.h"
#include "codec/generate/vqvae_generator.h"
#include "codec/store/network_models.h"

namespace halfmoon {
namespace {

Result<std::unique_ptr<EncodingModel>> AeCodec(const CodecRequest& r) {
  HALFMOON_ASSIGN_OR_RETURN(std::unique_ptr<EncodingModel> model, AeModel::Load(r.file, r.parts));
  return model;
}

Result<std::unique_ptr<EncodingModel>> VqvaeCodec(const CodecRequest& r) {
  HALFMOON_ASSIGN_OR_RETURN(std::unique_ptr<EncodingModel> model,
                            VqvaeModel::Load(r.file, r.parts));
  return model;
}

Result<std::unique_ptr<GenerativeModel>> VqvaeDraws(const GeneratorRequest& r) {
  return LoadVqvaeGenerator(r.file, r.threads);
}

// Of what runs without LibTorch; the rest is in network_table.cc.
constexpr ModelLoaders kLoaders[] = {
    {AeConfig::kArchitecture, AeCodec, nullptr},
    {VqvaeConfig::kArchitecture, VqvaeCodec, VqvaeDraws},
};

}  // namespace

Result<const ModelLoaders*> LoadersOf(const Architecture& architecture) {
  std::span<const ModelLoaders> all = kLoaders;
  if (architecture.on_libtorch) {
    HALFMOON_ASSIGN_OR_RETURN(const NetworkModels* networks, GetNetworkModels());
    all = networks->loaders;
  }
  for (const ModelLoaders& l : all) {
    if (std::string_view(l.architecture) == architecture.name) return &l;
  }
  return Status(StatusCode::kInternal,
                std::string("architecture '") + architecture.name + "' has no loaders");
}

}  // namespace halfmoon
