// halfmoon models: lists the installed models.
#pragma once

#include "cli/command.h"

namespace halfmoon::cli {

void AddModelsCommand(CLI::App& app, int* exit_code);

}  // namespace halfmoon::cli
