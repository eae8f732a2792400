// halfmoon_networks.so: what it offers to the program (codec/store/network_models.h). The only
// symbols that can be seen from outside.
#include "cli/networks/runs.h"
#include "codec/store/network_table.h"

#define HALFMOON_VISIBLE extern "C" __attribute__((visibility("default")))

HALFMOON_VISIBLE const char* halfmoon_networks_build() { return HALFMOON_BUILD; }

HALFMOON_VISIBLE const halfmoon::NetworkModels* halfmoon_network_models() {
  return &halfmoon::LinkedNetworkModels();
}

HALFMOON_VISIBLE const halfmoon::cli::NetworkRuns* halfmoon_network_runs() {
  using namespace halfmoon::cli;                                 // NOLINT: a table of its functions
  halfmoon::UseNetworkModels(&halfmoon::LinkedNetworkModels());  // in the copy of the codec in here
  static constexpr NetworkRuns kRuns = {RunTrain, RunExport, RunAssess, RunDemo,
                                        halfmoon::MakePack};
  return &kRuns;
}
