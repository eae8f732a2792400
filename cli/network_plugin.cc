// halfmoon_networks.so: what it offers to the program (codec/store/network_models.h). The only
// symbols that can be seen from outside.
#include <string_view>

#include "cli/commands/assess_command.h"
#include "cli/commands/demo_command.h"
#include "cli/commands/export_command.h"
#include "cli/commands/pack_command.h"
#include "cli/commands/train_command.h"
#include "codec/store/network_table.h"

#define HALFMOON_VISIBLE extern "C" __attribute__((visibility("default")))

HALFMOON_VISIBLE const char* halfmoon_networks_build() { return HALFMOON_BUILD; }

HALFMOON_VISIBLE const halfmoon::NetworkModels* halfmoon_network_models() {
  return &halfmoon::LinkedNetworkModels();
}

// Null: no such command.
HALFMOON_VISIBLE halfmoon::cli::AddCommand halfmoon_network_command(const char* name) {
  using namespace halfmoon::cli;                                 // NOLINT: a table of its functions
  halfmoon::UseNetworkModels(&halfmoon::LinkedNetworkModels());  // in the copy of the codec in here
  constexpr struct {
    std::string_view name;
    AddCommand add;
  } kCommands[] = {{"pack", AddPackCommand},
                   {"train", AddTrainCommand},
                   {"export", AddExportCommand},
                   {"assess", AddAssessCommand},
                   {"demo", AddDemoCommand}};
  for (const auto& command : kCommands) {
    if (command.name == name) return command.add;
  }
  return nullptr;
}
