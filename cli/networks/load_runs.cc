#include "cli/networks/requests.h"
#include "codec/store/network_models.h"

namespace halfmoon::cli {

Result<const NetworkRuns*> LoadNetworkRuns() {
  HALFMOON_ASSIGN_OR_RETURN(void* symbol, NetworkSymbol("halfmoon_network_runs"));
  return reinterpret_cast<const NetworkRuns* (*)()>(symbol)();
}

}  // namespace halfmoon::cli
