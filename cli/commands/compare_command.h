// Subcommand "compare": all metrics between two pictures.
#pragma once

#include "cli/command.h"

namespace halfmoon::cli {

void AddCompareCommand(CLI::App& app, int* exit_code);

}  // namespace halfmoon::cli
