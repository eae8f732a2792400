// halfmoon latent: one dimension of a code at a time.
#pragma once

#include "cli/command.h"

namespace halfmoon::cli {

void AddLatentCommand(CLI::App& app, int* exit_code);

}  // namespace halfmoon::cli
