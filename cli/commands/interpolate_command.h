// halfmoon interpolate: pictures on the way between two.
#pragma once

#include "cli/command.h"

namespace halfmoon::cli {

void AddInterpolateCommand(CLI::App& app, int* exit_code);

}  // namespace halfmoon::cli
