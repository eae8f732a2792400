// halfmoon sample: new pictures from a model.
#pragma once

#include "cli/command.h"

namespace halfmoon::cli {

void AddSampleCommand(CLI::App& app, int* exit_code);

}  // namespace halfmoon::cli
