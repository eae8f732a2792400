// halfmoon export: a training checkpoint in, a weights file and its manifest entry out.
#pragma once

#include "cli/command.h"

namespace halfmoon::cli {

void AddExportCommand(CLI::App& app, int* exit_code);

}  // namespace halfmoon::cli
