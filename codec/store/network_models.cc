#include "codec/store/network_models.h"

#include <mutex>

#include "codec/common/plugin.h"

namespace halfmoon {
namespace {

const NetworkModels* linked = nullptr;

}  // namespace

Result<void*> NetworkSymbol(const char* name) {
  static std::mutex mutex;
  static Plugin plugin({"halfmoon_networks.so", "HALFMOON_NETWORKS", "halfmoon_networks_build",
                        StatusCode::kModelMissing, "Halfmoon's LibTorch part",
                        "install the package halfmoon-networks, build with LibTorch"});
  const std::lock_guard lock(mutex);
  return plugin.Symbol(name);
}

Result<const NetworkModels*> GetNetworkModels() {
  if (linked != nullptr) return linked;
  HALFMOON_ASSIGN_OR_RETURN(void* symbol, NetworkSymbol("halfmoon_network_models"));
  return reinterpret_cast<const NetworkModels* (*)()>(symbol)();
}

void UseNetworkModels(const NetworkModels* models) { linked = models; }

}  // namespace halfmoon
