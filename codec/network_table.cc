#include "codec/network_table.h"

#include <torch/version.h>

#include "codec/small_vqvae_model.h"
#include "codec/vae_model.h"
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

constexpr NetworkModels kModels = {VaeModel::LoadCodec,
                                   VaeModel::LoadGenerator,
                                   SmallVqvaeModel::LoadCodec,
                                   SmallVqvaeModel::LoadGenerator,
                                   LoadAeSearch,
                                   Info};

}  // namespace

const NetworkModels& LinkedNetworkModels() { return kModels; }

}  // namespace halfmoon
