// halfmoon rd: rate and distortion over a folder of pictures.
#pragma once

#include "cli/command.h"

namespace halfmoon::cli {

void AddRdCommand(CLI::App& app, int* exit_code);

}  // namespace halfmoon::cli
