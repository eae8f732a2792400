// halfmoon train: trains a model on pixel packs.
#pragma once

#include "cli/command.h"

namespace halfmoon::cli {

void AddTrainCommand(CLI::App& app, int* exit_code);

}  // namespace halfmoon::cli
