#include "codec/store/network_table.h"

#include <torch/version.h>

#include "codec/generate/small_vqvae_model.h"
#include "codec/generate/vae_model.h"
#include "models/config/small_picture_config.h"
#include "models/networks/compute_threads.h"

namespace halfmoon {
namespace {

NetworkInfo Info() {
  NetworkInfo info;
  info.torch_version = TORCH_VERSION;
  info.blas = networks::BlasName();
  info.slow_blas = networks::BlasIsSlow();
  return info;
}

Result<std::unique_ptr<EncodingModel>> VaeCodec(const CodecRequest& r) {
  return VaeModel::LoadCodec(r.file);
}

Result<std::unique_ptr<GenerativeModel>> VaeDraws(const GeneratorRequest& r) {
  return VaeModel::LoadGenerator(r.file, r.prior_name, r.threads);
}

Result<std::unique_ptr<EncodingModel>> SmallVqvaeCodec(const CodecRequest& r) {
  return SmallVqvaeModel::LoadCodec(r.file);
}

Result<std::unique_ptr<GenerativeModel>> SmallVqvaeDraws(const GeneratorRequest& r) {
  return SmallVqvaeModel::LoadGenerator(r.file, r.prior, r.threads);
}

constexpr ModelLoaders kLoaders[] = {
    {VaeConfig::kArchitecture, VaeCodec, VaeDraws},
    {SmallVqvaeConfig::kArchitecture, SmallVqvaeCodec, SmallVqvaeDraws},
};

constexpr NetworkModels kModels = {kLoaders, LoadAeSearch, Info};

}  // namespace

const NetworkModels& LinkedNetworkModels() { return kModels; }

}  // namespace halfmoon
