// halfmoon plot: the log of a training run in, its curves as SVG out.
#pragma once

#include "cli/command.h"

namespace halfmoon::cli {

void AddPlotCommand(CLI::App& app, int* exit_code);

}  // namespace halfmoon::cli
