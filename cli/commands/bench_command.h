// Subcommand "bench": speed of codecs over picture sizes.
#pragma once

#include "cli/command.h"

namespace halfmoon::cli {

void AddBenchCommand(CLI::App& app, int* exit_code);

}  // namespace halfmoon::cli
