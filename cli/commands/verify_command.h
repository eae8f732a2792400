// halfmoon verify: checks .hmn files down to the last symbol.
#pragma once

#include "cli/command.h"

namespace halfmoon::cli {

void AddVerifyCommand(CLI::App& app, int* exit_code);

}  // namespace halfmoon::cli
