// halfmoon info: what the headers of .hmn files say; touches no model and no pixel.
#pragma once

#include "cli/command.h"

namespace halfmoon::cli {

void AddInfoCommand(CLI::App& app, int* exit_code);

}  // namespace halfmoon::cli
