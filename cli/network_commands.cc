#include "cli/network_commands.h"

#include <CLI/CLI.hpp>
#include <algorithm>
#include <iterator>

#include "codec/store/network_models.h"

namespace halfmoon::cli {

bool IsNetworkCommand(std::string_view name) {
  return std::any_of(std::begin(kNetworkCommands), std::end(kNetworkCommands),
                     [&](const NetworkCommand& c) { return name == c.name; });
}

Status AddNetworkCommands(CLI::App& app, int* exit_code, bool load) {
  if (!load) {
    for (const NetworkCommand& c : kNetworkCommands) app.add_subcommand(c.name, c.description);
    return Status::Ok();
  }
  HALFMOON_ASSIGN_OR_RETURN(void* symbol, NetworkSymbol("halfmoon_network_command"));
  const auto find = reinterpret_cast<AddCommand (*)(const char*)>(symbol);
  for (const NetworkCommand& c : kNetworkCommands) {
    const AddCommand add = find(c.name);
    HALFMOON_ENSURE(add != nullptr);
    add(app, exit_code);
  }
  return Status::Ok();
}

}  // namespace halfmoon::cli
