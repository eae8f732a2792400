#include "cli/measuring_commands.h"

#include <CLI/CLI.hpp>
#include <algorithm>
#include <iterator>

#include "codec/common/plugin.h"

namespace halfmoon::cli {
namespace {

// What --help shows of a command that is not loaded. The same text as the command's own.
constexpr struct {
  const char *name, *description;  // no description: hidden
} kCommands[] = {
    {"eval", "Measure codecs over pictures, with real files; compare them, write a report"},
    {"measure", ""},
    {"plot", "Draw the curves of a training run as SVG or PNG"},
};

}  // namespace

bool IsMeasuringCommand(std::string_view name) {
  return std::any_of(std::begin(kCommands), std::end(kCommands),
                     [&](const auto& c) { return name == c.name; });
}

Status AddMeasuringCommands(CLI::App& app, int* exit_code, bool load) {
  if (!load) {
    for (const auto& c : kCommands) {
      CLI::App* command = app.add_subcommand(c.name, c.description);
      if (*c.description == '\0') command->group("");
    }
    return Status::Ok();
  }
  static Plugin plugin({"halfmoon_measuring.so", "HALFMOON_MEASURING", "halfmoon_measuring_build",
                        StatusCode::kUnsupportedFeature, "Halfmoon's measuring part",
                        "install the package halfmoon-measuring"});
  HALFMOON_ASSIGN_OR_RETURN(void* symbol, plugin.Symbol("halfmoon_measuring_command"));
  const auto find = reinterpret_cast<AddCommand (*)(const char*)>(symbol);
  for (const auto& c : kCommands) {
    const AddCommand add = find(c.name);
    HALFMOON_ENSURE(add != nullptr);
    add(app, exit_code);
  }
  return Status::Ok();
}

}  // namespace halfmoon::cli
