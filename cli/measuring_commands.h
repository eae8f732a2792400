// The commands that need other codecs or draw reports, which the program loads only when one of
// them is asked for. No header of these libraries here.
#pragma once

#include <string_view>

#include "cli/command.h"
#include "halfmoon/status.h"

namespace halfmoon::cli {

// Adds them to `app`: with `load` the commands themselves, from halfmoon_measuring.so, otherwise
// their names alone. Errors: those of loading it.
Status AddMeasuringCommands(CLI::App& app, int* exit_code, bool load);

bool IsMeasuringCommand(std::string_view name);

}  // namespace halfmoon::cli
