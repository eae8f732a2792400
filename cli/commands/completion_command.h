// halfmoon completion, halfmoon man: what self_description.h makes, on standard output.
#pragma once

#include "cli/command.h"

namespace halfmoon::cli {

void AddCompletionCommand(CLI::App& app, int* exit_code);
void AddManCommand(CLI::App& app, int* exit_code);

}  // namespace halfmoon::cli
