// halfmoon_measuring.so: the commands that need other codecs or draw reports
// (measuring_commands.h). The only symbols that can be seen from outside.
#include <string_view>

#include "cli/commands/eval_command.h"
#include "cli/commands/plot_command.h"

#define HALFMOON_VISIBLE extern "C" __attribute__((visibility("default")))

HALFMOON_VISIBLE const char* halfmoon_measuring_build() { return HALFMOON_BUILD; }

// Null: no such command.
HALFMOON_VISIBLE halfmoon::cli::AddCommand halfmoon_measuring_command(const char* name) {
  using namespace halfmoon::cli;  // NOLINT: a table of its functions
  constexpr struct {
    std::string_view name;
    AddCommand add;
  } kCommands[] = {
      {"eval", AddEvalCommand}, {"measure", AddMeasureCommand}, {"plot", AddPlotCommand}};
  for (const auto& command : kCommands) {
    if (command.name == name) return command.add;
  }
  return nullptr;
}
